"""What Pillow makes of a 16x16 image, for distortions.json: python3 distortions.py > distortions.json (Pillow 9.4)."""
import json
import math
from PIL import Image, ImageEnhance, ImageOps

N = 16


def value(c, y, x):
    return (x * x * 7 + y * 13 * (c + 1) + x * y * 5 + c * 40) % 200 + 20


im = Image.new("RGB", (N, N))
im.putdata([tuple(value(c, y, x) for c in range(3)) for y in range(N) for x in range(N)])


def affine(*m):
    return im.transform(im.size, Image.AFFINE, m, Image.NEAREST)


cases = [
    ("identity", 0, im), ("autocontrast", 0, ImageOps.autocontrast(im)), ("equalise", 0, ImageOps.equalize(im)),
    ("posterise", 4, ImageOps.posterize(im, 4)), ("posterise", 7, ImageOps.posterize(im, 7)),
    ("solarise", 128, ImageOps.solarize(im, 128)), ("solarise", 256, ImageOps.solarize(im, 256)),
]
for by in (0.1, 0.55, 1.45, 1.9):
    cases += [("brightness", by, ImageEnhance.Brightness(im).enhance(by)), ("colour", by, ImageEnhance.Color(im).enhance(by)),
              ("contrast", by, ImageEnhance.Contrast(im).enhance(by))]
for by in (-0.3, 0.17):
    cases += [("shear x", by, affine(1, by, 0, 0, 1, 0)), ("shear y", by, affine(1, 0, 0, by, 1, 0))]
for by in (-7, 3):
    cases += [("translate x", by, affine(1, 0, by, 0, 1, 0)), ("translate y", by, affine(1, 0, 0, 0, 1, by))]
for by in (-30, 11):
    cases += [("rotate", by, im.rotate(by, Image.NEAREST))]
print("[")
for i, (name, by, out) in enumerate(cases):
    bands = b"".join(b.tobytes() for b in out.split())
    print(json.dumps({"name": name, "amount": by, "hex": bands.hex()}) + ("," if i < len(cases) - 1 else ""))
print("]")
