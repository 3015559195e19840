package pipeline

import (
	"context"
	"math"
	"strings"
	"testing"
)

func nop(context.Context, *Pass) error { return nil }

func stage(name string, needs, makes string) Stage {
	return Stage{Name: name, Doc: "does " + name, Run: nop, Needs: strings.Fields(needs), Makes: strings.Fields(makes)}
}

func TestValidate(t *testing.T) {
	undocumented, idle, infinite := stage("a", "", "a"), stage("a", "", "a"), stage("a", "", "a")
	undocumented.Doc, idle.Run, infinite.Settings = " ", nil, math.Inf(1)
	for _, c := range []struct {
		name   string
		stages []Stage
		want   string // substring of the error; "" = none
	}{
		{"diamond", (&toy{}).stages(), ""},
		{"makers may come later", []Stage{stage("b", "a", "b"), stage("a", "", "a")}, ""},
		{"names with a common start", []Stage{stage("a", "", "model models/")}, ""},
		{"none", nil, "no stages"},
		{"bad name", []Stage{stage("Big Name", "", "a")}, `bad name "Big Name"`},
		{"no dash", []Stage{stage("a-b", "", "a")}, `bad name "a-b"`},
		{"same name", []Stage{stage("a", "", "a"), stage("a", "", "b")}, "stage a: the name is taken"},
		{"undocumented", []Stage{undocumented}, "stage a: undocumented"},
		{"no Run", []Stage{idle}, "Run is not set"},
		{"makes nothing", []Stage{stage("a", "", "")}, "makes nothing"},
		{"settings", []Stage{infinite}, "settings cannot be hashed"},
		{"two makers", []Stage{stage("a", "", "x"), stage("b", "", "x")}, `artifact "x" has two makers: a and b`},
		{"inside", []Stage{stage("a", "", "x/"), stage("b", "", "x/y")}, `artifact "x/y" lies inside artifact "x/"`},
		{"file and folder", []Stage{stage("a", "", "x/"), stage("b", "", "x")}, `lies inside`},
		{"nobody makes it", []Stage{stage("a", "ghost", "x")}, `needs "ghost", which no stage makes`},
		{"twice", []Stage{stage("a", "", "x"), stage("b", "x x", "y")}, `needs "x" twice`},
		{"outside", []Stage{stage("a", "", "../x")}, "not a clean path"},
		{"absolute", []Stage{stage("a", "", "/x")}, "not a clean path"},
		{"unclean", []Stage{stage("a", "", "a//b")}, "not a clean path"},
		{"hidden", []Stage{stage("a", "", ".work/x")}, "reserved"},
		{"manifest", []Stage{stage("a", "", "manifest.json")}, "reserved"},
		{"cycle", []Stage{stage("a", "z", "x"), stage("b", "x", "y"), stage("c", "y", "z")}, "cycle: a → c → b → a"},
		{"itself", []Stage{stage("a", "x", "x")}, "cycle: a → a"},
	} {
		err := Validate(c.stages)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

func TestValidateTellsAll(t *testing.T) {
	err := Validate([]Stage{stage("A", "", "x"), stage("b", "ghost", "x")})
	for _, want := range []string{"bad name", "two makers", "ghost"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

func TestPictures(t *testing.T) {
	dir := t.TempDir()
	y := &toy{seed: "s"}
	steps, err := Plan(dir, y.stages())
	if err != nil {
		t.Fatal(err)
	}
	for form, want := range map[string][]string{
		"text": {
			"STATE  STAGE  WHY             MAKES          NEEDS\n",
			"stale  seed   never ran here  seed.txt       -\n",
			"stale  join   waits for left  join.txt       deep/left.txt right/\n",
		},
		"mermaid": {"flowchart LR\n", `seed -- "seed.txt" --> left`, `left -- "deep/left.txt" --> join`},
		"dot":     {"digraph run {", `seed -> right [label="seed.txt"]`, `join [tooltip="puts both together", style=bold]`},
	} {
		got := Pictures[form](steps)
		for _, line := range want {
			if !strings.Contains(got, line) {
				t.Errorf("%s: no %q in\n%s", form, line, got)
			}
		}
	}
	if strings.Contains(Mermaid(steps), "classDef") {
		t.Error("mermaid: all are stale, so none need stand out")
	}
}
