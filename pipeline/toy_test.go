package pipeline

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// toy is a diamond of stages on text files, with hooks to count and disturb:
//
//	seed ─▶ left ──▶ join
//	   └──▶ right/ ──┘
type toy struct {
	seed, left string // settings
	mu         sync.Mutex
	ran        []string
	before     func(ctx context.Context, stage string, p *Pass) error // may be nil
}

func (y *toy) stages() []Stage {
	read := func(file string) string {
		data, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		return string(data)
	}
	write := func(file, text string) error { return os.WriteFile(file, []byte(text), 0o666) }
	run := func(name string, body func(p *Pass) error) func(context.Context, *Pass) error {
		return func(ctx context.Context, p *Pass) error {
			y.mu.Lock()
			y.ran = append(y.ran, name)
			y.mu.Unlock()
			if y.before != nil {
				if err := y.before(ctx, name, p); err != nil {
					return err
				}
			}
			return body(p)
		}
	}
	return []Stage{
		{
			Name: "seed", Doc: "writes its setting", Version: 1, Makes: []string{"seed.txt"}, Settings: map[string]string{"text": y.seed},
			Run: run("seed", func(p *Pass) error { return write(p.Output("seed.txt"), y.seed) }),
		},
		{
			Name: "left", Doc: "appends its setting", Version: 1, Needs: []string{"seed.txt"}, Makes: []string{"deep/left.txt"},
			Settings: map[string]any{"deep": map[string]string{"text": y.left}},
			Run: run("left", func(p *Pass) error {
				p.Summary("left of " + read(p.Input("seed.txt")))
				return write(p.Output("deep/left.txt"), read(p.Input("seed.txt"))+y.left)
			}),
		},
		{
			Name: "right", Doc: "writes the lengths", Version: 1, Needs: []string{"seed.txt"}, Makes: []string{"right/"},
			Run: run("right", func(p *Pass) error {
				for i := range 3 {
					if err := write(filepath.Join(p.Output("right/"), fmt.Sprint(i)), fmt.Sprint(i, len(read(p.Input("seed.txt"))))); err != nil {
						return err
					}
				}
				return nil
			}),
		},
		{
			Name: "join", Doc: "puts both together", Version: 1, Needs: []string{"deep/left.txt", "right/"}, Makes: []string{"join.txt"},
			Run: run("join", func(p *Pass) error {
				return write(p.Output("join.txt"), read(p.Input("deep/left.txt"))+"|"+read(filepath.Join(p.Input("right/"), "2")))
			}),
		},
	}
}

// run brings dir up to date and returns the stages that did work, sorted.
func (y *toy) run(t *testing.T, dir string) []string {
	t.Helper()
	y.ran = nil
	if _, err := (&Runner{Dir: dir, Stages: y.stages()}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(slices.Values(y.ran))
}

// contents reads everything in a run folder but what tells the time.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == ".lock" || d.Name() == manifestFile || filepath.Base(filepath.Dir(file)) == logFolder {
			return err
		}
		data, err := os.ReadFile(file)
		rel, _ := filepath.Rel(dir, file)
		out[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range m.Stages {
		hashes := []string{string(r.Action), r.Summary}
		for _, a := range slices.Sorted(maps.Keys(r.Artifacts)) {
			hashes = append(hashes, a, r.Artifacts[a].Hash)
		}
		out["manifest:"+name] = strings.Join(hashes, " ")
	}
	return out
}

var all = []string{"join", "left", "right", "seed"}
