// The dots: two canvases, one over the other. The lower holds axes and networks
// and is drawn when limits, size or colours change; the upper holds what follows
// the pointer.
(function (H) {
  "use strict";
  var pad = { left: 60, right: 16, top: 16, bottom: 46 };
  var shapes = ["disc", "square", "triangle", "diamond"];
  H.colour = { found: "--search", random: "--random", scored: "--faint", base: "--warm", run0: "--run0", run1: "--run1", run2: "--run2", run3: "--run3", run4: "--run4", run5: "--run5" };
  H.shapeOf = function (role) {
    if (role === "base") { return "diamond"; }
    return role.slice(0, 3) === "run" ? shapes[+role.slice(3) % shapes.length] : "disc";
  };

  // trace puts the outline of a mark on a context.
  function trace(ctx, shape, x, y, r) {
    ctx.beginPath();
    if (shape === "disc") { ctx.arc(x, y, r, 0, 2 * Math.PI); return; }
    var corners = { square: [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]], triangle: [[0, -1.1], [1, 0.8], [-1, 0.8]], diamond: [[0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]] }[shape];
    corners.forEach(function (c, k) { ctx[k ? "lineTo" : "moveTo"](x + r * c[0], y + r * c[1]); });
    ctx.closePath();
  }
  function linear(lo, hi, most) {
    var raw = (hi - lo) / Math.max(1, most), unit = Math.pow(10, Math.floor(Math.log10(raw))), step = 10 * unit, out = [];
    [5, 2, 1].forEach(function (k) { if (k * unit >= raw) { step = k * unit; } });
    for (var k = Math.ceil(lo / step - 1e-9); k * step <= hi + 1e-9 * step; k++) { out.push(k * step); }
    return out;
  }
  function decades(lo, hi, most) {
    var best = null;
    [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7], [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9]].some(function (steps) {
      var t = [];
      for (var e = Math.floor(Math.log10(lo)); e <= Math.ceil(Math.log10(hi)); e++) {
        steps.forEach(function (s) { var v = s * Math.pow(10, e); if (v >= lo && v <= hi) { t.push(v); } });
      }
      if (t.length > most && best) { return true; }
      best = t;
      return false;
    });
    return best.length >= 3 ? best : linear(lo, hi, most);
  }
  function range(m, column, log) {
    var lo = 1e300, hi = -1e300;
    for (var i = 0; i < m.n; i++) {
      var v = m[column][i];
      if (m.has(i, column) && !(log && v <= 0)) { lo = Math.min(lo, v); hi = Math.max(hi, v); }
    }
    if (lo > hi) { lo = 1; hi = 2; }
    if (log) { var k = hi === lo ? 1.5 : Math.pow(hi / lo, 0.05); return [lo / k, hi * k]; }
    var d = hi === lo ? 0.05 : 0.05 * (hi - lo);
    return [lo >= 0 && lo < d ? 0 : lo - d, hi + d];
  }

  // makePlot draws a model into a box. The axis across is chosen by plot.across.
  H.makePlot = function (box, m) {
    var low = H.el("canvas", { "aria-hidden": "true" }), high = H.el("canvas", { "aria-hidden": "true" });
    box.appendChild(low);
    box.appendChild(high);
    var plot = { across: "ms", label: "", hover: -1, picked: -1, x: new Float32Array(m.n), y: new Float32Array(m.n), drawn: 0, scale: 0 };
    var w = 0, h = 0, dpr = 1, xr, yr, most = m.bytes.reduce(function (a, b) { return Math.max(a, b); }, 0);
    plot.place = function (v) { return pad.left + Math.log(v / xr[0]) / Math.log(xr[1] / xr[0]) * (w - pad.left - pad.right); };
    plot.rise = function (v) { return h - pad.bottom - (v - yr[0]) / (yr[1] - yr[0]) * (h - pad.top - pad.bottom); };
    function radius(i) {
      if (m.n > 1500) { return most > 0 && m.bytes[i] > 0 ? 1 + Math.round(6 * Math.sqrt(m.bytes[i] / most)) / 2 : 2.5; }
      return most > 0 && m.bytes[i] > 0 ? 2.5 + Math.round(12 * Math.sqrt(m.bytes[i] / most)) / 2 : 4;
    }
    function clear(canvas) {
      canvas.width = Math.round(w * dpr);
      canvas.height = Math.round(h * dpr);
      var ctx = canvas.getContext("2d");
      ctx.scale(dpr, dpr);
      ctx.font = "11.5px " + getComputedStyle(document.body).fontFamily;
      return ctx;
    }
    // looks are the different marks, and look which of them each network has: found out once, as
    // ten thousand networks have a few dozen looks.
    var looks = [], look = new Uint16Array(m.n), number = {};
    for (var i = 0; i < m.n; i++) {
      var role = m.series[m.of[i]].role, hollow = m.mark(i, "acc").from !== "measured", r = role === "base" ? 5 : radius(i), id = [role, hollow, r].join();
      if (number[id] === undefined) {
        number[id] = looks.length;
        looks.push({ role: role, hollow: hollow && role !== "scored", r: r, shape: H.shapeOf(role), rank: { scored: 0, random: 1, base: 3 }[role] });
        if (looks[number[id]].rank === undefined) { looks[number[id]].rank = 2; }
      }
      look[i] = number[id];
    }
    // paint puts a mark. Filling twice is several times as quick as stamping a picture.
    function paint(ctx, l, colours, x, y, grey) {
      if (grey && l.hollow) { // two transparent fills would look like a filled one
        trace(ctx, l.shape, x, y, l.r);
        ctx.strokeStyle = colours[l.role];
        ctx.lineWidth = 1.6;
        ctx.stroke();
        return;
      }
      if (m.n <= 1500 && !l.hollow) { trace(ctx, l.shape, x, y, l.r + 0.7); ctx.fillStyle = colours.card; ctx.fill(); }
      trace(ctx, l.shape, x, y, l.hollow ? l.r + 0.8 : l.r);
      ctx.fillStyle = colours[l.role];
      ctx.fill();
      if (l.hollow && l.r > 1) { trace(ctx, l.shape, x, y, l.r - 0.8); ctx.fillStyle = colours.card; ctx.fill(); }
    }
    function axes(ctx) {
      ctx.textAlign = "end";
      ctx.textBaseline = "middle";
      ctx.lineWidth = 1;
      linear(yr[0], yr[1], 6).forEach(function (v) {
        var y = Math.round(plot.rise(v)) + 0.5;
        ctx.strokeStyle = H.css("--rule");
        ctx.beginPath(); ctx.moveTo(pad.left, y); ctx.lineTo(w - pad.right, y); ctx.stroke();
        ctx.fillStyle = H.css("--faint");
        ctx.fillText(H.plain(100 * v) + " %", pad.left - 8, y);
      });
      ctx.textAlign = "center";
      var base = h - pad.bottom, unit = plot.across === "bytes" ? 1e-3 : 1;
      ctx.strokeStyle = H.css("--faint");
      ctx.beginPath(); ctx.moveTo(pad.left, base + 0.5); ctx.lineTo(w - pad.right, base + 0.5); ctx.stroke();
      decades(xr[0] * unit, xr[1] * unit, Math.floor(w / 80)).forEach(function (v) {
        var x = Math.round(plot.place(v / unit)) + 0.5;
        ctx.beginPath(); ctx.moveTo(x, base); ctx.lineTo(x, base + 5); ctx.stroke();
        ctx.fillText(H.plain(v), x, base + 15);
      });
      ctx.fillStyle = H.css("--soft");
      ctx.fillText(plot.label, (pad.left + w - pad.right) / 2, h - 8);
      ctx.save();
      ctx.translate(12, (h - pad.bottom + pad.top) / 2);
      ctx.rotate(-Math.PI / 2);
      ctx.fillText(m.data.axis, 0, 0);
      ctx.restore();
    }
    // stairs is the best accuracy at or below each place, of one series.
    function stairs(ctx, s, order, area) {
      var best = -1e300, line = [];
      order.forEach(function (i) {
        if (m.of[i] !== s || !m.alive[i] || m.acc[i] <= best || plot.x[i] < 0) { return; }
        if (line.length) { line.push([plot.x[i], plot.rise(best)]); }
        best = m.acc[i];
        line.push([plot.x[i], plot.y[i]]);
      });
      if (!line.length) { return; }
      line.push([w - pad.right, plot.rise(best)]);
      ctx.beginPath();
      line.forEach(function (p, k) { ctx[k ? "lineTo" : "moveTo"](p[0], p[1]); });
      ctx.strokeStyle = H.css(H.colour[m.series[s].role]);
      ctx.lineWidth = area ? 2 : 1.6;
      ctx.stroke();
      if (area) {
        ctx.lineTo(w - pad.right, h - pad.bottom); ctx.lineTo(line[0][0], h - pad.bottom); ctx.closePath();
        ctx.fillStyle = H.css("--wash");
        ctx.fill();
      }
    }
    plot.order = []; // networks with a place, from left to right
    plot.layout = function () {
      w = box.clientWidth;
      h = Math.max(340, Math.min(500, Math.round(0.58 * w)));
      dpr = plot.scale || window.devicePixelRatio || 1;
      box.style.height = h + "px";
      xr = range(m, plot.across, true);
      yr = range(m, "acc", false);
      plot.order = [];
      for (var i = 0; i < m.n; i++) {
        var there = m.has(i, plot.across) && m[plot.across][i] > 0;
        plot.x[i] = there ? plot.place(m[plot.across][i]) : -1e4;
        plot.y[i] = plot.rise(m.acc[i]);
        if (there) { plot.order.push(i); }
      }
      plot.order.sort(function (i, j) { return plot.x[i] - plot.x[j] || plot.y[i] - plot.y[j]; });
    };
    plot.draw = function () {
      if (!w || !xr) { plot.layout(); }
      var ctx = clear(low);
      axes(ctx);
      m.series.forEach(function (s, k) { if (m.shown[k] && s.role !== "base" && s.role !== "scored") { stairs(ctx, k, plot.order, s.role === "found"); } });
      var colours = { card: H.css("--card") };
      m.series.forEach(function (s) { colours[s.role] = H.css(H.colour[s.role] || "--search"); });
      [true, false].forEach(function (grey) {
        [0, 1, 2, 3].forEach(function (rank) {
          if (!looks.some(function (l) { return l.rank === rank; })) { return; }
          ctx.globalAlpha = grey ? 0.16 : rank ? 1 : 0.4;
          for (var k = 0; k < plot.order.length; k++) {
            var i = plot.order[k], l = looks[look[i]];
            if (l.rank === rank && !!m.alive[i] !== grey && m.shown[m.of[i]]) { paint(ctx, l, colours, plot.x[i], plot.y[i], grey); }
          }
        });
      });
      ctx.globalAlpha = 1;
      names(ctx);
      plot.drawn++;
      plot.over();
    };
    function halo(ctx, text, x, y) {
      ctx.lineJoin = "round";
      ctx.lineWidth = 4;
      ctx.strokeStyle = H.css("--card");
      ctx.strokeText(text, x, y);
      ctx.fillText(text, x, y);
    }
    function names(ctx) {
      m.data.named.forEach(function (nm) {
        var i = nm.at, x = plot.x[i], y = plot.y[i];
        if (x < 0 || !m.shown[m.of[i]]) { return; }
        ctx.globalAlpha = m.alive[i] ? 1 : 0.3;
        ctx.fillStyle = H.css("--ink");
        ctx.textBaseline = "alphabetic";
        if (nm.file) {
          ctx.strokeStyle = H.css("--ink");
          ctx.lineWidth = 1.8;
          ctx.beginPath(); ctx.arc(x, y, 11, 0, 2 * Math.PI); ctx.stroke();
          ctx.font = "700 13px " + getComputedStyle(document.body).fontFamily;
          halo(ctx, nm.name, x - 12, y - 13);
        } else {
          ctx.font = "12px " + getComputedStyle(document.body).fontFamily;
          var half = ctx.measureText(nm.name).width / 2 + 2;
          halo(ctx, nm.name, Math.max(pad.left + half, Math.min(w - pad.right - half, x)), y + 22 > h - pad.bottom ? y - 11 : y + 21);
        }
        ctx.globalAlpha = 1;
      });
    }
    // over redraws the rings of the picked network and of the one under the pointer.
    plot.over = function () {
      var ctx = clear(high);
      [[plot.picked, "--warm", 3, 9], [plot.hover, "--ink", 2, 8]].forEach(function (r) {
        if (r[0] < 0 || plot.x[r[0]] < 0) { return; }
        var x = plot.x[r[0]], y = plot.y[r[0]];
        if (r[0] === plot.picked) {
          ctx.strokeStyle = H.css("--faint");
          ctx.setLineDash([3, 4]);
          ctx.lineWidth = 1;
          ctx.beginPath(); ctx.moveTo(pad.left, y); ctx.lineTo(x, y); ctx.lineTo(x, h - pad.bottom); ctx.stroke();
          ctx.setLineDash([]);
        }
        ctx.strokeStyle = H.css(r[1]);
        ctx.lineWidth = r[2];
        ctx.beginPath(); ctx.arc(x, y, r[3], 0, 2 * Math.PI); ctx.stroke();
      });
    };
    // near is the network at a place, one within the limits first; -1 = none.
    plot.near = function (x, y) {
      var best = -1, least = 18 * 18;
      for (var i = 0; i < m.n; i++) {
        if (!m.shown[m.of[i]]) { continue; }
        var dx = plot.x[i] - x, dy = plot.y[i] - y, d = dx * dx + dy * dy + (m.alive[i] ? 0 : 60);
        if (d < least) { best = i; least = d; }
      }
      return best;
    };
    return plot;
  };
})(window.hanas = window.hanas || {});
