package supernet

import (
	"math"
	"math/rand/v2"
	"testing"

	"hanas/space"
)

func testSpace(t testing.TB) *space.Space {
	t.Helper()
	sp, err := space.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

// A slice at (o, i, y, x) must be the shared weight at (o, i, y+crop, x+crop):
// worked out here by plain indexing.
func TestSliceIsLeadingChannelsAndCentre(t *testing.T) {
	sp := testSpace(t)
	s, err := New(sp, 7)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < 50; n++ {
		for _, l := range sp.Layers(sp.Random(rng)) {
			views, err := s.views(l)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range views {
				checkSlice(t, v)
			}
		}
	}
}

func checkSlice(t *testing.T, v view) {
	t.Helper()
	got := make([]float32, v.size())
	v.slice(got)
	full := v.param.Shape
	dims := [4]int{full[0], 1, 1, 1}
	copy(dims[:], full)
	crop := (dims[3] - v.k) / 2
	at := 0
	for o := 0; o < v.out; o++ {
		for i := 0; i < v.in; i++ {
			for y := 0; y < v.k; y++ {
				for x := 0; x < v.k; x++ {
					want := v.param.Data[((o*dims[1]+i)*dims[2]+y+crop)*dims[3]+x+crop]
					if got[at] != want {
						t.Fatalf("%s[%d,%d,%d,%d]: got %v, want %v", v.spec.name, o, i, y, x, got[at], want)
					}
					at++
				}
			}
		}
	}
}

// Scattering is the adjoint of slicing: <slice(p), g> = <p, scatter(g)>.
func TestScatterIsAdjointOfSlice(t *testing.T) {
	sp := testSpace(t)
	s, _ := New(sp, 3)
	rng := rand.New(rand.NewPCG(5, 6))
	for _, l := range sp.Layers(sp.Smallest()) {
		views, err := s.views(l)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range views {
			small, g := make([]float32, v.size()), make([]float32, v.size())
			v.slice(small)
			left, right := 0.0, 0.0
			for i := range g {
				g[i] = float32(rng.NormFloat64())
				left += float64(small[i]) * float64(g[i])
			}
			full := make([]float32, len(v.param.Data))
			v.scatter(full, g, 1)
			for i := range full {
				right += float64(full[i]) * float64(v.param.Data[i])
			}
			if math.Abs(left-right) > 1e-4*(1+math.Abs(left)) {
				t.Errorf("%s: <slice,g> = %v, <p,scatter g> = %v", v.spec.name, left, right)
			}
		}
	}
}

func TestSameSeedSameWeights(t *testing.T) {
	sp := testSpace(t)
	a, _ := New(sp, 1)
	b, _ := New(sp, 1)
	c, _ := New(sp, 2)
	same, differ := true, false
	for i, p := range a.Params() {
		for k, v := range p.Data {
			same = same && v == b.Params()[i].Data[k]
			differ = differ || v != c.Params()[i].Data[k]
		}
	}
	if !same || !differ {
		t.Fatalf("same seed same bytes: %v, other seed other bytes: %v", same, differ)
	}
}

func BenchmarkSliceLargest(b *testing.B) {
	sp := testSpace(b)
	s, _ := New(sp, 1)
	var views []view
	for _, l := range sp.Layers(sp.Largest()) {
		v, _ := s.views(l)
		views = append(views, v...)
	}
	dst := make([]float32, s.Count())
	b.ReportAllocs()
	for b.Loop() {
		for _, v := range views {
			v.slice(dst[:v.size()])
		}
	}
}
