package export

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"hanas/onnx"
	"hanas/onnx/quant"
	"hanas/space"
)

// BuildLayer writes a model of one layer, to be timed at batch 1: UINT8 in and
// out when its input has at most 8 bits, float when it has 16 (a classifier's
// output is always float). Weights are random; the same seed gives the same
// file. An add has two inputs.
func BuildLayer(l space.Layer, seed uint64) (*onnx.Model, error) {
	return BuildChain([]space.Layer{l}, seed)
}

// BuildChain writes a model of layers one behind the other, as a network has
// them: what lies between two of them stays inside. Ends are as BuildLayer's.
func BuildChain(layers []space.Layer, seed uint64) (*onnx.Model, error) {
	if len(layers) == 0 {
		return nil, errors.New("export: chain: no layers")
	}
	rng := rand.New(rand.NewPCG(seed, 77))
	var units []Unit
	var keys []string
	for i, l := range layers {
		if l.Name == "" {
			l.Name = string(l.Kind)
			if i > 0 {
				l.Name += strconv.Itoa(i)
			}
		}
		units, keys = append(units, randomUnit(l, rng)), append(keys, l.Key())
	}
	m, err := chain(units)
	if err != nil {
		return nil, fmt.Errorf("export: layer %s: %w", strings.Join(keys, " and "), err)
	}
	return m, nil
}

func chain(units []Unit) (*onnx.Model, error) {
	w := newWriter("layer", units, Settings{})
	last := &units[len(units)-1]
	w.readerBits = last.Layer.ABits
	w.b.Prefix(units[0].Layer.Name)
	w.open = true
	w.widen(0)
	w.x = w.input(Input, &units[0])
	w.block = w.x
	for i := range units {
		if units[i].Layer.Kind == space.Add {
			w.block = w.input("other", &units[i])
		}
		write := w.unit
		if i == 0 {
			write = w.operator
		}
		if err := write(i); err != nil {
			return nil, err
		}
	}
	y := w.x.codes
	if last.Layer.ABits > 8 || last.Layer.Kind == space.Linear {
		y = w.float()
	} else if y.IsZero() {
		w.quantise(last.Layer.Name+".result", last.Out, last.Layer.ABits)
		y = w.x.codes
	}
	w.b.Output(w.b.Name(y, "result"))
	return w.build()
}

// input is an input of the model in the form that u reads.
func (w *writer) input(name string, u *Unit) tensor {
	l := u.Layer
	shape := []int{1, l.In, l.InSize, l.InSize}
	if l.Kind == space.Depthwise {
		shape[1] += w.more
	}
	if l.Kind == space.Linear {
		shape = shape[:2]
	}
	if l.ABits > 8 {
		return tensor{value: w.b.Input(name, onnx.Float, shape...)}
	}
	g, err := quant.NewGrid(u.In, l.ABits)
	if err != nil {
		w.b.Fail(err)
	}
	return tensor{codes: w.b.Input(name, onnx.Uint8, shape...), grid: g, name: name + ".in"}
}

// randomUnit gives a layer weights that keep its output near unit size.
func randomUnit(l space.Layer, rng *rand.Rand) Unit {
	signed, unsigned := quant.Range{Lo: -4, Hi: 4}, quant.Range{Lo: 0, Hi: 4}
	u := Unit{Layer: l, In: signed, Out: signed}
	if l.Kind == space.Depthwise || l.Kind == space.Pool || l.Kind == space.Linear || l.Kind == space.Pointwise && l.Act == "" {
		u.In = unsigned // behind a ReLU
	}
	if l.Act == "relu" || l.Act == "relu6" || l.Kind == space.Pool {
		u.Out = unsigned
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
		u.SE = &SEWeights{normal(l.Mid*l.In, l.In), normal(l.Mid, 1), normal(l.In*l.Mid, l.Mid), normal(l.In, 1), unsigned}
	}
	return u
}
