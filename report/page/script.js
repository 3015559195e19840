(function () {
  "use strict";
  var tip = document.getElementById("tip"), root = document.documentElement;
  document.addEventListener("mousemove", function (e) {
    var at = e.target.closest ? e.target.closest("[data-tip]") : null;
    tip.style.opacity = at ? 1 : 0;
    if (!at) { return; }
    tip.textContent = at.getAttribute("data-tip");
    var r = tip.getBoundingClientRect(), x = e.clientX + 14, y = e.clientY + 14;
    if (x + r.width > innerWidth - 8) { x = e.clientX - r.width - 14; }
    if (y + r.height > innerHeight - 8) { y = e.clientY - r.height - 14; }
    tip.style.left = Math.max(4, x) + "px";
    tip.style.top = Math.max(4, y) + "px";
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
  });
  addEventListener("beforeprint", function () { document.querySelectorAll("details").forEach(function (d) { d.open = true; }); });
})();
