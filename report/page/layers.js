// The picture of one network: a column a layer with weights, as high as it has
// output channels, in the colour of the bits of its weights, over a square in
// the colour of the bits of its input.
(function (H) {
  "use strict";
  function tip(l) {
    var s = l.name + ": " + l.kind + (l.kernel > 0 ? " " + l.kernel + "x" + l.kernel : "") + (l.stride > 1 ? ", stride " + l.stride : "");
    s += "\nchannels " + l.from + " to " + l.to + ", " + l.side + "x" + l.side + "\nweights " + l.w + " bits, input " + l.a + " bits";
    return l.ms > 0 ? s + "\n" + H.ms(l.ms) : s;
  }
  // said is the network in words, for who does not see the picture.
  function said(list) {
    return list.length + " layers with weights. " + list.map(function (l) {
      return l.name + " " + (l.kernel > 1 ? l.kernel + "x" + l.kernel + " " : "") + l.to + " channels, " + l.w + "/" + l.a + " bits";
    }).join("; ");
  }
  H.layerPicture = function (layers, widest) {
    var list = layers.filter(function (l) { return l.w > 0; });
    if (!list.length) { return null; }
    var left = 44, top = 18, high = 110, gap = 9, width = 1060, blocks = 1;
    list.forEach(function (l, i) { if (i && l.block !== list[i - 1].block) { blocks++; } });
    var pic = H.svg("svg", { viewBox: "0 0 " + width + " " + (top + high + 66), role: "img", "aria-label": said(list) });
    var column = Math.min(58, (width - left - 8 - gap * (blocks - 1)) / list.length), base = top + high;
    function put(name, attrs, text) { pic.appendChild(H.svg(name, attrs, text)); }
    function text(x, y, anchor, cls, s) { put("text", { x: x, y: y, "text-anchor": anchor, "class": cls }, s); }
    function rule(x1, x2, y, cls) { put("line", { x1: x1, y1: y, x2: x2, y2: y, "class": cls }); }
    [widest, Math.floor((widest + 1) / 2)].forEach(function (v) {
      var y = base - high * v / widest;
      rule(left - 4, width, y, "grid");
      text(left - 8, y + 4, "end", "tick", String(v));
    });
    text(left - 8, base + 14, "end", "tick", "input");
    var x = left, start = left;
    list.forEach(function (l, i) {
      var h = Math.max(2, high * l.to / widest);
      put("rect", { x: x + 1, y: base - h, width: column - 2, height: h, "class": "b" + l.w, "data-tip": tip(l) });
      put("rect", { x: x + 1, y: base + 4, width: column - 2, height: 12, "class": "b" + l.a, "data-tip": tip(l) });
      if (l.kernel > 1 && column >= 9) { text(x + column / 2, base - h - 5, "middle", "kernel", String(l.kernel)); }
      if (column >= 12 && l.name.indexOf(".") >= 0) { text(x + column / 2, base + 30, "middle", "tick", l.name.slice(l.name.lastIndexOf(".") + 1, l.name.lastIndexOf(".") + 2)); }
      x += column;
      if (i + 1 === list.length || list[i + 1].block !== l.block) {
        rule(start + 1, x - 1, base + 37, "axis");
        if (x - start > 16) { text((start + x) / 2, base + 52, "middle", "tick", l.block.slice(0, Math.max(1, Math.floor((x - start + gap) / 6.2)))); }
        x += gap;
        start = x;
      }
    });
    return pic;
  };
})(window.hanas = window.hanas || {});
