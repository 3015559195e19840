package export

import (
	"fmt"
	"math"
	"math/rand/v2"

	"hanas/onnx"
	"hanas/onnx/quant"
	"hanas/space"
)

// BuildLayer writes a model of one layer, to be timed at batch 1: UINT8 in and
// out when its input has at most 8 bits, float when it has 16. Weights are
// random; the same seed gives the same file. An add has two inputs.
func BuildLayer(l space.Layer, seed uint64) (*onnx.Model, error) {
	rng := rand.New(rand.NewPCG(seed, 77))
	u := randomUnit(l, rng)
	w := &writer{b: onnx.NewBuilder("layer"), n: &Network{Units: []Unit{u}}, opset: 13}
	whole := l.ABits < 16
	shape := []int{1, l.In, l.InSize, l.InSize}
	if l.Kind == space.Linear {
		shape = []int{1, l.In}
	}
	read := func(name string) onnx.Value {
		if !whole {
			return w.b.Input(name, onnx.Float, shape...)
		}
		g, err := quant.NewGrid(u.In, l.ABits)
		if err != nil {
			w.b.Fail(err)
		}
		w.scale = g.Scale
		return quant.EmitDequantize(w.b, l.Name+".in", w.b.Input(name, onnx.Uint8, shape...), g)
	}
	w.x = read(Input)
	if l.Kind == space.Add {
		w.block = read("other")
	}
	if err := w.bare(&u); err != nil {
		return nil, fmt.Errorf("export: layer %s: %w", l.Key(), err)
	}
	if whole && l.Kind != space.Linear {
		w.x, _ = quant.EmitQuantize(w.b, l.Name+".result", w.x, u.Out, l.ABits)
	}
	w.b.Output(w.b.Name(w.x, "result"))
	w.b.Opset("", w.opset)
	m, err := w.b.Build()
	if err != nil {
		return nil, fmt.Errorf("export: layer %s: %w", l.Key(), err)
	}
	return m, nil
}

// bare writes the operators of a unit without its input quantiser.
func (w *writer) bare(u *Unit) error {
	switch u.Layer.Kind {
	case space.Conv, space.Pointwise, space.Depthwise:
		return w.conv(u, u.Layer.ABits < 16 && (u.Layer.Act == "relu" || u.Layer.Act == "relu6"))
	case space.Add:
		w.x = w.b.Op("Add", []onnx.Value{w.x, w.block})
		return nil
	case space.SE:
		return w.gate(u)
	case space.Pool:
		w.x = w.b.Op("GlobalAveragePool", []onnx.Value{w.x})
		return nil
	case space.Linear:
		weight, bias, err := w.weights(u, []int{u.Layer.Out, u.Layer.In})
		w.x = w.b.Op("Gemm", []onnx.Value{w.x, weight, bias}, onnx.Int("transB", 1))
		return err
	}
	return fmt.Errorf("unknown kind %q", u.Layer.Kind)
}

// randomUnit gives a layer weights that keep its output near unit size.
func randomUnit(l space.Layer, rng *rand.Rand) Unit {
	u := Unit{Layer: l, In: quant.Range{Lo: -4, Hi: 4}, Out: quant.Range{Lo: -4, Hi: 4}}
	if l.Act != "" {
		u.Out = quant.Range{Lo: 0, Hi: 4}
	}
	normal := func(n, fan int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64() / math.Sqrt(float64(fan)))
		}
		return v
	}
	switch l.Kind {
	case space.Conv, space.Pointwise, space.Depthwise:
		fan := l.In / l.Groups * l.Kernel * l.Kernel
		u.Weight, u.Bias = normal(l.Out*fan, fan), normal(l.Out, 1)
	case space.Linear:
		u.Weight, u.Bias = normal(l.Out*l.In, l.In), normal(l.Out, 1)
	case space.SE:
		u.SE = &SEWeights{normal(l.Mid*l.In, l.In), normal(l.Mid, 1), normal(l.In*l.Mid, l.Mid), normal(l.In, 1)}
	}
	return u
}
