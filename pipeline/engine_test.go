package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// chain is n stages, in rows of ten that each need the row before.
func chain(n int) []Stage {
	out := make([]Stage, n)
	for i := range out {
		name := func(k int) string { return fmt.Sprintf("d%d/f%d", k/100, k) }
		out[i] = Stage{Name: fmt.Sprintf("s%d", i), Doc: "does nothing", Version: 1, Makes: []string{name(i)}, Run: func(_ context.Context, p *Pass) error {
			return os.WriteFile(p.Output(name(i)), nil, 0o666)
		}}
		if i >= 10 {
			out[i].Needs = []string{name(i - 10)}
		}
	}
	return out
}

// BenchmarkManyFresh is a run of which all is fresh.
func BenchmarkManyFresh(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := Runner{Dir: b.TempDir(), Stages: chain(n)}
			if _, err := r.Run(b.Context()); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := r.Run(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkNothing is the first run of stages that do nothing: what the engine
// and the disk cost.
func BenchmarkNothing(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				r := Runner{Dir: b.TempDir(), Stages: chain(n)}
				if _, err := r.Run(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestManyStages(t *testing.T) {
	r := Runner{Dir: t.TempDir(), Stages: chain(300)}
	sum, err := r.Run(t.Context())
	if err != nil || len(sum.Ran) != 300 {
		t.Fatalf("%d stages ran, want 300: %v", len(sum.Ran), err)
	}
	m, err := ReadManifest(r.Dir)
	if err != nil || len(m.Stages) != 300 {
		t.Fatalf("%d stages on record, want 300: %v", len(m.Stages), err)
	}
	sum, err = r.Run(t.Context())
	if err != nil || len(sum.Fresh) != 300 {
		t.Fatalf("%d stages fresh, want 300: %v", len(sum.Fresh), err)
	}
}

func TestRetries(t *testing.T) {
	flaky := errors.New("no answer")
	for _, row := range []struct {
		name  string
		fails int
		err   error
		limit int
		tries int
		waits []time.Duration
		fine  bool
	}{
		{"passes", 2, MayPass(flaky), 0, 3, []time.Duration{time.Second, 2 * time.Second}, true},
		{"wrapped", 1, fmt.Errorf("fetch: %w", MayPass(flaky)), 0, 2, []time.Duration{time.Second}, true},
		{"too often", 9, MayPass(flaky), 4, 5, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second}, false},
		{"for good", 1, flaky, 0, 1, nil, false},
		{"never", 1, MayPass(flaky), -1, 1, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			tries := 0
			var waits []time.Duration
			r := Runner{
				Dir: t.TempDir(), Stages: []Stage{{Name: "a", Doc: "fails", Makes: []string{"a"}, Run: func(_ context.Context, p *Pass) error {
					if tries++; tries <= row.fails {
						return row.err
					}
					return os.WriteFile(p.Output("a"), nil, 0o666)
				}}},
				Retry: Retry{Limit: row.limit, Most: 3 * time.Second, Wait: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }},
			}
			_, err := r.Run(t.Context())
			if (err == nil) != row.fine || tries != row.tries || !slices.Equal(waits, row.waits) {
				t.Errorf("error %v, %d tries, waits %v", err, tries, waits)
			}
			if err != nil && !errors.Is(err, flaky) {
				t.Errorf("the cause is lost: %v", err)
			}
		})
	}
}

func TestLogFiles(t *testing.T) {
	y := &toy{seed: "s", left: "l", before: func(_ context.Context, stage string, p *Pass) error {
		p.Log("%s speaks", stage)
		if stage == "join" {
			return errors.New("on fire")
		}
		return nil
	}}
	dir := t.TempDir()
	if _, err := (&Runner{Dir: dir, Stages: y.stages()}).Run(t.Context()); err == nil {
		t.Fatal("no error")
	}
	for stage, want := range map[string][]string{
		"seed": {"started never ran here", "log seed speaks", "finished"},
		"join": {"started never ran here", "log join speaks", "failed on fire"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, logFolder, stage+".log"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if len(lines) != len(want) {
			t.Fatalf("%s: %q", stage, lines)
		}
		for i, line := range lines {
			if !strings.Contains(line, want[i]) {
				t.Errorf("%s: line %d is %q, want %q", stage, i, line, want[i])
			}
		}
	}
}

func TestCollect(t *testing.T) {
	y := &toy{seed: "s", left: "l"}
	dir := t.TempDir()
	table := append(y.stages(), Stage{Name: "gone", Doc: "will be dropped", Makes: []string{"gone.txt"}, Run: func(_ context.Context, p *Pass) error {
		return os.WriteFile(p.Output("gone.txt"), []byte("12345"), 0o666)
	}})
	if _, err := (&Runner{Dir: dir, Stages: table}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	y.left = "m" // left is stale, join waits for it
	steps, err := Plan(dir, y.stages())
	if err != nil {
		t.Fatal(err)
	}
	var resume string
	for _, st := range steps {
		if st.Stage.Name == "left" {
			resume = ".work/left-" + st.ActionID.short()
		}
	}
	for _, folder := range []string{".work/left-000000000000", ".work/seed-000000000000", ".work/nobody-1", ".work/join-000000000000", resume} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{".manifest.json.tmp", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte("123"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{".manifest.json.tmp", ".work/left-000000000000", ".work/nobody-1", ".work/seed-000000000000", "gone.txt"}
	for _, dry := range []bool{true, false} {
		found, err := Collect(dir, y.stages(), dry)
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, g := range found {
			paths = append(paths, g.Path)
			_, err := os.Stat(filepath.Join(dir, g.Path))
			if os.IsNotExist(err) == dry {
				t.Errorf("dry %v: %s: %v", dry, g.Path, err)
			}
		}
		if !slices.Equal(paths, want) {
			t.Errorf("dry %v: %q, want %q", dry, paths, want)
		}
	}
	for _, file := range []string{"notes.txt", "seed.txt", resume} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Errorf("lost: %v", err)
		}
	}
	if found, err := Collect(dir, y.stages(), false); err != nil || len(found) != 0 {
		t.Errorf("a second time: %v, %v", found, err)
	}
}
