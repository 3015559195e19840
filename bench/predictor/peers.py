"""scikit-learn's SVR and MLP on the splits that main.go wrote. The features are the same; the SVR
(RBF, C = 10) and the MLP (3 x 400) are those of the published comparison. Run: python3 peers.py splits"""
import glob
import json
import sys
import time

import numpy as np
from scipy.stats import kendalltau
from sklearn.neural_network import MLPRegressor
from sklearn.svm import SVR

total = {}
for name in sorted(glob.glob(sys.argv[1] + "/split*.json")):
    s = json.load(open(name))
    x, y, t = np.array(s["x"]), np.array(s["y"]), s["test"]
    used = np.arange(x.shape[1])
    for n in (200, len(y) - t):
        xs, ys = x[t : t + n][:, used], y[t : t + n]
        centre, mu, sd = xs.mean(0), ys.mean(), ys.std()
        kinds = {
            "SVR": SVR(C=10, epsilon=0.01),
            "MLP": MLPRegressor((400, 400, 400), max_iter=300, random_state=0),
        }
        for kind, model in kinds.items():
            start = time.time()
            model.fit(xs - centre, (ys - mu) / sd)
            got = model.predict(x[:t][:, used] - centre) * sd + mu
            row = (kendalltau(got, y[:t])[0], np.sqrt(np.mean((got - y[:t]) ** 2)), time.time() - start)
            total.setdefault((kind, n), []).append(row)
for (kind, n), rows in total.items():
    tau, rmse, seconds = np.mean(rows, 0)
    print(f"{kind}, {n} rows, mean of {len(rows)}: tau {tau:.4f}, RMSE {rmse:.4f} points, {seconds:.1f} s")
