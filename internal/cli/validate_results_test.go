package cli

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
