#!/usr/bin/env python3
"""Records torch.json: operators computed by PyTorch in float64.

Each case has an ONNX operator, its attributes, inputs and expected outputs, as
[shape, values]. Run with PyTorch 1.13 or later:  python3 record.py > torch.json
"""
import json
import torch
from torch.nn import functional as F

torch.manual_seed(7)
cases = []


def r(*shape):
    return torch.randn(*shape, dtype=torch.float64).float().double()  # exact in float32


def flat(t):
    return [list(t.shape), [round(v, 12) for v in t.flatten().tolist()]]


def case(op, inputs, outputs, **attrs):
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    cases.append({"op": op, "attrs": attrs, "inputs": [flat(i) for i in inputs], "outputs": [flat(o) for o in outputs]})


for stride, pad, dil, group, cin, cout, k in [(1, 0, 1, 1, 3, 4, 3), (2, 1, 1, 1, 2, 3, 3), (1, 2, 2, 2, 4, 2, 3), (2, 2, 1, 3, 3, 3, 5), (1, 0, 1, 1, 3, 2, 1)]:
    x, w, b = r(2, cin, 7, 6), r(cout, cin // group, k, k), r(cout)
    a = dict(strides=[stride] * 2, pads=[pad] * 4, dilations=[dil] * 2, group=group)
    case("Conv", [x, w, b], F.conv2d(x, w, b, stride, pad, dil, group), **a)
    x, w, b = r(2, cin, 4, 3), r(cin, cout // group, k, k), r(cout)
    out = 1 if stride > 1 else 0
    case("ConvTranspose", [x, w, b], F.conv_transpose2d(x, w, b, stride, pad, out, group, dil), output_padding=[out] * 2, **a)
x, w = r(1, 2, 9), r(3, 2, 4)
case("Conv", [x, w], F.conv1d(x, w, None, 2, 1), strides=[2], pads=[1, 1])

x = r(2, 3, 7, 5)
case("AveragePool", [x], F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
case("AveragePool", [x], F.avg_pool2d(x, (3, 2), (2, 2), (1, 0)), kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 0], count_include_pad=1)
case("AveragePool", [x], F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=True), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1, ceil_mode=1)
case("MaxPool", [x], F.max_pool2d(x, 3, 2, 1), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
case("MaxPool", [x], F.max_pool2d(x, 2, 2, ceil_mode=True), kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
case("MaxPool", [x], F.max_pool2d(x, 2, 1, 0, 2), kernel_shape=[2, 2], dilations=[2, 2])
case("GlobalAveragePool", [x], x.mean((2, 3), keepdim=True))

s, b, m, v = r(3), r(3), r(3), r(3).abs() + 0.5
case("BatchNormalization", [x, s, b, m, v], F.batch_norm(x, m, v, s, b, False, 0, 1e-3), epsilon=1e-3)
case("BatchNormalization", [x, s, b, m, v], F.batch_norm(x, None, None, s, b, True, 0, 1e-5), training_mode=1)
case("InstanceNormalization", [x, s, b], F.instance_norm(x, None, None, s, b, True, 0, 1e-5))
ls, lb = r(7, 5), r(7, 5)
case("LayerNormalization", [x, ls, lb], F.layer_norm(x, [7, 5], ls, lb, 1e-5), axis=2)
case("Softmax", [x], F.softmax(x, 1), axis=1)
case("LogSoftmax", [x], F.log_softmax(x, -1), axis=-1)

y = 3 * r(50)
for op, f in [("Relu", F.relu), ("Sigmoid", torch.sigmoid), ("Tanh", torch.tanh), ("HardSwish", F.hardswish), ("Exp", torch.exp), ("Abs", torch.abs), ("Neg", torch.neg),
              ("Sign", torch.sign), ("Floor", torch.floor), ("Round", torch.round), ("Reciprocal", torch.reciprocal), ("LeakyRelu", F.leaky_relu)]:
    case(op, [y], f(y))
case("Round", [torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, -2.5]).double()], torch.tensor([0., 2, 2, 0, -2, -2]))
case("HardSigmoid", [y], F.hardsigmoid(y), alpha=1 / 6, beta=0.5)
case("Sqrt", [y.abs()], y.abs().sqrt())
case("Log", [y.abs()], y.abs().log())
a, b = r(2, 1, 4), r(3, 1)
for op, f in [("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Div", torch.div), ("Max", torch.maximum), ("Min", torch.minimum)]:
    case(op, [a, b], f(a, b))
case("Pow", [a.abs(), b], torch.pow(a.abs(), b))

a, b, c = r(3, 4), r(5, 3), r(5)
case("Gemm", [a, b, c], 0.5 * (a.t() @ b.t()) + 2 * c, transA=1, transB=1, alpha=0.5, beta=2.0)
a, b = r(2, 1, 3, 4), r(5, 4, 2)
case("MatMul", [a, b], a @ b)
case("MatMul", [r(4) * 0 + 1, b], torch.ones(4).double() @ b)
case("Transpose", [x], x.permute(2, 0, 3, 1), perm=[2, 0, 3, 1])
case("Concat", [a, 2 * a], torch.cat([a, 2 * a], -2), axis=-2)
print(json.dumps({"origin": "torch " + torch.__version__, "cases": cases}))
