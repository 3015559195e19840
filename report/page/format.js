// Numbers and elements, written as the tables of the page write them.
(function (H) {
  "use strict";
  function group(s) { return s.replace(/\B(?=(\d{3})+(?!\d))/g, ","); }
  // digits prints three significant digits without an exponent.
  H.digits = function (v) {
    var a = Math.abs(v);
    if (a === 0) { return "0"; }
    if (a >= 99.95) { return group(v.toFixed(0)); }
    if (a >= 9.995) { return v.toFixed(1); }
    if (a >= 0.9995) { return v.toFixed(2); }
    if (a >= 0.0995) { return v.toFixed(3); }
    return v.toFixed(Math.min(9, 2 - Math.floor(Math.log10(a))));
  };
  H.whole = function (n) { return group(String(n)); };
  H.percent = function (v) { return (100 * v).toFixed(2) + " %"; };
  H.ms = function (v) { return H.digits(v) + " ms"; };
  H.mj = function (v) { return H.digits(v) + " mJ"; };
  H.size = function (v) {
    if (Math.abs(v) < 1e3) { return v.toFixed(0) + " B"; }
    return Math.abs(v) < 999.5e3 ? H.digits(v / 1e3) + " kB" : H.digits(v / 1e6) + " MB";
  };
  // plain prints a tick with as many digits as it needs.
  H.plain = function (v) {
    var s = String(Math.round(v * 1e6) / 1e6).split(".");
    return group(s[0]) + (s[1] ? "." + s[1] : "");
  };
  // el makes an element with attributes, and a text or children.
  H.el = function (name, attrs, content) {
    var n = document.createElement(name);
    Object.keys(attrs || {}).forEach(function (k) { n.setAttribute(k, attrs[k]); });
    [].concat(content === undefined ? [] : content).forEach(function (c) {
      n.appendChild(typeof c === "object" ? c : document.createTextNode(c));
    });
    return n;
  };
  // svg does so in a picture.
  H.svg = function (name, attrs, text) {
    var n = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.keys(attrs || {}).forEach(function (k) { n.setAttribute(k, attrs[k]); });
    if (text !== undefined) { n.textContent = text; }
    return n;
  };
  H.css = function (name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); };
})(window.hanas = window.hanas || {});
