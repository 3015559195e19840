package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanas/datasets"
)

// TestResults: ranks, probabilities that sum to one, ties to the lowest index,
// and the same rows in both forms.
func TestResults(t *testing.T) {
	classes := []string{"tench, Tinca tinca", "goldfish", "shark", "ray", "cock", "hen"}
	one := resultOf("Größe, 1.JPEG", 4, []float32{0, 2, 2, -1, 1, -9}, classes)
	if one.Right1 || !one.Right5 || one.Class != "cock" || len(one.Top) != 5 || one.Top[0].Label != 1 || one.Top[1].Label != 2 || one.Top[4].Label != 3 {
		t.Errorf("%+v", one)
	}
	sum := 2*math.Exp(2) + math.E + 1 + math.Exp(-1) + math.Exp(-9)
	if got, want := one.Top[2].Probability, math.E/sum; math.Abs(got-want) > 1e-6 {
		t.Errorf("probability %g, want %g", got, want)
	}
	few := resultOf("2", 1, []float32{0, 1}, nil)
	if !few.Right1 || len(few.Top) != 2 || few.Class != "1" {
		t.Errorf("%+v", few)
	}
	rows := []imageResult{{Image: "torn.JPEG", Label: -1, Error: "not a whole JPEG"}, one, few}
	dir := t.TempDir()
	table := filepath.Join(dir, "r.csv")
	if err := writeResults(table, rows); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(table)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 4 || len(lines[0]) != 21 || lines[2][0] != "Größe, 1.JPEG" || lines[2][6] != "goldfish" || lines[1][20] != "not a whole JPEG" {
		t.Errorf("%q, %v", lines, err)
	}
	list := filepath.Join(dir, "r.jsonl")
	if err := writeResults(list, rows); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	each := strings.Split(strings.TrimSpace(string(text)), "\n")
	var back imageResult
	if err := json.Unmarshal([]byte(each[1]), &back); err != nil || len(each) != 3 || back.Image != one.Image || back.Top[1] != one.Top[1] {
		t.Errorf("%s, %v", text, err)
	}
}

// TestOtherLabels: silence where names agree or are unknown, else the first that differs.
func TestOtherLabels(t *testing.T) {
	classes := []string{"cat", "dog"}
	for told, want := range map[string]string{
		"":              "",
		"cat\ndog":      "",
		"dog\ncat":      `label 0 is "dog" in the file and "cat" in the images`,
		"cat\ndog\ncow": "the file has 3 labels, the images 2 classes",
	} {
		if got := otherLabels(told, classes); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%q: %q, want %q", told, got, want)
		}
	}
	if got := otherLabels("cat", nil); got != "" {
		t.Errorf("without classes: %q", got)
	}
}

// TestBrokenResult: a torn image keeps its name and its class.
func TestBrokenResult(t *testing.T) {
	dir := t.TempDir()
	var whole bytes.Buffer
	if err := png.Encode(&whole, image.NewRGBA(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.png": whole.String(), "torn.png": "no image", "list.txt": "a.png 0\ntorn.png 1\n", "synsets.txt": "tench\ngoldfish\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := datasets.Open(t.Context(), datasets.Settings{Kind: "list", Path: filepath.Join(dir, "list.txt"), Std: [3]float32{1, 1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	r := brokenResult(set.Test, 1, errors.New("torn"))
	if r.Label != 1 || r.Class != "goldfish" || r.Image != "torn.png" || r.Error != "torn" {
		t.Errorf("%+v", r)
	}
	glyphs, err := datasets.Open(t.Context(), datasets.Settings{Train: 16, Val: 16, Test: 16})
	if err != nil {
		t.Fatal(err)
	}
	if r := brokenResult(glyphs.Test, 1, errors.New("torn")); r.Label != -1 {
		t.Errorf("glyphs know no label without drawing: %+v", r)
	}
}
