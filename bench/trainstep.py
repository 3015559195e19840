#!/usr/bin/env python3
"""The peer of bench/trainstep: the same MobileNet-like net in PyTorch.

Speaks a line protocol on stdin/stdout so that the Go program can interleave
rounds with its own: each line "threads steps" is answered by the seconds that
that many whole steps (forward, backward, SGD with momentum) took.
Arguments: batch size, expansion, layout (nhwc or nchw), and true to
fake-quantise every convolution's input to 8 bits.
"""
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

# width, kernel, blocks, stride of the first
STAGES = [(24, 3, 2, 2), (40, 5, 3, 2), (80, 3, 3, 2), (96, 5, 3, 1)]
CLASSES = 12


class FakeQuant(nn.Module):
    """Clips to [lo, 6] and rounds to 8 bits, straight-through: one fused kernel each way."""

    def __init__(self, lo):
        super().__init__()
        self.scale = (6 - lo) / 255
        self.zero = round(-lo / self.scale)

    def forward(self, x):
        return torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero, 0, 255)


class Block(nn.Module):
    def __init__(self, cin, cout, t, k, s, quant):
        super().__init__()
        e = cin * t
        act = (lambda: FakeQuant(0)) if quant else (lambda: nn.ReLU(inplace=True))
        self.body = nn.Sequential(
            nn.Conv2d(cin, e, 1, bias=False), nn.BatchNorm2d(e), act(),
            nn.Conv2d(e, e, k, s, k // 2, groups=e, bias=False), nn.BatchNorm2d(e), act(),
            nn.Conv2d(e, cout, 1, bias=False), nn.BatchNorm2d(cout))
        self.skip = s == 1 and cin == cout
        self.out = FakeQuant(-6) if quant else nn.Identity()

    def forward(self, x):
        return self.out(x + self.body(x) if self.skip else self.body(x))


class Net(nn.Module):
    def __init__(self, t, quant):
        super().__init__()
        layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), FakeQuant(0) if quant else nn.ReLU(inplace=True)]
        c = 16
        for width, k, n, s in STAGES:
            for i in range(n):
                layers.append(Block(c, width, t, k, s if i == 0 else 1, quant))
                c = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(c, CLASSES)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def main():
    batch, t, layout = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    torch.manual_seed(1)
    fmt = torch.channels_last if layout == "nhwc" else torch.contiguous_format
    net = Net(t, sys.argv[4] == "true").to(memory_format=fmt).train()
    opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    x = torch.randn(batch, 3, 32, 32).contiguous(memory_format=fmt)
    y = F.one_hot(torch.randint(CLASSES, (batch,)), CLASSES).float()
    print("torch", torch.__version__, flush=True)
    for line in sys.stdin:
        threads, steps = map(int, line.split())
        torch.set_num_threads(threads)
        start = time.perf_counter()
        for _ in range(steps):
            opt.zero_grad(set_to_none=True)
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            opt.step()
        loss.item()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
