#!/usr/bin/env python3
"""The peer of bench/sandwich: the same sub-networks in PyTorch, channels-last.

The first line of stdin is a JSON list of networks, each a list of layers; every further line asks
for one step and is answered by its seconds. A step: forward and backward of the largest network
in float, of the others with fake-quantised weights (8 bits a channel) and inputs (8 bits) on the
largest one's outputs mixed with the labels, then one AdamW update of the largest network's
parameters. Each network has weights of its own: no slicing, no augmentation, which is in
PyTorch's favour.
"""
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


def fake(x, lo):
    scale = (6 - lo) / 255
    return torch.fake_quantize_per_tensor_affine(x, scale, round(-lo / scale), 0, 255)


class Conv(nn.Module):
    def __init__(self, l, quant, unsigned):
        super().__init__()
        self.conv = nn.Conv2d(l["In"], l["Out"], l["Kernel"], l["Stride"], l["Kernel"] // 2, groups=l["Groups"], bias=False)
        self.norm = nn.BatchNorm2d(l["Out"])
        self.relu, self.quant, self.lo = l["Act"] == "relu", quant, 0 if unsigned else -6

    def forward(self, x):
        w = self.conv.weight
        if self.quant:
            x = fake(x, self.lo)
            scale = w.detach().abs().amax((1, 2, 3)) / 127
            w = torch.fake_quantize_per_channel_affine(w, scale, torch.zeros(len(scale), dtype=torch.int32), 0, -127, 127)
        c = self.conv
        x = self.norm(F.conv2d(x, w, None, c.stride, c.padding, 1, c.groups))
        return F.relu(x, inplace=True) if self.relu else x


class Net(nn.Module):
    def __init__(self, layers, quant):
        super().__init__()
        self.kinds, mods, unsigned = [], [], False
        for i, l in enumerate(layers):
            start = i == 0 or l["Stage"] < 0 or (l["Stage"], l["Block"]) != (layers[i - 1]["Stage"], layers[i - 1]["Block"])
            self.kinds.append((l["Kind"], start))
            if l["Kind"] in ("conv", "pointwise", "depthwise"):
                mods.append(Conv(l, quant, unsigned))
                unsigned = l["Act"] == "relu"
            elif l["Kind"] == "linear":
                mods.append(nn.Linear(l["In"], l["Out"]))
            else:
                mods.append(nn.Identity())
                unsigned = unsigned and l["Kind"] != "add"
        self.mods = nn.ModuleList(mods)

    def forward(self, x):
        block = x
        for (kind, start), m in zip(self.kinds, self.mods):
            if start:
                block = x
            if kind == "add":
                x = x + block
            elif kind == "pool":
                x = x.mean((2, 3))
            else:
                x = m(x)
        return x


def main():
    batch, threads = int(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    nets = [Net(l, i > 0 and sys.argv[3] == "false").to(memory_format=torch.channels_last).train() for i, l in enumerate(json.loads(sys.stdin.readline()))]
    opt = torch.optim.AdamW(nets[0].parameters(), lr=0.001)
    x = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    y = F.one_hot(torch.randint(10, (batch,)), 10).float()
    for _ in sys.stdin:
        start = time.perf_counter()
        for n in nets:
            n.zero_grad(set_to_none=True)
        out = nets[0](x)
        F.cross_entropy(out, y, label_smoothing=0.1).backward()
        soft = 0.5 * F.softmax(out.detach(), 1) + 0.5 * y
        for n in nets[1:]:
            F.cross_entropy(n(x), soft).backward()
        torch.nn.utils.clip_grad_norm_(nets[0].parameters(), 5)
        opt.step()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
