package latency

import (
	"math/rand/v2"
	"testing"

	"hanas/space"
)

// TestMemoryAgreesWithTheSpace: without overwriting and padding, the schedule
// gives the peak that space.Cost derives layer by layer.
func TestMemoryAgreesWithTheSpace(t *testing.T) {
	for _, name := range []string{"quick", "cifar10", "ofa-mbv3-w1.0"} {
		sp := preset(t, name)
		rng := rand.New(rand.NewPCG(1, 4))
		for range 300 {
			layers := sp.Layers(sp.Random(rng))
			got, want := MemoryOf(layers, MemorySettings{}), space.Cost(layers)
			if got.PeakBytes != want.PeakActivationBytes || got.WeightBytes != want.WeightBytes {
				t.Fatalf("%s: %+v, want %+v", name, got, want)
			}
			in := MemoryOf(layers, MemorySettings{InPlace: true, RowAlign: 16})
			if in.PeakBytes > got.PeakBytes || in.WeightBytes < got.WeightBytes {
				t.Fatalf("%s: in place and padded %+v, without %+v", name, in, got)
			}
		}
	}
}

// TestMemoryByHand: a block of 8 channels at 4x4, widened to 16, 8 bits. The
// peak is the depthwise layer: its input, its output and the waiting block
// input, 256 + 256 + 128 bytes; in place the output needs none of its own.
func TestMemoryByHand(t *testing.T) {
	l := func(kind space.Kind, in, out, kernel, groups, w int) space.Layer {
		return space.Layer{Kind: kind, In: in, Out: out, InSize: 4, OutSize: 4, Kernel: kernel, Stride: 1, Groups: groups, WBits: w, ABits: 8}
	}
	layers := []space.Layer{l(space.Pointwise, 8, 16, 1, 1, 8), l(space.Depthwise, 16, 16, 3, 16, 4), l(space.Pointwise, 16, 8, 1, 1, 8), l(space.Add, 8, 8, 1, 1, 0)}
	// With the last add giving 32-bit logits of 512 bytes, that is the peak: 128 + 128 + 512.
	if m := MemoryOf(layers, MemorySettings{}); m.PeakBytes != 768 || m.PeakLayer != 3 {
		t.Errorf("%+v", m)
	}
	tail := append(layers, l(space.Pointwise, 8, 1, 1, 1, 8))
	if m := MemoryOf(tail, MemorySettings{}); m.PeakBytes != 640 || m.PeakLayer != 1 {
		t.Errorf("%+v", m)
	}
	if m := MemoryOf(tail, MemorySettings{InPlace: true}); m.PeakBytes != 512 || m.PeakLayer != 2 { // the projection: 256 + 128 + 128
		t.Errorf("in place: %+v", m)
	}
	// Rows of 9 weights at 4 bits take 4.5 bytes together, 16 rows 72; padded to 8 each, 128.
	plain, padded := MemoryOf(layers[1:2], MemorySettings{}), MemoryOf(layers[1:2], MemorySettings{RowAlign: 8})
	if plain.WeightBytes != 72+8*16 || padded.WeightBytes != 128+8*16 {
		t.Errorf("%d and %d bytes", plain.WeightBytes, padded.WeightBytes)
	}
}
