#!/usr/bin/env python3
"""Records optimizers.json: what torch.optim makes of given gradients.

Three parameters' worth of values in one vector, six steps, learning rates that
change from step to step; float64, so that the recurrences are recorded and not
a rounding. Run with PyTorch 1.13 or later:  python3 optimizers.py > optimizers.json
"""
import json
import torch

START = [1.0, -2.0, 0.5]
GRADS = [[0.3, -0.1, 2.0], [0.1, 0.4, -1.0], [-0.2, 0.05, 0.0], [0.0, 0.0, 0.7], [1.5, -0.3, 0.01], [0.2, 0.2, -0.2]]
RATES = [0.1, 0.1, 0.05, 0.05, 0.02, 0.01]
CASES = {
    "sgd": lambda p: torch.optim.SGD(p, lr=1),
    "sgd decay": lambda p: torch.optim.SGD(p, lr=1, weight_decay=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9),
    "momentum decay": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, nesterov=True),
    "nesterov decay": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1, weight_decay=0),
    "adamw decay": lambda p: torch.optim.AdamW(p, lr=1, weight_decay=0.1),
    "adamw betas": lambda p: torch.optim.AdamW(p, lr=1, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.01),
}

values = {}
for name, make in CASES.items():
    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    opt = make([w])
    path = []
    for rate, grad in zip(RATES, GRADS):
        opt.param_groups[0]["lr"] = rate
        w.grad = torch.tensor(grad, dtype=torch.float64)
        opt.step()
        path.append(w.tolist())
    values[name] = path
print(json.dumps({"origin": "torch " + torch.__version__, "start": START, "grads": GRADS, "rates": RATES, "values": values}, indent=1))
