package quant

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"hanas/onnx"
)

// slowRow rounds a channel with float64 arithmetic and the definitions.
func slowRow(w []float32, bits int) (q []int16, scale float64) {
	peak, sum := 0.0, 0.0
	for _, v := range w {
		peak = max(peak, math.Abs(float64(v)))
		sum += float64(v) * float64(v)
	}
	limit := math.Pow(2, float64(bits-1)) - 1
	scale = peak / limit
	if bits < 8 {
		scale = leastError(int(2*limit+1)) * math.Sqrt(sum/float64(len(w)))
	}
	if peak == 0 {
		scale = 1
	}
	for _, v := range w {
		q = append(q, int16(min(max(math.RoundToEven(float64(v)/scale), -limit), limit)))
	}
	return q, scale
}

func TestWeightsAgainstDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, bits := range []int{2, 4, 8, 16} {
		const out, per = 40, 27
		w := normal(rng, out*per)
		for i := range w[:per] {
			w[i] = 0
		}
		for i := range w[per : 2*per] {
			w[per+i] *= 1e-30
		}
		for i := range w[2*per : 3*per] {
			w[2*per+i] *= 1e30
		}
		clear(w[3*per : 4*per])
		w[3*per+5] = -3 // one weight far from all others
		q, scale := Weights(w, out, bits)
		fake := make([]float32, len(w))
		FakeWeights(fake, w, out, bits)
		for o := range out {
			row := w[o*per : (o+1)*per]
			want, s := slowRow(row, bits)
			if math.Abs(float64(scale[o])/s-1) > 1e-6 {
				t.Fatalf("%d bits, channel %d: scale %g, want %g", bits, o, scale[o], s)
			}
			for i := range row {
				got := q[o*per+i]
				border := math.Abs(math.Abs(float64(row[i])/s-math.Trunc(float64(row[i])/s))-0.5) < 0.01
				if got != want[i] && !border {
					t.Fatalf("%d bits, channel %d: weight %g is code %d, want %d", bits, o, row[i], got, want[i])
				}
				if fake[o*per+i] != float32(got)*scale[o] {
					t.Fatalf("%d bits, channel %d: fake %g, code times scale %g", bits, o, fake[o*per+i], float32(got)*scale[o])
				}
			}
			if top := slices.Max(q[o*per : (o+1)*per]); int(top) > WeightLevels(bits) {
				t.Fatalf("%d bits: code %d", bits, top)
			}
		}
	}
}

func TestHalvesRoundToEven(t *testing.T) {
	w := []float32{127, 0.5, 1.5, 2.5, -0.5, -1.5, -126.5}
	q, scale := Weights(w, 1, 8)
	if want := []int16{127, 0, 2, 2, 0, -2, -126}; !slices.Equal(q, want) || scale[0] != 1 {
		t.Errorf("codes %v of scale %g, want %v", q, scale[0], want)
	}
}

func TestFakeWeightsDoesNotAllocate(t *testing.T) {
	w := normal(rand.New(rand.NewPCG(1, 1)), 1200)
	for _, bits := range []int{2, 4, 8, 16} {
		if n := testing.AllocsPerRun(10, func() { FakeWeights(w, w, 24, bits) }); n != 0 {
			t.Errorf("%d bits: %g allocations", bits, n)
		}
	}
}

func TestPackIsONNXs(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for bits, c := range carriers {
		for _, n := range []int{1, 3, 4, 7, 64, 65} {
			codes := make([]int16, n)
			for i := range codes {
				codes[i] = int16(rng.IntN(2*WeightLevels(bits)+1) - WeightLevels(bits))
			}
			want, err := onnx.PackInts(c.dtype, codes, n)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(pack(codes, bits), want.Bytes()) {
				t.Errorf("%d codes of %d bits: % x, want % x", n, bits, pack(codes, bits), want.Bytes())
			}
		}
	}
}
