package space

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// odd is a space with every corner: one-choice genes, absent expand layers,
// no head, SE, feature mix, searched ends, two resolutions, fractional ratios.
func odd() *Space {
	return &Space{
		Name: "odd", Resolutions: []int{9, 12}, Channels: 1, Classes: 3,
		StemWidths: []int{8, 16}, StemStride: 2, StemKernel: 3, StemAct: "relu6",
		Stages: []Stage{
			{Widths: []int{8}, Depths: []int{1, 3}, Kernels: []int{3}, Expands: []float64{1, 1.5}, Stride: 1, Act: "relu", SE: true},
			{Widths: []int{8, 16}, Depths: []int{2}, Kernels: []int{3, 5}, Expands: []float64{1}, Stride: 1, Act: "hswish"},
		},
		HeadAct: "hswish", FeatureMix: 24,
		WBits: []int{2, 8}, ABits: []int{8, 16}, SearchEnds: true,
	}
}

// tiny is small enough to enumerate.
func tiny() *Space {
	s := odd()
	s.Name, s.Resolutions, s.StemWidths, s.SearchEnds, s.ABits = "tiny", []int{12}, []int{8, 16}, false, []int{4, 8}
	s.Stages[0].Depths, s.Stages[0].SE, s.Stages[0].Stride = []int{1}, true, 2
	s.Stages[1].Depths, s.Stages[1].Kernels, s.WBits = []int{1, 2}, []int{3}, []int{8}
	s.FeatureMix, s.FixedABits = 0, 16
	return s
}

func spaces(t testing.TB) []*Space {
	t.Helper()
	list := []*Space{odd(), tiny()}
	for _, name := range Presets() {
		s, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	for _, s := range list {
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// networks is a mix of random, extreme, mutated and crossed Archs.
func networks(s *Space, n int, rng *rand.Rand) []Arch {
	out := []Arch{s.Smallest(), s.Largest()}
	for len(out) < n {
		a, b := s.Random(rng), out[rng.IntN(len(out))]
		out = append(out, a, s.Crossover(a, b, rng), s.Mutate(b, .1, rng), s.WithBits(a, 8, 8), s.Topology(b))
	}
	return out
}

func TestEveryArchIsLegalAndItsKeyReadsBack(t *testing.T) {
	for _, s := range spaces(t) {
		for _, a := range networks(s, 300, newRand(1)) {
			if !s.Has(a) {
				t.Fatalf("%s: %v is not canonical", s.Name, a.Genes())
			}
			back, err := s.Parse(s.Key(a))
			if err != nil || back != a {
				t.Fatalf("%s: key %s reads back as %v, %v", s.Name, s.Key(a), back, err)
			}
		}
	}
}

// TestDeadGenesChangeNothing draws raw genes: whatever the dead ones are, the
// Arch is the same, and every live gene changes layers or bits.
func TestDeadGenesChangeNothing(t *testing.T) {
	rng := newRand(2)
	for _, s := range spaces(t) {
		slots := s.Slots()
		for range 200 {
			raw := make([]byte, len(slots))
			for i, sl := range slots {
				raw[i] = byte(rng.IntN(sl.Choices))
			}
			a, err := s.New(raw)
			if err != nil {
				t.Fatal(err)
			}
			layers := fmt.Sprint(s.Layers(a))
			i := rng.IntN(len(slots))
			if slots[i].Choices == 1 {
				continue
			}
			other := slices.Clone(raw)
			other[i] = byte((int(raw[i]) + 1) % slots[i].Choices)
			b, err := s.New(other)
			if err != nil {
				t.Fatal(err)
			}
			if same := a == b; same != (fmt.Sprint(s.Layers(b)) == layers) || same != (s.Key(a) == s.Key(b)) ||
				same != slices.Equal(s.Features(a), s.Features(b)) {
				t.Fatalf("%s: gene %s: equal Archs %v, but layers, key or features say otherwise\n%s\n%s", s.Name, slots[i].Name, same, s.Key(a), s.Key(b))
			}
		}
	}
}

func TestMutateAndCrossover(t *testing.T) {
	rng := newRand(3)
	for _, s := range spaces(t) {
		a, b := s.Random(rng), s.Random(rng)
		if m := s.Mutate(a, 0, rng); m != a {
			t.Errorf("%s: mutation with probability 0 changed %s", s.Name, s.Key(a))
		}
		if c := s.Crossover(a, a, rng); c != a {
			t.Errorf("%s: an Arch crossed with itself changed", s.Name)
		}
		c := s.Crossover(a, b, rng).Genes()
		for i, g := range c {
			if g != 0 && g != a.genes[i] && g != b.genes[i] {
				t.Errorf("%s: gene %d of a child is neither parent's", s.Name, i)
			}
		}
		m, again := s.Mutate(a, .2, newRand(4)), s.Mutate(a, .2, newRand(4))
		r, same := s.Random(newRand(5)), s.Random(newRand(5))
		if m != again || r != same {
			t.Errorf("%s: same seed, other Arch", s.Name)
		}
	}
	s := spaces(t)[2]
	if a := s.Largest(); s.Mutate(a, 1, rng) == a {
		t.Error("mutation with probability 1 changed nothing")
	}
}

// allArchs enumerates a small space by odometer over raw genes.
func allArchs(t testing.TB, s *Space) map[Arch]bool {
	t.Helper()
	slots := s.Slots()
	raw := make([]byte, len(slots))
	seen := map[Arch]bool{}
	for {
		a, err := s.New(raw)
		if err != nil {
			t.Fatal(err)
		}
		seen[a] = true
		i := 0
		for i < len(raw) && int(raw[i]) == slots[i].Choices-1 {
			raw[i] = 0
			i++
		}
		if i == len(raw) {
			return seen
		}
		raw[i]++
	}
}

func TestSizeAndDistinctLayersAgainstEnumeration(t *testing.T) {
	for _, change := range []func(*Space){
		func(*Space) {},
		func(s *Space) { s.Stages[1].Depths = []int{2} },
		func(s *Space) { s.HeadWidths = []int{8} },
		func(s *Space) { s.SearchEnds, s.Stages[1].Depths = true, []int{1} },
		func(s *Space) { s.FeatureMix = 8 },
	} {
		s := tiny()
		change(s)
		all := allArchs(t, s)
		if n := s.Size(); n.Int64() != int64(len(all)) {
			t.Errorf("size %v, enumeration finds %d", n, len(all))
		}
		want := map[string]bool{}
		for a := range all {
			for _, l := range s.Layers(a) {
				want[l.Key()] = true
			}
		}
		got := map[string]bool{}
		for _, l := range s.DistinctLayers() {
			if got[l.Key()] {
				t.Errorf("%s listed twice", l.Key())
			}
			got[l.Key()] = true
			if !want[l.Key()] {
				t.Errorf("%s occurs in no Arch", l.Key())
			}
		}
		for k := range want {
			if !got[k] {
				t.Errorf("%s is missing", k)
			}
		}
	}
}

func TestDistinctLayersCoverRandomArchs(t *testing.T) {
	for _, s := range spaces(t) {
		known := map[Layer]bool{}
		for _, l := range s.DistinctLayers() {
			known[l.Shape()] = true
			back, err := ParseLayerKey(l.Key())
			if err != nil || back != l.Shape() {
				t.Fatalf("layer key %s reads back as %+v, %v", l.Key(), back, err)
			}
		}
		for _, a := range networks(s, 1000, newRand(6)) {
			for _, l := range s.Layers(a) {
				if !known[l.Shape()] {
					t.Fatalf("%s: no row for %s of %s", s.Name, l.Key(), s.Key(a))
				}
			}
		}
	}
}

// TestLayersFitTogether checks the chain of shapes, unique names and the bits
// of layers that have none of their own.
func TestLayersFitTogether(t *testing.T) {
	for _, s := range spaces(t) {
		for _, a := range networks(s, 100, newRand(7)) {
			layers := s.Layers(a)
			names := map[string]bool{}
			for i, l := range layers {
				if names[l.Name] {
					t.Fatalf("%s: %s twice", s.Name, l.Name)
				}
				names[l.Name] = true
				if l.ABits == 0 || (l.WBits == 0) != (l.Kind == Add || l.Kind == Pool) {
					t.Fatalf("%s: %+v has no bits", s.Name, l)
				}
				if from := Reads(layers, i); i > 0 && (l.In != layers[from].Out || l.InSize != layers[from].OutSize) {
					t.Fatalf("%s: %+v does not follow %+v", s.Name, l, layers[from])
				}
				own := l.Kind != Add && l.Kind != Pool && l.Kind != SE
				if !own && l.ABits != layers[i+1].ABits {
					t.Fatalf("%s: %s has input of %d bits, its reader %d", s.Name, l.Name, l.ABits, layers[i+1].ABits)
				}
			}
			if last := layers[len(layers)-1]; s.Task() == Locate {
				if !last.Predicts() || last.Out != s.Classes+BoxChannels {
					t.Fatalf("%s ends in %+v", s.Name, last)
				}
			} else if last.Kind != Linear || last.Out != s.Classes {
				t.Fatalf("%s ends in %+v", s.Name, last)
			}
		}
	}
}

// slowPeak simulates a runtime: tensors are born when written and die after
// their last reader; the peak is over layers.
func slowPeak(layers []Layer) int64 {
	type tensor struct {
		bits         int64
		born, lastly int
	}
	at := func(n, size, bits int) int64 { return int64(math.Ceil(float64(n*size*size*bits) / 8)) }
	tensors := []tensor{{at(layers[0].In, layers[0].InSize, layers[0].ABits), -1, 0}}
	blockInput := map[[2]int]int{}
	for i, l := range layers {
		place := [2]int{l.Stage, l.Block}
		if _, ok := blockInput[place]; !ok {
			blockInput[place] = i // tensor i feeds layer i
		}
		if l.Kind == Add {
			tensors[blockInput[place]].lastly = i
		}
		tensors = append(tensors, tensor{born: i, lastly: -1}) // its number is i+1
		if i+1 == len(layers) {
			tensors[i+1] = tensor{at(l.Out, l.OutSize, 32), i, i}
			break
		}
		if layers[i+1].From == "" {
			tensors[i+1] = tensor{at(l.Out, l.OutSize, layers[i+1].ABits), i, i + 1}
		}
	}
	tensors = append(tensors, sideTensors(layers, func(l Layer, bits, born, lastly int) tensor {
		return tensor{at(l.Out, l.OutSize, bits), born, lastly}
	})...)
	peak := int64(0)
	for i := range layers {
		live := int64(0)
		for _, x := range tensors {
			if x.born <= i && x.lastly >= i {
				live += x.bits
			}
		}
		peak = max(peak, live)
	}
	return peak
}

// sideTensors are those that heads read, a copy each at the reader's bits, and
// the predictions of all heads but the last, which stay until the end.
func sideTensors[T any](layers []Layer, tensor func(l Layer, bits, born, lastly int) T) (out []T) {
	for i, l := range layers[:len(layers)-1] {
		read := layers[i+1].From == ""
		for k, reader := range layers {
			if reader.From == l.Name && reader.From != "" {
				out, read = append(out, tensor(l, reader.ABits, i, k)), true
			}
		}
		if !read {
			out = append(out, tensor(l, 32, i, len(layers)-1))
		}
	}
	return out
}

func TestPeakMemoryAgainstSimulation(t *testing.T) {
	for _, s := range spaces(t) {
		for _, a := range networks(s, 300, newRand(8)) {
			layers := s.Layers(a)
			if got, want := Cost(layers).PeakActivationBytes, slowPeak(layers); got != want {
				t.Fatalf("%s: %s: peak %d, simulated %d", s.Name, s.Key(a), got, want)
			}
		}
	}
}

// TestWeightBytes: figures computed by hand.
func TestWeightBytes(t *testing.T) {
	rows := []struct {
		l    Layer
		want int64
	}{
		{Layer{Kind: Conv, In: 3, Out: 5, Kernel: 3, Groups: 1, WBits: 2}, 34 + 5*8}, // 135 weights = 33.75 bytes
		{Layer{Kind: Depthwise, In: 7, Out: 7, Kernel: 5, Groups: 7, WBits: 4}, 88 + 7*8},
		{Layer{Kind: Pointwise, In: 7, Out: 2, Kernel: 1, Groups: 1, WBits: 16}, 28 + 16},
		{Layer{Kind: Pointwise, In: 7, Out: 2, Kernel: 1, Groups: 1, WBits: 16, NoNorm: true}, 28 + 8},
		{Layer{Kind: Linear, In: 10, Out: 3, WBits: 8}, 30 + 24},
		{Layer{Kind: SE, In: 3, Out: 3, Mid: 5, WBits: 2}, 4 + 4 + 8*8},
		{Layer{Kind: Add, In: 3, Out: 3}, 0},
	}
	for _, r := range rows {
		if got := r.l.WeightBytes(); got != r.want {
			t.Errorf("%+v: %d bytes, want %d", r.l, got, r.want)
		}
	}
}

func TestFeatures(t *testing.T) {
	for _, s := range spaces(t) {
		names := s.FeatureNames()
		for _, a := range networks(s, 50, newRand(9)) {
			f := s.Features(a)
			if len(f) != len(names) || len(f) != s.FeatureCount() {
				t.Fatalf("%s: %d features, %d names, count says %d", s.Name, len(f), len(names), s.FeatureCount())
			}
			for i, v := range f[:len(f)-3] {
				if v != 0 && v != 1 {
					t.Fatalf("%s = %g", names[i], v)
				}
			}
			if mm := math.Pow(10, float64(f[len(f)-3])) * 1e6; math.Abs(mm/float64(Cost(s.Layers(a)).MACs)-1) > 1e-5 {
				t.Fatalf("feature says %g MACs", mm)
			}
		}
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	s := odd()
	s.Stages[1].Kernels = []int{3, 4}
	s.Stages[0].Expands = []float64{2, 1}
	s.StemAct, s.WBits, s.Classes = "gelu", []int{3}, 0
	err := s.Validate()
	for _, want := range []string{"stages[1].kernels", "stages[0].expands", "gelu", "wbits", "classes"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
	if err := new(Space).Validate(); err == nil {
		t.Error("the empty space is valid")
	}
}

func TestHashFollowsContent(t *testing.T) {
	s := odd()
	c := s.Clone()
	if s.Hash() != c.Hash() {
		t.Error("a clone has another hash")
	}
	c.Stages[0].SE = false
	if s.Hash() == c.Hash() || !s.Stages[0].SE {
		t.Error("hash does not see a change, or the clone shares memory")
	}
	text, err := json.Marshal(s)
	back := new(Space)
	if err != nil || json.Unmarshal(text, back) != nil || back.Hash() != s.Hash() {
		t.Error("JSON does not round-trip")
	}
}

func TestParseErrorsPointAtThePlace(t *testing.T) {
	s, _ := Preset("quick")
	key := s.Key(s.Smallest())
	for _, r := range []struct{ bad, want string }{
		{strings.Replace(key, "r32", "r31", 1), "resolution"},
		{strings.Replace(key, "k3", "k9", 1), "kernel"},
		{strings.Replace(key, "w2.", "w3.", 1), "bits"},
		{key + ":x", "more text"},
		{key[:len(key)-1], "bits"},
		{strings.Replace(key, "e2", "e2.0", 1), "canonical"},
		{"", `want "r"`},
	} {
		if _, err := s.Parse(r.bad); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, want %q", r.bad, err, r.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	list := spaces(f)
	for _, s := range list {
		for _, a := range networks(s, 5, newRand(10)) {
			f.Add(s.Key(a))
		}
	}
	f.Fuzz(func(t *testing.T, key string) {
		for _, s := range list {
			a, err := s.Parse(key)
			if err == nil && (s.Key(a) != key || !s.Has(a)) {
				t.Fatalf("%s: %q reads as %s", s.Name, key, s.Key(a))
			}
		}
	})
}

func FuzzParseLayerKey(f *testing.F) {
	for _, l := range odd().DistinctLayers() {
		f.Add(l.Key())
	}
	f.Fuzz(func(t *testing.T, key string) {
		if l, err := ParseLayerKey(key); err == nil && l.Key() != key {
			t.Fatalf("%q reads as %q", key, l.Key())
		}
	})
}

func FuzzNew(f *testing.F) {
	s := odd()
	f.Add(s.Largest().Genes())
	f.Fuzz(func(t *testing.T, genes []byte) {
		if a, err := s.New(genes); err == nil && len(s.Layers(a)) == 0 {
			t.Fatal("no layers")
		}
	})
}

func BenchmarkLayers(b *testing.B) {
	s, _ := Preset("cifar10")
	a := s.Random(newRand(1))
	var dst []Layer
	b.ReportAllocs()
	for b.Loop() {
		dst = s.AppendLayers(dst[:0], a)
	}
}

func BenchmarkCost(b *testing.B) {
	s, _ := Preset("cifar10")
	layers := s.Layers(s.Random(newRand(1)))
	b.ReportAllocs()
	for b.Loop() {
		Cost(layers)
	}
}

func BenchmarkFeatures(b *testing.B) {
	s, _ := Preset("cifar10")
	a := s.Random(newRand(1))
	var dst []float32
	b.ReportAllocs()
	for b.Loop() {
		dst = s.AppendFeatures(dst[:0], a)
	}
}

func BenchmarkMutate(b *testing.B) {
	s, _ := Preset("cifar10")
	rng := newRand(1)
	a := s.Random(rng)
	b.ReportAllocs()
	for b.Loop() {
		a = s.Mutate(a, .05, rng)
	}
}

func BenchmarkKey(b *testing.B) {
	s, _ := Preset("cifar10")
	a := s.Random(newRand(1))
	b.ReportAllocs()
	for b.Loop() {
		s.Key(a)
	}
}

// TestRandomBits: the topology stays, every width is as frequent as another,
// and a quarter of the networks have weights of one width throughout.
func TestRandomBits(t *testing.T) {
	sp, err := Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	largest := sp.Largest()
	const n = 4000
	uniform, layers := 0, 0
	count := map[int]int{}
	for range n {
		a := sp.RandomBits(largest, rng)
		if !sp.Has(a) || sp.Topology(a) != sp.Topology(largest) {
			t.Fatalf("%s has another topology", sp.Key(a))
		}
		widths := map[int]bool{}
		for _, l := range sp.Layers(a) {
			if l.WBits > 0 && l.Stage >= 0 {
				widths[l.WBits] = true
				count[l.WBits]++
				layers++
			}
		}
		if len(widths) == 1 {
			uniform++
		}
	}
	if share := float64(uniform) / n; share < .22 || share > .28 {
		t.Errorf("%.3f of the networks have one width, want 1/4", share)
	}
	for bits, c := range count {
		if share := float64(c) / float64(layers); share < .22 || share > .28 {
			t.Errorf("%.3f of the layers have %d bits, want 1/4", share, bits)
		}
	}
}
