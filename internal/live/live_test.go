package live

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"hanas/internal/browser"
)

// folder is a run folder with a secret beside it.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	for name, text := range map[string]string{"run/report.html": "<h1>report</h1>", "run/logs/a.log": "said <b>", "run/.lock": "1", "run/.work/x": "1", "secret": "secret"} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "secret"), filepath.Join(run, "way-out")); err != nil {
		t.Fatal(err)
	}
	return run
}

func get(t *testing.T, h http.Handler, method, path, host string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path, r.Host = path, host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestFiles: what is in the folder is served as what it is; hidden files, ways
// out, other methods and other sites' names are not.
func TestFiles(t *testing.T) {
	h, err := Handler(folder(t), func() (any, error) { return map[string]int{"x": 1}, nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, host string
		code               int
		text, kind         string
	}{
		{"GET", "/", "localhost:1", 200, "EventSource", "text/html"},
		{"GET", "/status", "127.0.0.1:1", 200, `{"x":1}`, "application/json"},
		{"GET", "/files/report.html", "[::1]:1", 200, "<h1>", "text/html"},
		{"GET", "/files/logs/a.log", "localhost", 200, "said <b>", "text/plain"},
		{"GET", "/files/.lock", "localhost", 404, "", ""},
		{"GET", "/files/.work/x", "localhost", 404, "", ""},
		{"GET", "/files/../secret", "localhost", 307, "", ""}, // to a cleaned path, which is no file
		{"GET", "/files/..%2fsecret", "localhost", 404, "", ""},
		{"GET", "/files/way-out", "localhost", 500, "", ""},
		{"GET", "/nothing", "localhost", 404, "", ""},
		{"POST", "/status", "localhost", 405, "", ""},
		{"DELETE", "/files/report.html", "localhost", 405, "", ""},
		{"GET", "/status", "evil.example", 403, "", ""},
	} {
		w := get(t, h, c.method, c.path, c.host)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.text) || !strings.HasPrefix(w.Header().Get("Content-Type"), c.kind) || strings.Contains(w.Body.String(), "secret\n") || w.Body.String() == "secret" {
			t.Errorf("%s %s of %s: %d %s %q, want %d %s", c.method, c.path, c.host, w.Code, w.Header().Get("Content-Type"), w.Body.String(), c.code, c.kind)
		}
	}
	if _, err := Handler(filepath.Join(t.TempDir(), "none"), nil); err == nil {
		t.Error("serves a folder that is not there")
	}
}

// TestEvents: a change is told, the same status is not told twice, and what
// cannot be read is told too.
func TestEvents(t *testing.T) {
	var n atomic.Int64
	h, err := Handler(folder(t), func() (any, error) {
		if k := n.Add(1); k < 4 {
			return map[string]bool{"early": true}, nil
		}
		return nil, errors.New("the manifest is broken")
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	r, err := http.Get(s.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	var got []string
	for len(got) < 2 && lines.Scan() {
		if lines.Text() != "" {
			got = append(got, lines.Text())
		}
	}
	if want := []string{`data: {"early":true}`, `data: {"error":"the manifest is broken"}`}; len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestPage opens the page in a browser: it shows stages with their progress, and
// offers the report.
func TestPage(t *testing.T) {
	p := browser.Open(t)
	h, err := Handler(folder(t), func() (any, error) {
		return map[string]any{"name": "quick <b>", "running": true, "pid": 7, "report": true, "stages": []any{
			map[string]any{"name": "data", "state": "fresh", "summary": "<i>20,000 images</i>", "seconds": 3},
			map[string]any{"name": "supernet", "state": "stale", "reason": "never ran", "live": map[string]any{"started": "2026-01-01T00:00:00Z", "done": 250, "total": 1000, "unit": "steps"}, "said": []string{"step 250"}},
			map[string]any{"name": "search", "state": "stale", "reason": "never ran here"},
		}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	p.Load(s.URL + "/")
	var text string
	p.Eval(`new Promise(function (ok) { (function wait() { var t = document.body.innerText; t.indexOf("supernet") >= 0 ? ok(t) : setTimeout(wait, 20); })(); })`, &text)
	for _, want := range []string{"quick <b>", "running, process 7", "<i>20,000 images</i>", "250 of 1,000 steps", "never ran here", "step 250", "Open the report"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	var part string
	p.Eval(`document.getElementById("whole").getAttribute("aria-valuenow")`, &part)
	if part != "42" { // a stage and a quarter of three
		t.Errorf("%s %% are done, want 42", part)
	}
	r, err := http.Get(s.URL + "/files/report.html")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != "<h1>report</h1>" {
		t.Errorf("the report is %q, %v", body, err)
	}
	p.Check()
	p.Load("about:blank") // ends its stream, for which the server would wait
	s.CloseClientConnections()
}
