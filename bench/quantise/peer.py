"""The network of `hanas quantise` in PyTorch, image by image.

python3 peer.py WEIGHTS.pth NET.config VAL_MAP.txt SIZE RESIZE > peer.csv
Prints image,label,predicted,right and, on stderr, top-1 and top-5.
"""
import json, os, sys
import torch
import torch.nn.functional as F
from PIL import Image
import numpy as np

weights, config, listing, size, resize = sys.argv[1:6]
size, resize = int(size), int(resize)
w = torch.load(weights, map_location="cpu")
w = w.get("state_dict", w)
net = json.load(open(config))
eps = net["bn"]["eps"]


def conv(x, name, stride=1, groups=1, act=None):
    k = w[name + ".conv.weight"]
    x = F.conv2d(x, k, stride=stride, padding=k.shape[2] // 2, groups=groups)
    b = name + ".bn."
    x = F.batch_norm(x, w[b + "running_mean"], w[b + "running_var"], w[b + "weight"], w[b + "bias"], False, 0, eps)
    return F.relu6(x) if act else x


def forward(x):
    x = conv(x, "first_conv", net["first_conv"]["stride"], act=True)
    for i, b in enumerate(net["blocks"]):
        c = b["mobile_inverted_conv"]
        if c["name"] == "ZeroLayer":
            continue
        y, at = x, "blocks.%d.mobile_inverted_conv." % i
        if at + "inverted_bottleneck.conv.weight" in w:
            y = conv(y, at + "inverted_bottleneck", act=True)
        y = conv(y, at + "depth_conv", c["stride"], y.shape[1], act=True)
        y = conv(y, at + "point_linear")
        x = x + y if b["shortcut"] else y
    x = conv(x, "feature_mix_layer", act=True).mean((2, 3))
    return F.linear(x, w["classifier.linear.weight"], w["classifier.linear.bias"])


def load(path):
    im = Image.open(path).convert("RGB")
    (wide, high), short = im.size, min(im.size)  # torchvision's Resize: the longer side is int(size * long / short)
    im = im.resize((int(resize * wide / short), int(resize * high / short)), Image.BILINEAR)
    left, top = round((im.size[0] - size) / 2), round((im.size[1] - size) / 2)
    a = np.asarray(im.crop((left, top, left + size, top + size)), np.float32) / 255
    return torch.from_numpy((a - 0.5) / 0.5).permute(2, 0, 1)


folder = os.path.dirname(listing)
right1 = right5 = n = 0
print("image,label,predicted,right")
with torch.no_grad():
    for i, line in enumerate(open(listing)):
        name, label = line.split()
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            path = os.path.join(folder, "val", name)
        y = forward(load(path)[None])[0]
        top = y.topk(5).indices.tolist()
        n, right1, right5 = n + 1, right1 + (top[0] == int(label)), right5 + (int(label) in top)
        print("%d,%s,%d,%s" % (i, label, top[0], "true" if top[0] == int(label) else "false"))
print("top-1 %.2f %%, top-5 %.2f %% on %d images" % (100 * right1 / n, 100 * right5 / n, n), file=sys.stderr)
