package datasets

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// pillowCases is testdata/pillow.json.
type pillowCases struct {
	Images []struct {
		Name, File, RGB string
		W, H            int
	}
	Source struct {
		W, H int
		RGB  string
	}
	Scaled []struct {
		W, H int
		RGB  string
	}
}

func readPillow(t *testing.T) (c pillowCases) {
	t.Helper()
	text, err := os.ReadFile("testdata/pillow.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDecodeLikePillow: every kind of file gives the RGB that Pillow gives; of
// JPEG, whose inverse transform is not defined to the last bit, within a level or two.
func TestDecodeLikePillow(t *testing.T) {
	for _, c := range readPillow(t).Images {
		ex, err := Decode(unhex(t, c.File))
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		want := unhex(t, c.RGB)
		if ex.W != c.W || ex.H != c.H || len(ex.Image) != len(want) {
			t.Errorf("%s: %dx%d, want %dx%d", c.Name, ex.W, ex.H, c.W, c.H)
			continue
		}
		worst, sum := 0.0, 0.0
		for i, v := range want {
			d := math.Abs(float64(v) - float64(ex.Image[i]))
			worst, sum = max(worst, d), sum+d
		}
		most := 0.0
		if len(c.Name) > 4 && c.Name[len(c.Name)-4:] == ".jpg" {
			most = 2
		}
		t.Logf("%-16s worst %g, mean %.3f", c.Name, worst, sum/float64(len(want)))
		if worst > most {
			t.Errorf("%s: off by %g at most, by %.3f in the mean", c.Name, worst, sum/float64(len(want)))
		}
	}
}

// TestScaleLikePillow: scaled images are Pillow's, value for value, and a part
// of one is that part.
func TestScaleLikePillow(t *testing.T) {
	c := readPillow(t)
	src := &rgb{c.Source.W, c.Source.H, unhex(t, c.Source.RGB)}
	for _, s := range c.Scaled {
		got, want := src.resize(s.W, s.H), unhex(t, s.RGB)
		if string(got.pix) != string(want) {
			t.Errorf("%dx%d differs from Pillow's", s.W, s.H)
		}
		part := cut{s.W / 3, s.H / 4, s.W - s.W/3, max(1, s.H/2)}
		piece := src.resizeCut(s.W, s.H, part)
		for y := range part.h {
			if string(piece.pix[3*y*part.w:][:3*part.w]) != string(want[3*((part.y+y)*s.W+part.x):][:3*part.w]) {
				t.Errorf("%dx%d: part %+v differs in row %d", s.W, s.H, part, y)
				break
			}
		}
	}
}

// TestBrokenImagesLeftOut: those that cannot be read are told in their order, and
// the others are as without them, on any number of workers.
func TestBrokenImagesLeftOut(t *testing.T) {
	ds := &holed{n: 9, broken: map[int]bool{0: true, 4: true, 8: true}}
	var want *Images
	for _, workers := range []int{1, 3} {
		var told []int
		im, err := LoadFit(t.Context(), ds, Fit{Size: 4, Broken: func(i int, _ error) { told = append(told, i) }}, workers)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(told, []int{0, 4, 8}) || !slices.Equal(im.Labels, []int32{1, 2, 3, 5, 6, 7}) || len(im.Pixels) != 6*48 {
			t.Errorf("told of %v, labels %v, %d bytes", told, im.Labels, len(im.Pixels))
		}
		for i, label := range im.Labels {
			if im.Pixels[i*48] != uint8(10*label) {
				t.Errorf("image %d has another's pixels", i)
			}
		}
		if want != nil && !slices.Equal(want.Pixels, im.Pixels) {
			t.Error("workers change the images")
		}
		want = im
	}
	if _, err := LoadFit(t.Context(), ds, Fit{Size: 4}, 3); err == nil || !strings.Contains(err.Error(), "torn") {
		t.Errorf("%v", err)
	}
	ds.broken = map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true}
	if _, err := LoadFit(t.Context(), ds, Fit{Size: 4, Broken: func(int, error) {}}, 2); err == nil || !strings.Contains(err.Error(), "none of the images") {
		t.Errorf("%v", err)
	}
}

// holed has images of 10 times their number, but for those that are broken.
type holed struct {
	n      int
	broken map[int]bool
}

func (h *holed) Len() int          { return h.n }
func (h *holed) Classes() []string { return make([]string, h.n) }
func (h *holed) At(_ context.Context, i int) (Example, error) {
	if h.broken[i] {
		return Example{}, errors.New("torn")
	}
	return Example{W: 4, H: 4, Label: i, Image: bytes.Repeat([]byte{uint8(10 * i)}, 48)}, nil
}
