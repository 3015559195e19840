// The controls: limits, what is shown, and the network that is picked.
(function (H) {
  "use strict";
  var steps = 1000; // of a slider
  var figures = [
    { column: "ms", name: "latency", most: "Latency at most", axis: "latency of one image, ms (log scale)", print: H.ms },
    { column: "bytes", name: "memory", most: "Weights at most", axis: "memory of the weights, kB (log scale)", print: H.size },
    { column: "mj", name: "energy", most: "Energy at most", axis: "energy of one image, mJ (log scale)", print: H.mj },
    { column: "acc", name: "accuracy", most: "Accuracy at least", print: H.percent, least: true }
  ];

  // makeLimit is a slider; value undefined is no limit.
  function makeLimit(f, m, changed) {
    var lo = 1e300, hi = -1e300;
    for (var i = 0; i < m.n; i++) { if (m.has(i, f.column)) { lo = Math.min(lo, m[f.column][i]); hi = Math.max(hi, m[f.column][i]); } }
    var log = !f.least, out = H.el("output", {}, "any"), idle = f.least ? 0 : steps;
    var input = H.el("input", { type: "range", min: 0, max: steps, step: 1, value: idle, id: "limit-" + f.name, "aria-valuetext": "any" });
    var l = { figure: f, column: f.column, least: !!f.least, input: input, value: undefined };
    l.node = H.el("label", { "for": input.id }, [H.el("span", {}, f.most), out, input]);
    l.set = function (v) { // to a figure
      if (v === undefined) { input.value = idle; } else {
        var t = hi <= lo ? 1 : log ? Math.log(v / lo) / Math.log(hi / lo) : (v - lo) / (hi - lo);
        input.value = Math.round(steps * Math.max(0, Math.min(1, t)));
      }
      l.value = v;
      out.textContent = v === undefined ? "any" : f.print(v);
      input.setAttribute("aria-valuetext", v === undefined ? "any" : f.most + " " + f.print(v));
    };
    input.addEventListener("input", function () {
      var t = input.value / steps;
      if (+input.value === idle) { l.set(undefined); } else {
        var v = log ? lo * Math.pow(hi / lo, t) : lo + t * (hi - lo), keep = input.value;
        l.set(log ? +v.toPrecision(3) : Math.round(1e4 * v) / 1e4);
        input.value = keep; // rounding must not move the thumb
      }
      changed();
    });
    return l;
  }

  function explore(data) {
    var m = H.makeModel(data), box = document.getElementById("plot"), panel = document.getElementById("limits"), picked = document.getElementById("picked"), said = document.getElementById("said");
    document.getElementById("explore").hidden = false;
    document.querySelectorAll(".static-front").forEach(function (n) { n.hidden = true; });
    var plot = H.makePlot(box, m), state = { model: m, plot: plot, pinned: -1, at: -1, limits: [] }, waiting = false;
    H.state = state;
    var there = figures.filter(function (f) { return data.measures[f.column]; });

    function active() { return state.limits.filter(function (l) { return l.value !== undefined; }); }
    function update() {
      m.limit(active());
      state.at = state.pinned >= 0 ? state.pinned : m.best();
      plot.picked = state.at;
      plot.draw();
      count.textContent = H.whole(m.count()) + " of " + H.whole(m.n) + " networks within the limits";
      showPicked();
      remember();
    }
    function soon() { // at most one drawing a frame
      if (waiting) { return; }
      waiting = true;
      requestAnimationFrame(function () { waiting = false; update(); });
    }
    state.update = update;

    // the panel
    var count = H.el("p", { "class": "count", role: "status" });
    var axes = there.filter(function (f) { return f.axis; });
    var choose = H.el("select", { id: "across" }, axes.map(function (f) { return H.el("option", { value: f.column }, f.name); }));
    choose.addEventListener("change", function () { across(choose.value); update(); });
    function across(column) {
      var f = axes.filter(function (a) { return a.column === column; })[0] || axes[0];
      plot.across = f.column;
      plot.label = f.axis;
      choose.value = f.column;
      plot.layout();
    }
    if (axes.length > 1) { panel.appendChild(H.el("label", { "class": "row", "for": "across" }, [H.el("span", {}, "Accuracy over"), choose])); }
    there.forEach(function (f) {
      var l = makeLimit(f, m, function () { state.pinned = -1; soon(); });
      state.limits.push(l);
      panel.appendChild(l.node);
    });
    var keys = H.el("fieldset", { "class": "series" }, [H.el("legend", {}, "Shown")]);
    m.series.forEach(function (s, k) {
      var tick = H.el("input", { type: "checkbox", id: "series-" + k });
      tick.checked = true;
      tick.addEventListener("change", function () { m.shown[k] = tick.checked; soon(); });
      keys.appendChild(H.el("label", { "for": tick.id }, [tick, H.el("b", { "class": "swatch " + H.shapeOf(s.role), style: "background: var(" + H.colour[s.role] + ")" }), s.name]));
    });
    panel.appendChild(keys);
    var reset = H.el("button", { type: "button" }, "No limits"), best = H.el("button", { type: "button", title: "the most accurate network within the limits" }, "Best within");
    reset.addEventListener("click", function () { state.limits.forEach(function (l) { l.set(undefined); }); state.pinned = -1; update(); });
    best.addEventListener("click", function () { state.pinned = -1; update(); });
    panel.appendChild(H.el("div", { "class": "buttons" }, [reset, best]));
    panel.appendChild(count);

    // what is told of a network
    function facts(i) {
      var out = [];
      function add(name, column, print) { if (m.has(i, column)) { out.push([name, print(m[column][i]), m.mark(i, column)]); } }
      add(data.metric, "acc", H.percent);
      if (m.mark(i, "acc").from === "measured" && m.mark(i, "search").from === "predicted") { add("the search saw", "search", H.percent); }
      add("latency", "ms", H.ms);
      add("weights", "bytes", H.size);
      add("energy", "mj", H.mj);
      return out;
    }
    function title(i) {
      var nm = m.name[i], series = m.series[m.of[i]].name;
      return nm ? nm.name + (nm.file ? ", " + nm.file : "") + " (" + series + ")" : series.charAt(0).toUpperCase() + series.slice(1);
    }
    function bits(i) { return m.wbits[i] > 0 ? "mean bits: weights " + m.wbits[i].toFixed(1) + ", activations " + m.abits[i].toFixed(1) : ""; }
    state.tell = function (i) {
      var lines = [title(i)].concat(facts(i).map(function (f) { return f[0] + " " + f[1] + " " + f[2].sign; }));
      if (bits(i)) { lines.push(bits(i)); }
      return lines.concat(m.key(i)).join("\n");
    };
    function showPicked() {
      var i = state.at;
      picked.textContent = "";
      if (i < 0) { picked.appendChild(H.el("p", { "class": "sub" }, "No network is within the limits.")); return; }
      var head = state.pinned >= 0 ? "Picked" : "Best within the limits";
      picked.appendChild(H.el("h3", {}, [head + ": ", H.el("span", { "class": "muted" }, title(i))]));
      var list = H.el("dl", { "class": "figures" });
      facts(i).forEach(function (f) {
        list.appendChild(H.el("div", {}, [H.el("dt", {}, f[0]), H.el("dd", { title: f[2].from + " " + f[2].text }, [f[1] + " ", H.el("span", { "class": "mark" }, f[2].sign), H.el("small", {}, f[2].from)])]));
      });
      if (m.wbits[i] > 0) {
        list.appendChild(H.el("div", {}, [H.el("dt", {}, "mean bits, weights / input"), H.el("dd", {}, m.wbits[i].toFixed(1) + " / " + m.abits[i].toFixed(1))]));
      }
      picked.appendChild(list);
      var pic = H.layerPicture(m.layers(i), m.widest);
      if (pic) {
        picked.appendChild(H.el("figure", { "class": "wide" }, pic));
        picked.appendChild(H.el("p", { "class": "keys" }, [H.el("span", {}, "bar height: output channels"), H.el("span", {}, "number: kernel"), H.el("span", {}, "bar: weight bits"), H.el("span", {}, "square: bits of the input")].concat([2, 4, 8, 16].map(function (b) {
          return H.el("span", {}, [H.el("b", { "class": "swatch b" + b }), b + " bits"]);
        }))));
      }
      if (m.key(i)) { picked.appendChild(H.el("code", {}, m.key(i))); }
    }

    // the address keeps what was chosen, so that it can be passed on
    function remember() {
      var parts = active().map(function (l) { return l.figure.name + "=" + l.value; });
      if (plot.across !== axes[0].column) { parts.push("over=" + plot.across); }
      if (state.pinned >= 0 && m.key(state.pinned)) { parts.push("pick=" + encodeURIComponent(m.key(state.pinned))); }
      try { history.replaceState(null, "", parts.length || location.hash ? "#" + parts.join("&") : location.pathname + location.search); } catch (e) { return; } // a frame without a history
    }
    function recall() {
      var wanted = {};
      location.hash.slice(1).split("&").forEach(function (p) {
        var at = p.indexOf("="), v = p.slice(at + 1);
        if (at > 0) { try { wanted[p.slice(0, at)] = decodeURIComponent(v); } catch (e) { wanted[p.slice(0, at)] = v; } }
      });
      state.limits.forEach(function (l) { var v = parseFloat(wanted[l.figure.name]); l.set(isFinite(v) && v > 0 ? v : undefined); });
      across(wanted.over);
      state.pinned = wanted.pick ? m.find(wanted.pick) : -1;
    }

    // pointer and keys
    var tip = document.getElementById("tip");
    function hover(i, x, y) {
      if (i !== plot.hover) { plot.hover = i; plot.over(); }
      tip.style.opacity = i < 0 ? 0 : 1;
      if (i >= 0) { tip.textContent = state.tell(i); H.placeTip(x, y); }
    }
    box.addEventListener("mousemove", function (e) {
      var r = box.getBoundingClientRect(), i = plot.near(e.clientX - r.left, e.clientY - r.top);
      box.style.cursor = i < 0 ? "default" : "pointer";
      hover(i, e.clientX, e.clientY);
    });
    box.addEventListener("mouseleave", function () { hover(-1); });
    box.addEventListener("click", function (e) {
      var r = box.getBoundingClientRect();
      state.pinned = plot.near(e.clientX - r.left, e.clientY - r.top);
      update();
    });
    function step(by, up) {
      var order = plot.order.filter(function (i) { return m.alive[i]; });
      if (up) { order.sort(function (i, j) { return m.acc[i] - m.acc[j] || i - j; }); }
      if (!order.length) { return; }
      var at = order.indexOf(state.at), to = by === -2 ? 0 : by === 2 ? order.length - 1 : at < 0 ? 0 : Math.max(0, Math.min(order.length - 1, at + by));
      state.pinned = order[to];
      update();
      said.textContent = state.tell(state.pinned).split("\n").slice(0, -1).join(", ");
    }
    box.addEventListener("keydown", function (e) {
      var moves = { ArrowRight: [1], ArrowLeft: [-1], ArrowUp: [1, true], ArrowDown: [-1, true], Home: [-2], End: [2] }[e.key];
      if (moves) { e.preventDefault(); step(moves[0], moves[1]); }
      if (e.key === "Escape") { state.pinned = -1; update(); }
    });

    // size, colours and paper
    function again() { plot.layout(); plot.draw(); }
    if (window.ResizeObserver) {
      var width = 0;
      new ResizeObserver(function () { if (box.clientWidth !== width) { width = box.clientWidth; again(); } }).observe(box);
    }
    H.onTheme = again;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    var theme;
    addEventListener("beforeprint", function () { theme = document.documentElement.dataset.theme; document.documentElement.dataset.theme = "light"; plot.scale = 3; again(); });
    addEventListener("afterprint", function () { if (theme) { document.documentElement.dataset.theme = theme; } else { delete document.documentElement.dataset.theme; } plot.scale = 0; again(); });
    addEventListener("hashchange", function () { recall(); update(); });
    recall();
    update();
  }
  if (H.networks && document.getElementById("explore")) { explore(H.networks); }
})(window.hanas = window.hanas || {});
