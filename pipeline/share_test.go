package pipeline

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// twoStages makes a folder from nothing, and a file from the folder and a word.
func twoStages(word string, ran *[]string) []Stage {
	write := func(file, text string) error { return os.WriteFile(file, []byte(text), 0o666) }
	return []Stage{
		{Name: "grow", Doc: "grows", Version: 1, Makes: []string{"tree/"}, Run: func(_ context.Context, p *Pass) error {
			*ran = append(*ran, "grow")
			p.Summary("two leaves")
			if err := write(filepath.Join(p.Output("tree/"), "a"), "leaf a"); err != nil {
				return err
			}
			return write(filepath.Join(p.Output("tree/"), "b"), "leaf b")
		}},
		{Name: "say", Doc: "says", Version: 1, Needs: []string{"tree/"}, Makes: []string{"said"}, Settings: word, Run: func(_ context.Context, p *Pass) error {
			*ran = append(*ran, "say")
			a, err := os.ReadFile(filepath.Join(p.Input("tree/"), "a"))
			if err != nil {
				return err
			}
			return write(p.Output("said"), word+" "+string(a))
		}},
	}
}

// TestSharedStore: a second folder takes what another has made, runs what
// differs, and ends with the bytes of a folder that shared nothing. What was
// edited in the store, cut off or forced runs again.
func TestSharedStore(t *testing.T) {
	share := filepath.Join(t.TempDir(), "store")
	run := func(word, share string, force ...string) (dir string, ran []string) {
		t.Helper()
		dir = t.TempDir()
		if _, err := (&Runner{Dir: dir, Stages: twoStages(word, &ran), Share: share, Force: force}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		said, err := os.ReadFile(filepath.Join(dir, "said"))
		b, berr := os.ReadFile(filepath.Join(dir, "tree", "b"))
		if string(said) != word+" leaf a" || string(b) != "leaf b" || err != nil || berr != nil {
			t.Fatalf("%q, %q, %v, %v", said, b, err, berr)
		}
		m, err := ReadManifest(dir)
		if err != nil || m.Stages["grow"].Summary != "two leaves" {
			t.Fatalf("%+v, %v", m.Stages["grow"], err)
		}
		steps, err := Plan(dir, twoStages(word, &ran))
		if err != nil || !steps[0].Fresh || !steps[1].Fresh {
			t.Fatalf("not fresh after the run: %+v, %v", steps, err)
		}
		return dir, ran
	}
	want := func(ran []string, names ...string) {
		t.Helper()
		if !slices.Equal(ran, names) {
			t.Errorf("ran %v, want %v", ran, names)
		}
	}
	_, ran := run("hello", share)
	want(ran, "grow", "say")
	_, ran = run("hello", share)
	want(ran)
	_, ran = run("bye", share)
	want(ran, "say")
	_, ran = run("bye", "")
	want(ran, "grow", "say")
	_, ran = run("bye", share, "grow")
	want(ran, "grow")
	steps, err := Plan(t.TempDir(), twoStages("hello", &ran))
	if err != nil || !Shared(share, steps[0]) || Shared("", steps[0]) || Shared(t.TempDir(), steps[0]) {
		t.Errorf("the plan does not know what is shared: %v", err)
	}
	objects, err := filepath.Glob(filepath.Join(share, "objects", "*", "a"))
	if err != nil || len(objects) != 1 {
		t.Fatal(objects, err)
	}
	if err := os.WriteFile(objects[0], []byte("leaf x"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, ran = run("hello", share)
	want(ran, "grow")
	_, ran = run("hello", share) // and mended the store
	want(ran)
	actions, err := filepath.Glob(filepath.Join(share, "actions", "*"))
	if err != nil || len(actions) == 0 {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", `{"action":"x"}`, `{"artifacts":{"tree/":{"hash":"../../../etc"}}}`} {
		for _, file := range actions {
			if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		_, ran = run("hello", share)
		want(ran, "grow", "say")
	}
	if left, err := filepath.Glob(filepath.Join(share, "tmp", "*")); err != nil || len(left) > 0 {
		t.Errorf("left in the store: %v, %v", left, err)
	}
}

// TestSharedStoreOnFullDisk: a store that cannot be written to does not fail a
// run, and says so in the log.
func TestSharedStoreOnFullDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a file, no folder")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	var ran, said []string
	r := Runner{Dir: t.TempDir(), Stages: twoStages("hello", &ran), Share: file, Listener: func(ev Event) {
		if ev.Kind == Log {
			said = append(said, ev.Text)
		}
	}}
	if _, err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(said) == 0 || !strings.Contains(said[0], "not shared") {
		t.Errorf("said %q", said)
	}
}
