"""Once-for-All MobileNetV3 sub-networks in PyTorch: the other side of the import tests.

    python3 bench/ofa/ofa.py golden DATA > supernet/testdata/ofa.json
    python3 bench/ofa/ofa.py save DATA 1.0 FILE.pth [legacy]

DATA holds ofa_mbv3_d234_e346_k357_w1.{0,2}.state_dict.tsv (names and shapes). Weights are
pseudo-random: each tensor's numbers follow from its name. `golden` prints logits of sub-networks
by torch.nn.functional, sliced and transformed as the paper says (Cai et al. 2020); `save` writes
the weights as torch.save does.
"""
import json, sys
import numpy as np
import torch
import torch.nn.functional as F

M = (1 << 64) - 1


def uniform(name, n):
    state = 0xCBF29CE484222325
    for c in name.encode():
        state = ((state ^ c) * 0x100000001B3) & M
    z = np.uint64(state) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.int64) - (1 << 23)) / float(1 << 23)


def fill(name, shape):
    n, fan = int(np.prod(shape)), int(np.prod(shape[1:]))
    u, base, scale = uniform(name, n), 0.0, 0.25
    if name.endswith("running_var"):
        base, scale = 1.0, 0.5
    elif name.endswith("bn.weight"):
        base = 0.6
    elif name.endswith("_matrix"):
        scale = 0.1
        u[:: fan + 1] += 10
    elif len(shape) > 1:
        scale = np.sqrt(6 / fan)
    return torch.tensor((base + scale * u).astype(np.float32).reshape(shape))


def load(data, width, published=False):
    out = {}
    for line in open(f"{data}/ofa_mbv3_d234_e346_k357_w{width}.state_dict.tsv"):
        part = line.rstrip("\n").split("\t")
        if line.startswith("#"):
            continue
        name = part[2] if published and len(part) > 2 else part[0]
        out[name] = torch.tensor(0) if part[1] == "scalar" else fill(part[0], [int(d) for d in part[1].split("x")])
    return out


def divisible(v, d=8):
    n = max(d, int(v + d / 2) // d * d)
    return n + d if n < 0.9 * v else n


def hsigmoid(x):
    return F.relu6(x + 3) / 6


ACTS = {"": lambda x: x, "relu": F.relu, "h_swish": lambda x: x * hsigmoid(x)}
STAGES = [(2, "relu", False), (2, "relu", True), (2, "h_swish", False), (1, "h_swish", True), (2, "h_swish", True)]


class Net:
    def __init__(self, w, recalibrate):
        self.w, self.recalibrate = w, recalibrate

    def norm(self, x, name):
        c = x.shape[1]
        get = lambda s: self.w[name + s][:c]
        if self.recalibrate:  # the batch's own statistics, variance over n
            mean = x.mean((0, 2, 3))
            var = ((x - mean[:, None, None]) ** 2).mean((0, 2, 3))
        else:
            mean, var = get(".running_mean"), get(".running_var")
        return F.batch_norm(x, mean, var, get(".weight"), get(".bias"), False, 0, 1e-5)

    def conv(self, x, weight, bn, act, stride=1, groups=1):
        x = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, 1, groups)
        return ACTS[act](self.norm(x, bn) if bn else x)

    def kernel(self, name, channels, size):
        k = self.w[name + ".conv.weight"][:channels]
        for large, small in ((7, 5), (5, 3)):
            if size < large:
                k = F.linear(k[:, :, 1:-1, 1:-1].reshape(channels, -1), self.w[f"{name}.{large}to{small}_matrix"])
                k = k.reshape(channels, 1, small, small)
        return k

    def block(self, x, i, k, e, stage, first):
        stride, act, se = STAGES[stage]
        stride = stride if first else 1
        at, cin = f"blocks.{i}.conv.", x.shape[1]
        mid = divisible(round(cin * e))
        out = self.w[at + "point_linear.conv.conv.weight"].shape[0]
        y = self.conv(x, self.w[at + "inverted_bottleneck.conv.conv.weight"][:mid, :cin], at + "inverted_bottleneck.bn.bn", act)
        y = self.conv(y, self.kernel(at + "depth_conv.conv", mid, k), at + "depth_conv.bn.bn", act, stride, mid)
        if se:
            q, fc = divisible(mid // 4), at + "depth_conv.se.fc."
            g = y.mean((2, 3), keepdim=True)
            g = F.relu(F.conv2d(g, self.w[fc + "reduce.weight"][:q, :mid], self.w[fc + "reduce.bias"][:q]))
            y = y * hsigmoid(F.conv2d(g, self.w[fc + "expand.weight"][:mid, :q], self.w[fc + "expand.bias"][:mid]))
        y = self.conv(y, self.w[at + "point_linear.conv.conv.weight"][:, :mid], at + "point_linear.bn.bn", "")
        return x + y if stride == 1 and cin == out else y

    def run(self, x, ks, e, d):
        x = self.conv(x, self.w["first_conv.conv.weight"], "first_conv.bn", "h_swish", 2)
        at = "blocks.0.conv."
        y = self.conv(x, self.w[at + "depth_conv.conv.weight"], at + "depth_conv.bn", "relu", 1, x.shape[1])
        x = x + self.conv(y, self.w[at + "point_linear.conv.weight"], at + "point_linear.bn", "")
        for s in range(5):
            for b in range(d[s]):
                x = self.block(x, 1 + 4 * s + b, ks[4 * s + b], e[4 * s + b], s, b == 0)
        x = self.conv(x, self.w["final_expand_layer.conv.weight"], "final_expand_layer.bn", "h_swish")
        x = x.mean((2, 3), keepdim=True)
        x = self.conv(x, self.w["feature_mix_layer.conv.weight"], None, "h_swish").flatten(1)
        return F.linear(x, self.w["classifier.linear.weight"], self.w["classifier.linear.bias"])


def golden(data):
    rng = np.random.default_rng(6)
    cases = []
    for width in ("1.0", "1.2"):
        w = load(data, width)
        for size, recalibrate, pick in [(64, False, "largest"), (64, True, "largest"), (64, True, "smallest"), (96, True, "random"), (80, False, "random"), (132, True, "random")]:
            ks, e, d = [7] * 20, [6] * 20, [4] * 5
            if pick == "smallest":
                ks, e, d = [3] * 20, [3] * 20, [2] * 5
            if pick == "random":
                ks, e, d = (rng.choice(v, n).tolist() for v, n in (([3, 5, 7], 20), ([3, 4, 6], 20), ([2, 3, 4], 5)))
            x = torch.tensor((1.5 * uniform("images", 2 * 3 * size * size)).astype(np.float32).reshape(2, 3, size, size))
            with torch.no_grad():
                y = Net(w, recalibrate).run(x, ks, e, d)
            cases.append({"width": width, "size": size, "recalibrated": recalibrate, "ks": ks, "e": e, "d": d,
                          "logits": [[round(float(v), 7) for v in row[::20]] for row in y]})
    origin = f"bench/ofa/ofa.py golden, PyTorch {torch.__version__}; every 20th logit"
    print('{"origin": ' + json.dumps(origin) + ', "cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + "\n]}")


if __name__ == "__main__":
    np.seterr(over="ignore")
    torch.set_num_threads(1)
    if sys.argv[1] == "golden":
        golden(sys.argv[2])
    else:
        torch.save({"state_dict": load(sys.argv[2], sys.argv[3], True)}, sys.argv[4],
                   _use_new_zipfile_serialization=len(sys.argv) < 6)
