// The networks of the page: columns of figures, keys and layers.
(function (H) {
  "use strict";
  var columns = ["acc", "search", "ms", "bytes", "mj"]; // the order of the provenances
  // makeModel opens what the page carries.
  H.makeModel = function (data) {
    var m = { data: data, n: data.of.length, of: data.of, series: data.series, alive: new Uint8Array(data.of.length), shown: [], name: {} };
    columns.forEach(function (c) { m[c] = Float64Array.from(data[c]); });
    m.wbits = data.wbits;
    m.abits = data.abits;
    m.series.forEach(function () { m.shown.push(true); });
    data.named.forEach(function (w) { if (!m.name[w.at]) { m.name[w.at] = w; } });
    m.key = function (i) { return data.arch[i].map(function (t) { return data.text[t]; }).join(""); };
    // mark is how a figure of a network is known.
    m.mark = function (i, column) { return data.marks[+data.from[5 * i + columns.indexOf(column)]]; };
    m.has = function (i, column) { return data.from[5 * i + columns.indexOf(column)] !== "0"; };
    m.layers = function (i) {
      return data.layers[i].map(function (r) {
        var l = data.rows[r];
        return { name: l[0], kind: l[1], block: l[2], from: l[3], to: l[4], side: l[5], kernel: l[6], stride: l[7], w: l[8], a: l[9], ms: l[10] };
      });
    };
    m.widest = data.rows.reduce(function (most, l) { return l[8] > 0 ? Math.max(most, l[4]) : most; }, 1);
    m.find = function (key) {
      for (var i = 0; i < m.n; i++) { if (m.key(i) === key) { return i; } }
      return -1;
    };
    // limit greys out what breaks a limit, or whose figure nobody knows.
    m.limit = function (limits) {
      for (var i = 0; i < m.n; i++) {
        var ok = m.shown[m.of[i]];
        for (var k = 0; ok && k < limits.length; k++) {
          var l = limits[k];
          ok = m.has(i, l.column) && (l.least ? m[l.column][i] >= l.value : m[l.column][i] <= l.value);
        }
        m.alive[i] = ok ? 1 : 0;
      }
    };
    m.count = function () { return m.alive.reduce(function (sum, a) { return sum + a; }, 0); };
    // best is the most accurate network within the limits, of two the faster; -1 = none.
    m.best = function () {
      var best = -1;
      for (var i = 0; i < m.n; i++) {
        if (!m.alive[i] || m.series[m.of[i]].role === "random") { continue; }
        if (best < 0 || m.acc[i] > m.acc[best] || (m.acc[i] === m.acc[best] && m.ms[i] < m.ms[best])) { best = i; }
      }
      return best;
    };
    return m;
  };
})(window.hanas = window.hanas || {});
