// Package browser drives a headless Chromium, so that tests meet a page as its
// readers do. A test skips where no browser is installed.
//
//	p := browser.Open(t)
//	p.Load("file://" + page)
//	p.Press("#plot", browser.Right)
//	p.Eval(`document.title`, &title)
//	p.Check() // no error on the console, nothing fetched but the page
//
// A Page is the only type.
package browser

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Keys for Press.
const (
	Right  = kb.ArrowRight
	Left   = kb.ArrowLeft
	Up     = kb.ArrowUp
	Down   = kb.ArrowDown
	Home   = kb.Home
	End    = kb.End
	Tab    = kb.Tab
	Escape = kb.Escape
	Space  = " "
)

// names are what the browser may be called, the first found wins.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless-shell", "microsoft-edge"}

// patience bounds one test's use of the browser: a hang becomes a failure.
const patience = 90 * time.Second

// Page is a tab of a browser that is this test's own.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	faults   []string
	requests []string
}

// Open starts a browser for a test, which ends with it; $HANAS_BROWSER names
// one that is not on the path. The window is 1280 x 900 pixels.
func Open(t testing.TB) *Page {
	t.Helper()
	path := os.Getenv("HANAS_BROWSER")
	for _, name := range names {
		if path != "" {
			break
		}
		path, _ = exec.LookPath(name)
	}
	if path == "" {
		t.Skip("no browser: install chromium, or set HANAS_BROWSER")
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(1280, 900), chromedp.UserDataDir(t.TempDir()))
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, patience)
	t.Cleanup(stop)
	p := &Page{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatalf("browser: %v", err)
	}
	for _, enable := range []func() error{
		func() error { _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); return err },
		func() error { _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); return err },
		func() error { _, err := chromedp.Call(ctx, runtime.Enable, cdp.Empty{}); return err },
	} {
		if err := enable(); err != nil {
			t.Fatalf("browser: %v", err)
		}
	}
	return p
}

// listen collects what a page must not have.
func (p *Page) listen(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		p.faults = append(p.faults, ev.ExceptionDetails.Text)
		if e := ev.ExceptionDetails.Exception; e != nil {
			p.faults = append(p.faults, e.Description)
		}
	case *runtime.EventConsoleAPICalled:
		if t := chromedp.ConsoleType(ev.Type); t == chromedp.ConsoleError || t == chromedp.ConsoleWarning {
			said := []string{string(t)}
			for _, arg := range ev.Args {
				said = append(said, string(arg.Value), arg.Description)
			}
			p.faults = append(p.faults, strings.Join(said, " "))
		}
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError {
			p.faults = append(p.faults, ev.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, ev.Request.URL)
	}
}

func (p *Page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// Load opens an address and waits until the page is there.
func (p *Page) Load(address string) {
	p.t.Helper()
	p.do(chromedp.Navigate(address))
}

// Eval runs an expression in the page; out takes its value, by way of JSON, and
// may be nil. A promise is waited for.
func (p *Page) Eval(js string, out any) {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](
		`Promise.resolve(`+js+`).then(function (v) { return JSON.stringify(v === undefined ? null : v); })`, chromedp.EvalAwaitPromise))
	if err == nil && out != nil {
		err = json.Unmarshal([]byte(text), out)
	}
	if err != nil {
		p.t.Fatalf("browser: %s: %v", js, err)
	}
}

// Press gives the focus to an element, named by a selector, and types keys.
func (p *Page) Press(selector, keys string) {
	p.t.Helper()
	p.Eval(`document.querySelector("`+selector+`").focus()`, nil)
	p.do(chromedp.KeyEvent(keys))
}

// Tab moves the focus on, as the keyboard does, and returns what has it then:
// its id, or else its tag.
func (p *Page) Tab() string {
	p.t.Helper()
	p.do(chromedp.KeyEvent(Tab))
	var at string
	p.Eval(`document.activeElement.id || document.activeElement.tagName.toLowerCase()`, &at)
	return at
}

// Move puts the pointer at a place of the window.
func (p *Page) Move(x, y float64) {
	p.t.Helper()
	p.do(chromedp.MouseEvent(chromedp.MouseMoved, x, y))
}

// Dark switches what the page believes of the user's colours.
func (p *Page) Dark(dark bool) {
	p.t.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[dark]
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}); err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// Print shows the page as it is printed, by a user who likes it dark.
func (p *Page) Print() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	}); err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// Screenshot is the whole page as PNG.
func (p *Page) Screenshot() []byte {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
	return png
}

// Requests are the addresses that were asked for, from the first page on.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// Check fails the test if a page had an error or a warning.
func (p *Page) Check() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		p.t.Errorf("the page reports: %s", f)
	}
}
