package cli

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"hanas/configs"
	"hanas/internal/golden"
	"hanas/pipeline"
	"hanas/stages"
)

// TestReadmePicture: the picture in the README is the table of stages.
func TestReadmePicture(t *testing.T) {
	cfg, err := configs.Load("quick", nil)
	if err != nil {
		t.Fatal(err)
	}
	table, err := stages.Stages(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := pipeline.Plan(t.TempDir(), table)
	if err != nil {
		t.Fatal(err)
	}
	const file = "../../README.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), "```mermaid\n")
	picture, after, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatal("the README has no mermaid picture")
	}
	want := pipeline.Mermaid(steps)
	if picture != want && golden.Update() {
		if err := os.WriteFile(file, []byte(before+"```mermaid\n"+want+"```\n"+after), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if picture != want {
		t.Errorf("the README's picture is not the pipeline's (go tool task golden puts it in):\n%s", want)
	}
}

// TestEverySettingIsRead: a key of the config that no stage reads would promise
// what it does not do.
func TestEverySettingIsRead(t *testing.T) {
	entries, err := os.ReadDir("../../stages")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		data, err := os.ReadFile("../../stages/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		text.Write(data)
	}
	config := reflect.TypeFor[configs.Config]()
	for i := range config.NumField() {
		section := config.Field(i)
		if section.Type.Kind() != reflect.Struct || section.Name == "Space" { // configs.Space.Resolve reads that one
			continue
		}
		for j := range section.Type.NumField() {
			field := section.Type.Field(j).Name
			if !regexp.MustCompile(`\.` + field + `\b`).MatchString(text.String()) {
				t.Errorf("no stage reads %s.%s", section.Name, field)
			}
		}
	}
}
