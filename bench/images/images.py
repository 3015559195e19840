#!/usr/bin/env python3
"""The peer of bench/images: Pillow and PyTorch, one image after the other, as validation scripts do.

python3 images.py WEIGHTS.pth NET.config LIST SIZE RESIZE; each line of stdin is answered by the seconds of all images and those of
reading them alone. PyTorch 1.13 on two threads; ONNX Runtime's Python package was not at hand.
"""
import os
import sys
import time

import torch

sys.argv[4:6] = sys.argv[4:6] or ["224", "256"]
source = open(os.path.join(os.path.dirname(__file__), "..", "quantise", "peer.py")).read()
exec(compile(source[: source.index("\nfolder = ")], "peer.py", "exec"))  # its network and its loading of images

torch.set_num_threads(2)
folder = os.path.dirname(sys.argv[3])
paths = []
for line in open(sys.argv[3]):
    path = os.path.join(folder, line.split()[0])
    paths.append(path if os.path.exists(path) else os.path.join(folder, "val", line.split()[0]))
with torch.inference_mode():
    for _ in sys.stdin:
        start, reading = time.perf_counter(), 0.0
        for path in paths:
            began = time.perf_counter()
            x = load(path)[None]
            reading += time.perf_counter() - began
            forward(x).argmax()
        print(time.perf_counter() - start, reading, flush=True)
