package datasets

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
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
