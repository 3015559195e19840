package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// joined is a graph of the tables of words; the word bad fails.
func joined(t *testing.T, ran *[]string, words ...string) *Union {
	t.Helper()
	var members []Member
	for _, word := range words {
		table := twoStages(word, ran)
		if word == "bad" {
			table[1].Run = func(context.Context, *Pass) error { return errors.New("it is bad") }
		}
		members = append(members, Member{word, table})
	}
	u, err := Join(members)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestUnion: what members have alike runs once; a member's folder is what a run
// of its own would have made, and is fresh; one that fails does not stop others,
// and the same graph again does only what is missing.
func TestUnion(t *testing.T) {
	dir, cells := t.TempDir(), t.TempDir()
	var ran []string
	u := joined(t, &ran, "hello", "bad", "bye")
	if len(u.Stages()) != 4 {
		t.Fatalf("%d stages, want grow and three that say", len(u.Stages()))
	}
	own, users := u.Own(u.Steps(2)[0])
	if own != "grow" || !slices.Equal(users, []string{"hello", "bad", "bye"}) {
		t.Errorf("%s of %v", own, users)
	}
	_, err := (&Runner{Dir: dir, Stages: u.Stages(), KeepGoing: true}).Run(t.Context())
	var one *StageError
	if !errors.As(err, &one) || one.Stage != u.Steps(1)[1] || !strings.Contains(err.Error(), "it is bad") {
		t.Errorf("%v", err)
	}
	if slices.Sort(ran); !slices.Equal(ran, []string{"grow", "say", "say"}) {
		t.Errorf("ran %v", ran)
	}
	for k, word := range []string{"hello", "bad", "bye"} {
		cell := filepath.Join(cells, word)
		for range 2 { // the second finds all there
			if err := u.Extract(dir, k, cell); err != nil {
				t.Fatal(err)
			}
		}
		steps, err := Plan(cell, twoStages(word, &ran))
		if err != nil || !steps[0].Fresh || steps[1].Fresh != (word != "bad") {
			t.Errorf("%s: %+v, %v", word, steps, err)
		}
	}
	alone := t.TempDir()
	if _, err := (&Runner{Dir: alone, Stages: twoStages("bye", &ran)}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, got := contents(t, alone), contents(t, filepath.Join(cells, "bye"))
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s: %q in the member's folder, %q in a run of its own", name, got[name], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v\n%v", got, want)
	}

	// A member more, the bad one mended, another order: only that runs.
	ran = nil
	u = joined(t, &ran, "new", "bye", "hello")
	if _, err := (&Runner{Dir: dir, Stages: u.Stages(), KeepGoing: true}).Run(t.Context()); err != nil || !slices.Equal(ran, []string{"say"}) {
		t.Errorf("ran %v, %v", ran, err)
	}
}

// TestUnionShares: a graph takes from a shared store what a plain run put there,
// and the other way round.
func TestUnionShares(t *testing.T) {
	share := filepath.Join(t.TempDir(), "store")
	var ran []string
	plain := func(word string) {
		t.Helper()
		if _, err := (&Runner{Dir: t.TempDir(), Stages: twoStages(word, &ran), Share: share}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	plain("hello")
	ran = nil
	dir := t.TempDir()
	if _, err := (&Runner{Dir: dir, Stages: joined(t, &ran, "hello", "bye").Stages(), Share: share}).Run(t.Context()); err != nil || !slices.Equal(ran, []string{"say"}) {
		t.Errorf("ran %v, %v", ran, err)
	}
	ran = nil
	if plain("bye"); len(ran) > 0 {
		t.Errorf("ran %v", ran)
	}
	if got, err := CollectShared(share, StoreSweep{Unused: 0, Runs: []string{dir}, Dry: true, Now: time.Now().Add(9999 * time.Hour)}); err != nil || len(got) > 1 { // but for the "hello" of plain
		t.Errorf("the graph's folder refers to all of it: %v, %v", got, err)
	}
}

// TestExtractEdited: an artifact of the graph that was edited by hand does not
// get into a member's folder.
func TestExtractEdited(t *testing.T) {
	dir := t.TempDir()
	var ran []string
	u := joined(t, &ran, "hello")
	if _, err := (&Runner{Dir: dir, Stages: u.Stages()}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	said := filepath.Join(dir, "dag", u.Steps(0)[1], "said")
	if err := os.WriteFile(said, []byte("something else"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := u.Extract(dir, 0, t.TempDir()); err == nil || !strings.Contains(err.Error(), "said is damaged") {
		t.Errorf("%v", err)
	}
	bad := twoStages("x", &ran)
	bad[0].Needs = []string{"said"}
	if _, err := Join([]Member{{"x", bad}}); err == nil || !strings.Contains(err.Error(), "cycle") {
		t.Errorf("%v", err)
	}
}
