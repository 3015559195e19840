package datasets

import "testing"

// TestSquare: a wide image keeps its shape between grey bars, a stretched one
// fills the square, and boxes find their way back.
func TestSquare(t *testing.T) {
	ex := Example{W: 20, H: 10, Image: make([]byte, 600)}
	for i := range ex.Image {
		ex.Image[i] = 200
	}
	p, err := Square{Size: 40}.Fit(ex)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		y    int
		want byte
	}{{0, padding}, {9, padding}, {10, 200}, {29, 200}, {30, padding}} {
		if got := p.Pixels[3*(c.y*40+20)]; got != c.want {
			t.Errorf("row %d is %d, want %d", c.y, got, c.want)
		}
	}
	if b := p.Original(Box{10, 10, 20, 20}); b != (Box{5, 0, 10, 10}) {
		t.Errorf("box %v, want {5 0 10 10}", b)
	}
	p, err = Square{Size: 40, Stretch: true}.Fit(ex)
	if err != nil || p.Pixels[0] != 200 || p.Original(Box{20, 20, 20, 20}) != (Box{10, 5, 10, 5}) {
		t.Errorf("stretched: %v, %v, %v", p.Pixels[0], p.Original(Box{20, 20, 20, 20}), err)
	}
	if _, err := (Square{Size: 40}).Fit(Example{W: 20, H: 10}); err == nil {
		t.Error("an image without pixels is accepted")
	}
}
