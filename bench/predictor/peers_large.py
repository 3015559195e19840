"""PyTorch's and scikit-learn's MLP (3 x 400) on the 50,000 rows that `-large` wrote, and numpy's
forward pass of that network. Run: python3 peers_large.py splits [torch] [sklearn] [numpy]"""
import json
import sys
import time

import numpy as np

folder, which = sys.argv[1], sys.argv[2:] or ["torch", "sklearn", "numpy"]
ours = json.load(open(folder + "/large.json"))
held = ours["held"]
x = np.fromfile(folder + "/x.f32", "<f4").reshape(-1, ours["width"])
y = np.fromfile(folder + "/y.f64", "<f8") * 100
mean, std = x[held:].mean(0), x[held:].std(0)
x = ((x - mean) / np.where(std > 1e-6, std, 1)).astype("f4")
centre, size = y[held:].mean(), y[held:].std()
z = ((y - centre) / size).astype("f4")


def tell(name, seconds, got):
    error = np.sqrt(np.mean((got * size + centre - y[:held]) ** 2))
    print(f"{name}: {seconds:.1f} s ({seconds / ours['seconds']:.2f} times hanas), RMSE {error:.4f} points (hanas {ours['rmse_pp']:.4f})", flush=True)


def torch_mlp(rate, batch, epochs, cosine, decay):
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(2)
    torch.set_flush_denormal(True)  # strong decay makes weights so small that they are slow
    width = [x.shape[1], 400, 400, 400, 1]
    layers = []
    for a, b in zip(width, width[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    net = nn.Sequential(*layers[:-1])
    start = time.time()
    tx, tz = torch.from_numpy(x[held:]), torch.from_numpy(z[held:, None])
    opt = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    steps = epochs * (len(tx) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, rate, total_steps=steps, pct_start=0.05) if cosine else None
    for _ in range(epochs):
        order = torch.randperm(len(tx))
        for i in range(len(tx) // batch):
            pick = order[i * batch : (i + 1) * batch]
            loss = ((net(tx[pick]) - tz[pick]) ** 2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            if schedule:
                schedule.step()
    seconds = time.time() - start
    with torch.no_grad():
        got = net(torch.from_numpy(x[:held])).numpy()[:, 0]
    tell(f"PyTorch, rate {rate}, batch {batch}, {epochs} epochs, decay {decay}, {'one cycle' if cosine else 'constant rate'}", seconds, got)


if "torch" in which:
    torch_mlp(4e-3, 256, 14, True, 1)
    torch_mlp(1e-3, 256, 14, False, 1e-4)
if "sklearn" in which:
    from sklearn.neural_network import MLPRegressor

    start = time.time()
    model = MLPRegressor((400, 400, 400), random_state=0)
    model.fit(x[held:], z[held:])
    tell(f"scikit-learn, its defaults, {model.n_iter_} epochs", time.time() - start, model.predict(x[:held]))
if "numpy" in which:
    rng = np.random.default_rng(0)
    width = [x.shape[1], 400, 400, 400, 1]
    w = [rng.normal(size=(a, b)).astype("f4") * 0.1 for a, b in zip(width, width[1:])]
    bias = [np.zeros(b, "f4") for b in width[1:]]
    rates = []
    for batch in (256, 5000):
        h0 = x[:batch]
        for _ in range(7):
            start = time.time()
            n = max(1, 30000 // batch)
            for _ in range(n):
                h = h0
                for i in range(4):
                    h = h @ w[i] + bias[i]
                    if i < 3:
                        h = np.maximum(h, 0)
            rates.append(batch * n / (time.time() - start))
        best = sorted(rates)[len(rates) // 2]
        print(f"numpy forward, batch {batch}: {best:.0f} archs/s; hanas {ours['archs_per_second']:.0f}, {ours['archs_per_second'] / best:.2f} times")
        rates = []
