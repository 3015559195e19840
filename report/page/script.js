(function (H) {
  "use strict";
  var tip = document.getElementById("tip"), root = document.documentElement;
  // placeTip puts the note beside the pointer, inside the window.
  H.placeTip = function (px, py) {
    var r = tip.getBoundingClientRect(), x = px + 14, y = py + 14;
    if (x + r.width > innerWidth - 8) { x = px - r.width - 14; }
    if (y + r.height > innerHeight - 8) { y = py - r.height - 14; }
    tip.style.left = Math.max(4, x) + "px";
    tip.style.top = Math.max(4, y) + "px";
  };
  document.addEventListener("mousemove", function (e) {
    if (e.target.closest && e.target.closest("#plot")) { return; }
    var at = e.target.closest ? e.target.closest("[data-tip]") : null;
    tip.style.opacity = at ? 1 : 0;
    if (!at) { return; }
    tip.textContent = at.getAttribute("data-tip");
    H.placeTip(e.clientX, e.clientY);
  });
  function light(id, on) {
    document.querySelectorAll("[data-id]").forEach(function (n) {
      if (n.getAttribute("data-id") === id) { n.classList.toggle("on", on); }
    });
  }
  document.querySelectorAll("tr[data-id], figure[data-id]").forEach(function (n) {
    n.addEventListener("mouseenter", function () { light(n.getAttribute("data-id"), true); });
    n.addEventListener("mouseleave", function () { light(n.getAttribute("data-id"), false); });
  });
  document.getElementById("theme").addEventListener("click", function () {
    var dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    if (H.onTheme) { H.onTheme(); }
  });
  addEventListener("beforeprint", function () { document.querySelectorAll("details").forEach(function (d) { d.open = true; }); });
})(window.hanas = window.hanas || {});
