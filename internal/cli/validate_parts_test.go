package cli

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hanas/datasets"
	"hanas/onnx"
	"hanas/onnx/ref"
)

// photographs writes n images of 36 colours and a list of them, those of broken
// as torn files.
func photographs(t *testing.T, n int, broken map[int]bool) (list string) {
	t.Helper()
	dir := t.TempDir()
	var lines strings.Builder
	for i := range n {
		im := image.NewRGBA(image.Rect(0, 0, 16, 16))
		for k := range 256 {
			im.Set(k%16, k/16, color.RGBA{uint8(7*i + k), uint8(40 * i), uint8(255 - 3*i), 255})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, im); err != nil {
			t.Fatal(err)
		}
		data := b.Bytes()
		if broken[i] {
			data = data[:20]
		}
		name := fmt.Sprintf("%02d.png", i)
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s %d\n", name, i%36)
	}
	list = filepath.Join(dir, "list.txt")
	if err := os.WriteFile(list, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestParts: in parts of any size, also with a part that no image of can be
// read, a file has the same score and the same rows as on all images at once.
func TestParts(t *testing.T) {
	broken := map[int]bool{5: true, 6: true, 7: true, 8: true, 30: true}
	data := "list:" + photographs(t, 37, broken)
	dir := t.TempDir()
	file := filepath.Join(dir, "m.onnx")
	colourist{name: "image", dtype: onnx.Float, size: 16, batch: -1, meta: true}.write(t, file)
	run := func(imagesAPart, limit int) (validated, string) {
		v := &validator{validateFlags: validateFlags{data: data, split: "test", limit: limit, broken: "skip", results: filepath.Join(dir, "r.csv")}, engine: ref.Engine, sets: map[string]*datasets.Set{}, bytes: imagesAPart * 3 * 16 * 16}
		out, err := v.file(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := os.ReadFile(v.results)
		if err != nil {
			t.Fatal(err)
		}
		out.LatencyMS = 0
		return out, string(rows)
	}
	whole, rows := run(0, 0)
	if whole.N != 32 || whole.Broken != 5 || strings.Count(rows, "\n") != 38 || whole.Top1 == 0 && whole.Top5 == 0 {
		t.Fatalf("%+v, %d rows", whole, strings.Count(rows, "\n"))
	}
	for _, size := range []int{1, 2, 4, 9, 36} {
		part, other := run(size, 0)
		if math.Abs(part.Loss-whole.Loss) > 1e-12*whole.Loss {
			t.Errorf("parts of %d: loss %g, whole %g", size, part.Loss, whole.Loss)
		}
		part.Loss = whole.Loss
		if !reflect.DeepEqual(part, whole) {
			t.Errorf("parts of %d: %+v, whole %+v", size, part.classScores, whole.classScores)
		}
		if a, b := sortedLines(other), sortedLines(rows); a != b {
			t.Errorf("parts of %d: other rows", size)
		}
	}
	if few, _ := run(4, 12); few.N != 8 || few.Broken != 4 {
		t.Errorf("of the first 12: %d images, %d broken", few.N, few.Broken)
	}
}

// TestPartsFail: the first broken image is the error, and nothing at all is one too.
func TestPartsFail(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "m.onnx")
	colourist{name: "image", dtype: onnx.Float, size: 16, batch: -1, meta: true}.write(t, file)
	v := &validator{validateFlags: validateFlags{data: "list:" + photographs(t, 9, map[int]bool{7: true}), split: "test", broken: "fail"}, engine: ref.Engine, sets: map[string]*datasets.Set{}, bytes: 2 * 768}
	if _, err := v.file(t.Context(), file); err == nil || !strings.Contains(err.Error(), "07.png") {
		t.Errorf("%v, want the broken image", err)
	}
	v.data, v.broken = "list:"+photographs(t, 3, map[int]bool{0: true, 1: true, 2: true}), "skip"
	if _, err := v.file(t.Context(), file); !errors.Is(err, datasets.ErrNoneReadable) {
		t.Errorf("%v, want none readable", err)
	}
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
