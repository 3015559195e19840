package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRunThenNothingToDo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd [name]* dir")
	y := &toy{seed: "s", left: "l"}
	if got := y.run(t, dir); !slices.Equal(got, all) {
		t.Errorf("first run: %v", got)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "join.txt")); string(got) != "sl|2 1" {
		t.Errorf("join.txt: %q %v", got, err)
	}
	if got := y.run(t, dir); len(got) != 0 {
		t.Errorf("second run: %v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, workFolder)); !os.IsNotExist(err) {
		t.Errorf("working folder remains: %v", err)
	}
	m, err := ReadManifest(dir)
	if err != nil || m.Stages["left"].Summary != "left of s" || m.Stages["left"].Artifacts["deep/left.txt"].Bytes != 2 {
		t.Errorf("manifest: %+v %v", m.Stages["left"], err)
	}
}

// TestWhatRunsAfterAChange edits one thing after a full run.
func TestWhatRunsAfterAChange(t *testing.T) {
	write := func(name, text string) func(*toy, string) {
		return func(_ *toy, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				panic(err)
			}
		}
	}
	remove := func(name string) func(*toy, string) {
		return func(_ *toy, dir string) { os.RemoveAll(filepath.Join(dir, name)) }
	}
	for _, c := range []struct {
		name   string
		change func(y *toy, dir string)
		want   []string // stages that run
		reason string   // of the first that runs, from Plan
	}{
		{"nothing", func(*toy, string) {}, nil, ""},
		{"first settings", func(y *toy, _ string) { y.seed = "T2" }, all, `text: "s" → "T2"`},
		{"same length: right makes the same, join follows left", func(y *toy, _ string) { y.seed = "t" }, []string{"join", "left", "right", "seed"}, ""},
		{"downstream settings", func(y *toy, _ string) { y.left = "m" }, []string{"join", "left"}, `deep.text: "l" → "m"`},
		{"artifact gone", remove("deep/left.txt"), []string{"left"}, "artifact deep/left.txt is missing"},
		{"last artifact gone", remove("join.txt"), []string{"join"}, "join.txt is missing"},
		{"folder gone", remove("right"), []string{"right"}, "right/ is missing"},
		{"file of a folder gone", remove("right/1"), []string{"right"}, "right/ is damaged"},
		{"file added to a folder", write("right/9", "?"), []string{"right"}, "right/ is damaged"},
		{"damaged", write("seed.txt", "x"), []string{"seed"}, "artifact seed.txt is damaged"},
		{"damaged, same size", write("deep/left.txt", "zz"), []string{"left"}, "deep/left.txt is damaged"},
		{"touched only", write("deep/left.txt", "sl"), nil, ""},
		{"file where a folder was", func(y *toy, dir string) { remove("right")(y, dir); write("right", "x")(y, dir) }, []string{"right"}, "right/ is damaged"},
		{"manifest gone", remove("manifest.json"), all, "never ran here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			y := &toy{seed: "s", left: "l"}
			y.run(t, dir)
			c.change(y, dir)
			steps, err := Plan(dir, y.stages())
			if err != nil {
				t.Fatal(err)
			}
			reason := ""
			for _, st := range steps {
				if !st.Fresh {
					reason = st.Reason
					break
				}
			}
			if !strings.Contains(reason, c.reason) || (reason == "") != (c.want == nil) {
				t.Errorf("plan says %q, want %q", reason, c.reason)
			}
			if got := y.run(t, dir); !slices.Equal(got, c.want) {
				t.Errorf("ran %v, want %v", got, c.want)
			}
			// The end state is that of a run from nothing.
			clean := t.TempDir()
			y.run(t, clean)
			if got, want := contents(t, dir), contents(t, clean); !reflect.DeepEqual(got, want) {
				t.Errorf("end state\n%v\nwant\n%v", got, want)
			}
			if got := y.run(t, dir); len(got) != 0 {
				t.Errorf("then ran again: %v", got)
			}
		})
	}
}

func TestVersionAndForce(t *testing.T) {
	dir := t.TempDir()
	y := &toy{seed: "s"}
	y.run(t, dir)
	stages := y.stages()
	stages[1].Version = 2
	steps, err := Plan(dir, stages)
	if err != nil || steps[1].Reason != "version 1 → 2" || steps[3].Reason != "waits for left" {
		t.Errorf("plan: %+v %v", steps, err)
	}
	y.ran = nil
	sum, err := (&Runner{Dir: dir, Stages: y.stages(), Force: []string{"left"}}).Run(t.Context())
	if err != nil || !slices.Equal(sum.Ran, []string{"left"}) || len(sum.Fresh) != 3 {
		t.Errorf("forced: %+v %v (the answer is the same, so join is fresh)", sum, err)
	}
	_, err = (&Runner{Dir: dir, Stages: y.stages(), Force: []string{"lft"}}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), `no stage "lft" (there are: seed, left, right, join)`) {
		t.Errorf("unknown force: %v", err)
	}
}

// TestStartsWhileOthersAreSwept has one stage make its working folder while the
// fresh ones beside it are swept, over and over.
func TestStartsWhileOthersAreSwept(t *testing.T) {
	dir := t.TempDir()
	y := &toy{seed: "s"}
	y.run(t, dir)
	for range 300 {
		if _, err := (&Runner{Dir: dir, Stages: y.stages(), Force: []string{"left"}}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFailureStopsAndNextRunGoesOn(t *testing.T) {
	dir := t.TempDir()
	boom := errors.New("boom")
	y := &toy{seed: "s", left: "l", before: func(_ context.Context, stage string, _ *Pass) error {
		if stage == "left" {
			return boom
		}
		return nil
	}}
	var events []Event
	_, err := (&Runner{Dir: dir, Stages: y.stages(), Jobs: 1, Listener: func(e Event) { events = append(events, e) }}).Run(t.Context())
	var se *StageError
	if !errors.As(err, &se) || se.Stage != "left" || !errors.Is(err, boom) {
		t.Fatalf("error %v", err)
	}
	if slices.Contains(y.ran, "join") {
		t.Error("join ran without its input")
	}
	last := events[len(events)-1]
	if last.Kind != Failed || last.Stage != "left" || last.Err != boom {
		t.Errorf("last event %+v", last)
	}
	y.before = nil
	if got := y.run(t, dir); slices.Contains(got, "seed") || !slices.Contains(got, "join") {
		t.Errorf("went on with %v", got)
	}
}

func TestBadOutputs(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(p *Pass) error
		want string
	}{
		{"not written", func(*Pass) error { return nil }, `artifact "x" was not written`},
		{"folder for a file", func(p *Pass) error { return os.Mkdir(p.Output("x"), 0o777) }, `"x" must be a file`},
		{"undeclared output", func(p *Pass) error { p.Output("y"); return nil }, `stage a: "y" is not in its Makes (x)`},
		{"undeclared input", func(p *Pass) error { p.Input("y"); return nil }, `stage a: "y" is not in its Needs ()`},
		{"work outside", func(p *Pass) error { p.Work("../y"); return nil }, "outside its folder"},
		{"panic", func(*Pass) error { panic("ouch") }, "panic: ouch"},
	} {
		s := Stage{Name: "a", Doc: "tries", Makes: []string{"x"}, Run: func(_ context.Context, p *Pass) error { return c.run(p) }}
		_, err := (&Runner{Dir: t.TempDir(), Stages: []Stage{s}}).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

func TestCancelThenGoOn(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	y := &toy{seed: "s", left: "l", before: func(ctx context.Context, stage string, _ *Pass) error {
		if stage == "left" {
			cancel()
			<-ctx.Done()
			return fmt.Errorf("left: %w", ctx.Err())
		}
		return nil
	}}
	var stopped atomic.Bool
	_, err := (&Runner{Dir: dir, Stages: y.stages(), Listener: func(e Event) {
		if e.Kind == Stopped && e.Stage == "left" {
			stopped.Store(true)
		}
	}}).Run(ctx)
	if !errors.Is(err, context.Canceled) || !stopped.Load() {
		t.Fatalf("error %v, stopped %v", err, stopped.Load())
	}
	y.before = nil
	if got := y.run(t, dir); slices.Contains(got, "seed") {
		t.Errorf("seed ran again: %v", got)
	}
}

// TestCancelledNil: a stage that overlooks the cancellation and returns nil
// must not be taken as finished.
func TestCancelledNil(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	s := Stage{Name: "a", Doc: "stops half-way", Makes: []string{"x"}, Run: func(_ context.Context, p *Pass) error {
		cancel()
		return os.WriteFile(p.Output("x"), []byte("half"), 0o666)
	}}
	if _, err := (&Runner{Dir: dir, Stages: []Stage{s}}).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "x")); !os.IsNotExist(err) {
		t.Errorf("half a file was published: %v", err)
	}
}

func TestWorkSurvives(t *testing.T) {
	dir := t.TempDir()
	fail := true
	s := Stage{Name: "a", Doc: "counts on", Makes: []string{"x"}, Settings: 1, Run: func(_ context.Context, p *Pass) error {
		before, _ := os.ReadFile(p.Work("sub/progress"))
		if err := os.WriteFile(p.Output("x"), before, 0o666); err != nil {
			return err
		}
		if err := os.WriteFile(p.Work("sub/progress"), append(before, '+'), 0o666); err != nil {
			return err
		}
		if fail {
			return errors.New("not yet")
		}
		return nil
	}}
	run := func() error {
		_, err := (&Runner{Dir: dir, Stages: []Stage{s}}).Run(t.Context())
		return err
	}
	for range 2 {
		if run() == nil {
			t.Fatal("did not fail")
		}
	}
	fail = false
	if err := run(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "x")); string(got) != "++" {
		t.Errorf("went on from %q, want two steps", got)
	}
	s.Settings = 2
	if err := run(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "x")); string(got) != "" {
		t.Errorf("other settings went on from %q", got)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	y := &toy{seed: "s"}
	var inner error
	y.before = func(ctx context.Context, stage string, _ *Pass) error {
		if stage == "seed" {
			_, inner = (&Runner{Dir: dir, Stages: (&toy{}).stages(), Begin: func() error { panic("begun") }}).Run(ctx)
			if pid, busy := Busy(dir); !busy || pid != os.Getpid() {
				t.Errorf("busy: %d %v", pid, busy)
			}
		}
		return nil
	}
	y.run(t, dir)
	var locked *LockedError
	if !errors.As(inner, &locked) || locked.PID != os.Getpid() || !strings.Contains(inner.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("second run: %v", inner)
	}
	y.before = nil
	if _, busy := Busy(dir); busy {
		t.Error("still busy")
	}
	boom := errors.New("boom")
	_, err := (&Runner{Dir: dir, Stages: y.stages(), Begin: func() error { return boom }}).Run(t.Context())
	if err != boom {
		t.Errorf("Begin's error: %v", err)
	}
	y.run(t, dir) // the lock is free again
}

func TestDamagedManifest(t *testing.T) {
	for text, want := range map[string]string{"{": "remove the file", `{"format": 99}`: "format 99"} {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, manifestFile), []byte(text), 0o666)
		if _, err := Plan(dir, (&toy{}).stages()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestSideBySide: left and right each wait for the other to have begun, which
// ends only if they run at once.
func TestSideBySide(t *testing.T) {
	met := make(chan struct{})
	y := &toy{before: func(ctx context.Context, stage string, _ *Pass) error {
		switch stage {
		case "left":
			met <- struct{}{}
		case "right":
			<-met
		}
		return nil
	}}
	if _, err := (&Runner{Dir: t.TempDir(), Stages: y.stages(), Jobs: 2, Cores: 2}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestLimits counts how many stages run at once under each kind of limit.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name        string
		jobs, cores int
		change      func(s *Stage, i int)
		most        int32
	}{
		{"jobs", 2, 9, func(*Stage, int) {}, 2},
		{"cores", 9, 3, func(s *Stage, _ int) { s.Cores = 2 }, 1},
		{"more than all cores", 9, 2, func(s *Stage, _ int) { s.Cores = 5 }, 1},
		{"all exclusive", 9, 9, func(s *Stage, _ int) { s.Exclusive = true }, 1},
	} {
		var now, most atomic.Int32
		var stages []Stage
		for i := range 6 {
			s := stage(fmt.Sprintf("s%d", i), "", fmt.Sprintf("x%d", i))
			s.Run = func(_ context.Context, p *Pass) error {
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(2 * time.Millisecond)
				now.Add(-1)
				return os.WriteFile(p.Output(p.stage.Makes[0]), nil, 0o666)
			}
			c.change(&s, i)
			stages = append(stages, s)
		}
		if _, err := (&Runner{Dir: t.TempDir(), Stages: stages, Jobs: c.jobs, Cores: c.cores}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if most.Load() > c.most {
			t.Errorf("%s: %d at once, want at most %d", c.name, most.Load(), c.most)
		}
	}
}

// TestExclusive: nothing runs beside the one exclusive stage.
func TestExclusive(t *testing.T) {
	var now atomic.Int32
	var disturbed atomic.Bool
	var stages []Stage
	for i := range 8 {
		s := stage(fmt.Sprintf("s%d", i), "", fmt.Sprintf("x%d", i))
		s.Exclusive = i == 3
		s.Run = func(_ context.Context, p *Pass) error {
			n := now.Add(1)
			time.Sleep(time.Millisecond)
			if p.stage.Exclusive && (n != 1 || now.Load() != 1) {
				disturbed.Store(true)
			}
			now.Add(-1)
			return os.WriteFile(p.Output(p.stage.Makes[0]), nil, 0o666)
		}
		stages = append(stages, s)
	}
	if _, err := (&Runner{Dir: t.TempDir(), Stages: stages, Jobs: 4, Cores: 4}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if disturbed.Load() {
		t.Error("something ran beside the exclusive stage")
	}
}

func TestEvents(t *testing.T) {
	y := &toy{seed: "s", before: func(_ context.Context, stage string, p *Pass) error {
		if stage == "seed" {
			p.Log("hello %d", 7)
			for i := range 1000 {
				p.Progress(int64(i+1), 1000, "numbers")
			}
			go func() { // outlives its stage: not heard, and no harm
				for range 100 {
					p.Log("late")
					time.Sleep(50 * time.Microsecond)
				}
			}()
		}
		return nil
	}}
	var kinds []string
	var last Event
	run := func() {
		kinds = nil
		r := Runner{Dir: "", Stages: y.stages()[:1], Listener: func(e Event) {
			if e.Kind == Progress {
				last = e
				e.Kind = "p"
			}
			if e.Text != "late" && !(e.Kind == "p" && slices.Contains(kinds, "p")) {
				kinds = append(kinds, string(e.Kind))
			}
		}}
		r.Dir = filepath.Join(t.TempDir(), "x")
		for range 2 {
			if _, err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	run()
	if want := []string{"started", "log", "p", "finished", "skipped"}; !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
	if last.Done != 1000 || last.Total != 1000 || last.Unit != "numbers" {
		t.Errorf("last progress %+v", last)
	}
}
