"""Small images of every kind and what Pillow makes of them: python3 pillow.py (in this folder; Pillow 9.4, libjpeg-turbo 2.1)."""
import io
import json

from PIL import Image

W, H = 37, 29


def rgb(w, h):
    im = Image.new("RGB", (w, h))
    im.putdata([((x * 7 + y * 3) % 256, (x * x + 5 * y) % 256, (40 + y * 8 - x * 2) % 256) for y in range(h) for x in range(w)])
    return im


def smooth(w, h):
    im = Image.new("RGB", (w, h))
    im.putdata([(min(255, 20 + 6 * x), min(255, 200 - 5 * y), min(255, 3 * x + 3 * y)) for y in range(h) for x in range(w)])
    return im


def alpha(w, h):
    im = rgb(w, h).convert("RGBA")
    im.putalpha(Image.linear_gradient("L").resize((w, h)))
    return im


def saved(im, form, **kw):
    b = io.BytesIO()
    im.save(b, form, **kw)
    return b.getvalue()


files = {
    "444.jpg": saved(smooth(W, H), "JPEG", quality=90, subsampling=0),
    "422.jpg": saved(smooth(W, H), "JPEG", quality=90, subsampling=1),
    "420.jpg": saved(smooth(W, H), "JPEG", quality=90, subsampling=2),
    "420-hard.jpg": saved(rgb(W, H), "JPEG", quality=75, subsampling=2),
    "420-even.jpg": saved(rgb(32, 16), "JPEG", quality=85, subsampling=2),
    "420-thin.jpg": saved(smooth(3, 40), "JPEG", quality=90, subsampling=2),
    "progressive.jpg": saved(smooth(W, H), "JPEG", quality=90, progressive=True),
    "grey.jpg": saved(smooth(W, H).convert("L"), "JPEG", quality=90),
    "cmyk.jpg": saved(smooth(W, H).convert("CMYK"), "JPEG", quality=95),
    "grey.png": saved(smooth(W, H).convert("L"), "PNG"),
    "grey-alpha.png": saved(smooth(W, H).convert("LA"), "PNG"),
    "alpha.png": saved(smooth(W, H).convert("RGBA"), "PNG"),
    "palette.png": saved(rgb(W, H).quantize(16), "PNG"),
    "one-bit.png": saved(smooth(W, H).convert("1"), "PNG"),
    "plain.png": saved(rgb(W, H), "PNG"),
    "plain.webp": saved(rgb(W, H), "WEBP", lossless=True),
    "lossy.webp": saved(rgb(W, H), "WEBP", quality=80),
    "lossy-even.webp": saved(smooth(32, 16), "WEBP", quality=60),
    "lossy-thin.webp": saved(smooth(1, 7), "WEBP", quality=90),
    "lossy-alpha.webp": saved(alpha(W, H), "WEBP", quality=80),
}
cases = []
for name, data in files.items():
    im = Image.open(io.BytesIO(data)).convert("RGB")
    cases.append({"name": name, "file": data.hex(), "w": im.width, "h": im.height, "rgb": im.tobytes().hex()})
scaled = []
for w, h in ((8, 8), (37, 11), (12, 29), (80, 70), (36, 28), (1, 1)):
    scaled.append({"w": w, "h": h, "rgb": rgb(W, H).resize((w, h), Image.BILINEAR).tobytes().hex()})
with open("pillow.json", "w") as f:
    json.dump({"images": cases, "source": {"w": W, "h": H, "rgb": rgb(W, H).tobytes().hex()}, "scaled": scaled}, f, indent=0)
    f.write("\n")
