#!/usr/bin/env python3
"""The peer of bench/scoring: build each sub-network, measure its batch-norm statistics, run it.

Every line of stdin is a JSON list of networks, each a list of layers; it is answered by the seconds that
scoring all of them takes: in float, or with weights and inputs of layers rounded to 8 bits, channels-last,
batch norm in inference mode after one pass over the calibration images.
"""
import json
import os
import sys
import time

import torch

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "sandwich"))
from sandwich import Net  # noqa: E402


def score(layers, quantised, calibration, images):
    net = Net(layers, quantised).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        net.train()
        for m in net.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                m.momentum = None
        net(calibration)
        net.eval()
        return sum((net(b).argmax(1) == 0).sum().item() for b in images)


def main():
    threads, calibration, images = map(int, sys.argv[1:4])
    quantised = sys.argv[4] == "true"
    torch.set_num_threads(threads)
    draw = lambda n: torch.randn(n, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    first, rest = draw(calibration), [b.contiguous(memory_format=torch.channels_last) for b in draw(images).split(64)]
    for line in sys.stdin:
        start = time.perf_counter()
        for layers in json.loads(line):
            score(layers, quantised, first, rest)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
