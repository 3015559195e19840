package report_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hanas/internal/browser"
	"hanas/report"
)

// open writes a page and opens it in a browser.
func open(t *testing.T, page string) (*browser.Page, string) {
	t.Helper()
	p := browser.Open(t)
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(page), 0o666); err != nil {
		t.Fatal(err)
	}
	p.Load("file://" + file)
	return p, "file://" + file
}

// keep stores a screenshot in $REPORT_SHOTS, to look at.
func keep(t *testing.T, p *browser.Page, name string) {
	if dir := os.Getenv("REPORT_SHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), p.Screenshot(), 0o666); err != nil {
			t.Error(err)
		}
	}
}

// frame waits until what was asked for is drawn.
const frame = `new Promise(function (done) { requestAnimationFrame(function () { requestAnimationFrame(function () { done(true); }); }); })`

// slide moves a slider as a user does.
func slide(p *browser.Page, id string, to int) {
	p.Eval(`(function () { var s = document.getElementById("`+id+`"); s.value = `+strconv.Itoa(to)+`; s.dispatchEvent(new Event("input", {bubbles: true})); })()`, nil)
	var ok bool
	p.Eval(frame, &ok)
}

// TestPageLimits holds the sliders against a count of the data: as many
// networks are left, and the best of them is picked.
func TestPageLimits(t *testing.T) {
	d := demo()
	p, url := open(t, html(t, d))
	var before struct{ N, Alive int }
	p.Eval(`({N: hanas.state.model.n, Alive: hanas.state.model.count()})`, &before)
	if want := len(d.Front) + len(d.Random) + len(d.Baselines); before.N != want || before.Alive != want {
		t.Fatalf("%+v networks, want %d", before, want)
	}
	slide(p, "limit-latency", 500)
	var got struct {
		Limit float64
		Alive int
		Key   string
		Said  string
	}
	p.Eval(`({Limit: hanas.state.limits[0].value, Alive: hanas.state.model.count(), Key: hanas.state.model.key(hanas.state.at), Said: document.querySelector(".count").textContent})`, &got)
	alive, best := 0, report.Point{}
	for _, list := range [][]report.Point{d.Front, d.Random} {
		for _, q := range list {
			if short(q.Latency.Value) <= got.Limit {
				alive++
			}
		}
	}
	for _, q := range d.Front {
		if short(q.Latency.Value) <= got.Limit && seen(q) > seen(best) {
			best = q
		}
	}
	for _, b := range d.Baselines {
		if b.Latency.Value <= got.Limit {
			alive++
		}
	}
	if got.Alive != alive || got.Key != best.Arch || !strings.HasPrefix(got.Said, strconv.Itoa(alive)+" of ") {
		t.Errorf("%+v, want %d networks and %s", got, alive, best.Arch)
	}
	keep(t, p, "limits")
	var hash string
	p.Eval(`location.hash`, &hash)
	p.Load("about:blank")
	p.Load(url + hash) // the address brings back what was chosen
	p.Eval(`hanas.state.model.count()`, &before.Alive)
	if before.Alive != alive {
		t.Errorf("%s: %d networks are within the limits, want %d", hash, before.Alive, alive)
	}
	p.Check()
}

// short is a number as the page has it, with five digits.
func short(v float64) float64 {
	w, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 5, 64), 64) // what FormatFloat wrote can be read
	return w
}

func seen(p report.Point) float64 {
	if p.Measured.Has() {
		return p.Measured.Value
	}
	return p.Accuracy.Value
}

// TestPageKeyboard: all controls are reached by Tab, in order; arrows walk the
// networks; Escape goes back.
func TestPageKeyboard(t *testing.T) {
	p, _ := open(t, html(t, demo()))
	var order []string
	for range 12 {
		order = append(order, p.Tab())
	}
	want := []string{"theme", "plot", "across", "limit-latency", "limit-memory", "limit-accuracy", "series-0", "series-1", "series-2", "button", "button", "summary"}
	if !slices.Equal(order, want) {
		t.Errorf("Tab goes to %v, want %v", order, want)
	}
	var at struct {
		Place   int
		Pinned  bool
		Picture int
		Heard   string
	}
	const where = `({Place: hanas.state.plot.order.indexOf(hanas.state.at), Pinned: hanas.state.pinned >= 0, Picture: document.querySelectorAll("#picked rect").length, Heard: document.getElementById("said").textContent})`
	p.Press("#plot", browser.Home)
	p.Press("#plot", browser.Right+browser.Right+browser.Left)
	p.Eval(where, &at)
	if at.Place != 1 || !at.Pinned || !strings.Contains(at.Heard, "top-1") {
		t.Errorf("Home and arrows: %+v", at)
	}
	p.Press("#plot", browser.End)
	p.Press("#plot", browser.Left+browser.Left+browser.Left+browser.Left)
	p.Eval(where, &at)
	if at.Picture == 0 {
		t.Error("no picture of the network")
	}
	p.Press("#plot", browser.Escape)
	p.Eval(where, &at)
	if at.Pinned {
		t.Error("Escape does not go back to the best")
	}
	p.Press("#limit-accuracy", browser.Right+browser.Right)
	var value float64
	p.Eval(`hanas.state.limits[2].value`, &value)
	if value <= 0 {
		t.Error("an arrow does not move a slider")
	}
	p.Check()
}

// TestPagePointer: hovering tells, also at the edge; leaving ends it.
func TestPagePointer(t *testing.T) {
	d := demo()
	p, _ := open(t, html(t, d))
	var at []float64
	p.Eval(`(function () { document.getElementById("plot").scrollIntoView(); var i = hanas.state.plot.order[5], r = document.getElementById("plot").getBoundingClientRect(); return [r.left + hanas.state.plot.x[i], r.top + hanas.state.plot.y[i], i]; })()`, &at)
	p.Move(at[0]+3, at[1]+2)
	var tip, key string
	p.Eval(`document.getElementById("tip").style.opacity === "1" ? document.getElementById("tip").textContent : ""`, &tip)
	p.Eval(`hanas.state.model.key(`+strconv.Itoa(int(at[2]))+`)`, &key)
	for _, want := range []string{"top-1", "latency", "weights", key} {
		if !strings.Contains(tip, want) {
			t.Errorf("hovering tells %q, without %q", tip, want)
		}
	}
	p.Move(2, 2)
	p.Eval(`document.getElementById("tip").style.opacity`, &tip)
	if tip != "0" {
		t.Error("the note stays when the pointer has left")
	}
	p.Check()
}

// TestPageAnyData: pages of odd data open without a fault, in both colours.
func TestPageAnyData(t *testing.T) {
	p := browser.Open(t)
	dir := t.TempDir()
	for name, d := range map[string]*report.Data{"demo": demo(), "empty": {}, "hostile": hostile(), "many": many(10000), "odd": odd()} {
		file := filepath.Join(dir, name+".html")
		page := html(t, d)
		if len(page) > 3e6 {
			t.Errorf("%s: %d bytes", name, len(page))
		}
		t.Logf("%s: %d kB", name, len(page)/1000)
		if err := os.WriteFile(file, []byte(page), 0o666); err != nil {
			t.Fatal(err)
		}
		for _, dark := range []bool{false, true} {
			p.Dark(dark)
			p.Load("file://" + file)
			if dark || name != "demo" {
				keep(t, p, name)
			}
		}
		var alert bool
		p.Eval(`document.images.length > 0 || document.scripts.length !== 1`, &alert)
		if alert {
			t.Errorf("%s: markup of the data gets through", name)
		}
	}
	for _, r := range p.Requests() {
		if !strings.HasPrefix(r, "file://"+dir) && !strings.HasPrefix(r, "data:image/png;") { // the gallery's, inside the page
			t.Errorf("a page asks for %s", r)
		}
	}
	p.Check()
}

// TestPageOfTenThousand draws ten thousand networks while a slider moves; how
// long that takes is told, not judged.
func TestPageOfTenThousand(t *testing.T) {
	p, _ := open(t, html(t, many(10000)))
	var took struct{ Draw, Hover, Worst float64 }
	p.Eval(`(function () {
	  var s = document.getElementById("limit-latency"), st = hanas.state, all = 0, worst = 0;
	  for (var k = 0; k < 40; k++) {
	    st.limits[0].set(0.25 + 0.02 * k);
	    var t = performance.now();
	    st.update();
	    t = performance.now() - t;
	    all += t; worst = Math.max(worst, t);
	  }
	  var t = performance.now();
	  for (var k = 0; k < 200; k++) { st.plot.hover = st.plot.near(100 + 3 * k, 200); st.plot.over(); }
	  return {Draw: all / 40, Worst: worst, Hover: (performance.now() - t) / 200};
	})()`, &took)
	t.Logf("10,000 networks: %.1f ms a drawing (at most %.1f), %.2f ms a move of the pointer", took.Draw, took.Worst, took.Hover)
	var n, alive int
	p.Eval(`hanas.state.model.n`, &n)
	p.Eval(`hanas.state.model.count()`, &alive)
	if n < 10000 || alive == 0 || alive >= n {
		t.Errorf("%d of %d networks within the limit", alive, n)
	}
	keep(t, p, "tenthousand")
	p.Check()
}

// contrasts lists every text of the page whose contrast against what is behind
// it is below WCAG 2.1's AA: 4.5, or 3 for large text (section 1.4.3).
const contrasts = `(function () {
  function rgba(text) { var m = text.match(/[\d.]+/g); return m ? m.map(Number) : [0, 0, 0, 0]; }
  function alpha(c) { return c.length > 3 ? c[3] : 1; }
  function over(top, below) { var a = alpha(top); return [0, 1, 2].map(function (i) { return a * top[i] + (1 - a) * below[i]; }); }
  function light(c) {
    var v = c.slice(0, 3).map(function (x) { x /= 255; return x <= 0.03928 ? x / 12.92 : Math.pow((x + 0.055) / 1.055, 2.4); });
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
  }
  function behind(e) {
    var layers = [];
    for (; e && e.nodeType === 1; e = e.parentNode) {
      var c = rgba(getComputedStyle(e).backgroundColor);
      if (alpha(c) > 0) { layers.push(c); if (alpha(c) === 1) { break; } }
    }
    return layers.reverse().reduce(function (below, top) { return over(top, below); }, [255, 255, 255]);
  }
  var bad = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), n;
  while ((n = walker.nextNode())) {
    var e = n.parentElement, text = n.textContent.trim();
    if (!text || !e.getClientRects().length || ["SCRIPT", "STYLE", "OPTION", "TITLE"].indexOf(e.tagName) >= 0) { continue; }
    var s = getComputedStyle(e);
    if (s.visibility === "hidden" || Number(s.opacity) === 0) { continue; }
    var svg = e.namespaceURI.indexOf("svg") >= 0, back = behind(svg ? e.ownerSVGElement || e : e), colour = rgba(svg ? s.fill : s.color);
    for (var p = e; p && p.nodeType === 1; p = p.parentNode) { colour = over([colour[0], colour[1], colour[2], alpha(colour) * Number(getComputedStyle(p).opacity)], back).concat(1); }
    var a = light(colour), b = light(back), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    var size = parseFloat(s.fontSize), large = size >= 24 || size >= 18.66 && Number(s.fontWeight) >= 700;
    if (ratio < (large ? 3 : 4.5)) { bad.push(ratio.toFixed(2) + " " + (e.className.baseVal || e.className || e.tagName) + ": " + text.slice(0, 40)); }
  }
  return bad;
})()`

// TestPageContrast: everybody can read every text, by day and by night.
func TestPageContrast(t *testing.T) {
	p, _ := open(t, html(t, demo()))
	for _, dark := range []bool{false, true} {
		p.Dark(dark)
		var ok bool
		p.Eval(frame, &ok)
		var bad []string
		p.Eval(contrasts, &bad)
		slices.Sort(bad)
		bad = slices.Compact(bad)
		for _, b := range bad[:min(12, len(bad))] {
			t.Errorf("dark %v: %s", dark, b)
		}
	}
	p.Check()
}

// TestPagePrints: on paper the page is light whatever the user likes, what can
// only be clicked is not there, and the tables are.
func TestPagePrints(t *testing.T) {
	p, _ := open(t, html(t, demo()))
	p.Print()
	var ok bool
	p.Eval(frame, &ok)
	var got struct {
		Back           string
		Controls, Rows int
		Bad            []string
	}
	p.Eval(`({Back: getComputedStyle(document.documentElement).backgroundColor,
		Controls: [].filter.call(document.querySelectorAll("button, input[type=range], select, #tip"), function (e) { return e.getClientRects().length > 0; }).length,
		Rows: [].filter.call(document.querySelectorAll("tbody tr"), function (e) { return e.getClientRects().length > 0; }).length,
		Bad: `+contrasts+`})`, &got)
	if got.Back != "rgb(255, 255, 255)" || got.Controls != 0 || got.Rows < 5 || len(got.Bad) > 0 {
		t.Errorf("%+v", got)
	}
	keep(t, p, "print")
	p.Check()
}
