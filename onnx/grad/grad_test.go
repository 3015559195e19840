package grad_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hanas/onnx"
	"hanas/onnx/grad"
	"hanas/onnx/grad/gradtest"
	"hanas/onnx/ref"
)

var wide = ref.Settings{Float64: true}.Engine

// build makes the graph of a case: a node, and the loss.
func (c opCase) build(op string, rng *rand.Rand) (gradtest.Case, error) {
	b := onnx.NewBuilder(op)
	out := gradtest.Case{Loss: "loss", Inputs: map[string]*onnx.Tensor{}, Rand: rng, Elements: 40}
	var in []onnx.Value
	for k, o := range c.in {
		in = append(in, o.add(b, fmt.Sprintf("in%d", k), &out))
	}
	var loss onnx.Value
	for k, y := range b.OpN(op, c.outs, in, c.a...) {
		if y.DType() != onnx.Float || k > 0 && c.lead {
			continue
		}
		weights := onnx.NewTensor(onnx.Float, y.Shape()...)
		for k := range weights.Floats() {
			weights.Floats()[k] = float32(rng.NormFloat64())
		}
		part := b.Op("ReduceSum", []onnx.Value{b.Op("Mul", []onnx.Value{y, b.Init("weights."+y.Name(), weights)})}, onnx.Int("keepdims", 0))
		if loss.IsZero() {
			loss = part
		} else {
			loss = b.Op("Add", []onnx.Value{loss, part})
		}
	}
	b.Output(b.Name(loss, "loss"))
	m, err := b.Build()
	out.Model = m
	return out, err
}

// add makes an operand and its value.
func (o operand) add(b *onnx.Builder, name string, c *gradtest.Case) onnx.Value {
	switch o.kind {
	case absent:
		return onnx.Value{}
	case index:
		return b.ConstInts(name, o.ints...)
	case number:
		return b.ConstFloat(name, float32(o.value))
	case picks:
		wide := make([]int64, len(o.ints))
		for k, v := range o.ints {
			wide[k] = int64(v)
		}
		c.Inputs[name] = onnx.From(wide, o.shape...)
		return b.Input(name, onnx.Int64, o.shape...)
	case truths:
		t := onnx.NewTensor(onnx.Bool, o.shape...)
		for k := range onnx.View[bool](t) {
			onnx.View[bool](t)[k] = c.Rand.IntN(2) == 0
		}
		c.Inputs[name] = t
		return b.Input(name, onnx.Bool, o.shape...)
	}
	t := onnx.NewTensor(onnx.Double, o.shape...)
	o.fill(onnx.View[float64](t), c.Rand)
	c.Inputs[name] = t
	if o.kind != fixed && o.kind != fixedPos {
		c.Wrt = append(c.Wrt, name)
	}
	return b.Input(name, onnx.Float, o.shape...)
}

func (o operand) fill(v []float64, rng *rand.Rand) {
	order := rng.Perm(len(v))
	for k := range v {
		v[k] = rng.NormFloat64()
		switch o.kind {
		case positive, fixedPos:
			v[k] = 0.5 + rng.Float64()
		case spaced: // 0.17 apart, so that none is near a bend
			v[k] = 0.17*float64(order[k]-len(v)/2) + 0.01
		case tested:
			v[k] = o.value
		}
	}
}

// TestRules checks every case of every rule against central differences in
// float64, whose error is below 1e-8 here.
func TestRules(t *testing.T) {
	for key, rule := range grad.Table {
		if rule.Write == nil || straight[key.Op] {
			continue
		}
		t.Run(key.Op, func(t *testing.T) {
			if len(cases[key.Op]) == 0 {
				t.Fatal("has no case")
			}
			for k, c := range cases[key.Op] {
				gc, err := c.build(key.Op, rand.New(rand.NewPCG(1, uint64(k))))
				if err != nil {
					t.Errorf("case %d: build: %v", k, err)
					continue
				}
				worst, err := gradtest.Compare(context.Background(), wide, gc)
				if err != nil || worst > 1e-6 {
					t.Errorf("case %d: differs from finite differences by %g, error %v", k, worst, err)
				}
			}
		})
	}
}

// straight are the operators whose rule is an estimate by design; finite
// differences of steps say nothing about them.
var straight = map[string]bool{"Round": true, "QuantizeLinear": true, "DequantizeLinear": true}

// missing are the operators whose gradient is an error, on purpose: training
// graphs do not have them, and silence would be wrong.
var missing = map[string]bool{"Einsum": true, "Resize": true, "TopK": true, "QLinearConv": true}

// TestEveryOperatorHasAState: a rule, the reason why there is none, or a place
// among the missing.
func TestEveryOperatorHasAState(t *testing.T) {
	for _, spec := range onnx.Ops() {
		if spec.Domain != "" {
			continue
		}
		rule, ok := grad.Table[grad.Key{Op: spec.Name}]
		if ok == missing[spec.Name] || ok && (rule.Write == nil) == (rule.None == "") {
			t.Errorf("%s needs a rule or a reason, and not both", spec.Name)
		}
	}
}

// TestNoRowTwice: the compiler does not see that two rows of a map have the
// same key when the key is a struct; the last one would win.
func TestNoRowTwice(t *testing.T) {
	source, err := os.ReadFile("rules.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\t\{.*?\}:`).FindAllString(string(source), -1) {
		if seen[row] {
			t.Errorf("two rows for %s", row)
		}
		seen[row] = true
	}
	if len(seen) != len(grad.Table) {
		t.Errorf("%d rows in the source, %d in the table", len(seen), len(grad.Table))
	}
}

// TestPlainOperators: gradient graphs of ai.onnx graphs use nothing else.
func TestPlainOperators(t *testing.T) {
	for op, list := range cases {
		for k, c := range list {
			gc, err := c.build(op, rand.New(rand.NewPCG(1, 1)))
			if err != nil {
				t.Fatal(op, k, err)
			}
			g, err := grad.Build(gc.Model, "loss", gc.Wrt)
			if err != nil {
				t.Errorf("%s case %d: %v", op, k, err)
				continue
			}
			for _, n := range g.Graph.Nodes {
				if n.Domain != "" {
					t.Errorf("%s: node %s is of domain %q", op, n.Op, n.Domain)
				}
			}
			if len(g.Opsets) != len(gc.Model.Opsets) {
				t.Errorf("%s: opsets are %v", op, g.Opsets)
			}
		}
	}
}

// eval runs a model whose inputs are all given.
func eval(t *testing.T, m *onnx.Model, in ...*onnx.Tensor) map[string]*onnx.Tensor {
	t.Helper()
	r, err := ref.Engine(m)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]*onnx.Tensor, len(r.Outputs()))
	if err := r.Run(context.Background(), in, out); err != nil {
		t.Fatal(err)
	}
	named := map[string]*onnx.Tensor{}
	for k, info := range r.Outputs() {
		named[info.Name] = out[k]
	}
	return named
}

func total(b *onnx.Builder, v onnx.Value) {
	b.Output(b.Name(b.Op("ReduceSum", []onnx.Value{v}, onnx.Int("keepdims", 0)), "loss"))
}

// TestStraightThrough: a fake-quantised value has gradient 1 inside the Clip
// and 0 outside it (Bengio et al. 2013).
func TestStraightThrough(t *testing.T) {
	b := onnx.NewBuilder("qdq")
	x := b.Input("x", onnx.Float, 4)
	clipped := b.Op("Clip", []onnx.Value{x, b.ConstFloat("lo", 0), b.ConstFloat("hi", 2)})
	scale, zero := b.ConstFloat("scale", 0.1), b.Init("zero", onnx.From([]uint8{0}))
	q := b.Op("QuantizeLinear", []onnx.Value{clipped, scale, zero})
	total(b, b.Op("Round", []onnx.Value{b.Op("DequantizeLinear", []onnx.Value{q, scale, zero})}))
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	g, err := grad.Build(m, "loss", []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	got := eval(t, g, onnx.From([]float32{-1, 0.33, 1.99, 2.5}))[grad.Name("x")].Floats()
	if want := []float32{0, 1, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("gradient is %v, not %v", got, want)
	}
}

// TestSharedValues: y = x*x + x, so y' = 2x + 1; and two values may share one
// gradient.
func TestSharedValues(t *testing.T) {
	b := onnx.NewBuilder("shared")
	x, z := b.Input("x", onnx.Float, 3), b.Input("z", onnx.Float, 3)
	y := b.Op("Add", []onnx.Value{b.Op("Mul", []onnx.Value{x, x}), x})
	total(b, b.Op("Add", []onnx.Value{y, z}))
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	g, err := grad.Build(m, "loss", []string{"x", "z", y.Name()})
	if err != nil {
		t.Fatal(err)
	}
	out := eval(t, g, onnx.From([]float32{1, -2, 0.5}), onnx.From([]float32{0, 0, 0}))
	for name, want := range map[string][]float32{"x": {3, -3, 2}, "z": {1, 1, 1}, y.Name(): {1, 1, 1}} {
		if got := out[grad.Name(name)].Floats(); !slices.Equal(got, want) {
			t.Errorf("gradient of %s is %v, not %v", name, got, want)
		}
	}
	if len(m.Graph.Outputs) != 1 || len(g.Graph.Outputs) != 4 {
		t.Errorf("outputs: %d before and %d after", len(m.Graph.Outputs), len(g.Graph.Outputs))
	}
}

// TestSoftLabelCrossEntropy against its closed form (softmax - label)/batch.
func TestSoftLabelCrossEntropy(t *testing.T) {
	b := onnx.NewBuilder("xent")
	logits, labels := b.Input("logits", onnx.Float, 2, 3), b.Input("labels", onnx.Float, 2, 3)
	each := b.Op("Mul", []onnx.Value{b.Op("LogSoftmax", []onnx.Value{logits}), labels})
	all := b.Op("ReduceSum", []onnx.Value{each}, onnx.Int("keepdims", 0))
	b.Output(b.Name(b.Op("Mul", []onnx.Value{all, b.ConstFloat("mean", -0.5)}), "loss"))
	p := b.Op("Softmax", []onnx.Value{logits})
	b.Output(b.Name(b.Op("Mul", []onnx.Value{b.Op("Sub", []onnx.Value{p, labels}), b.ConstFloat("half", 0.5)}), "want"))
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	g, err := grad.Build(m, "loss", []string{"logits"})
	if err != nil {
		t.Fatal(err)
	}
	out := eval(t, g, onnx.From([]float32{1, 2, 3, -1, 0, 4}, 2, 3), onnx.From([]float32{0.9, 0.1, 0, 0.2, 0.2, 0.6}, 2, 3))
	want := out["want"].Floats()
	for k, got := range out[grad.Name("logits")].Floats() {
		if d := got - want[k]; d > 1e-6 || d < -1e-6 {
			t.Errorf("gradient %d is %v, not %v", k, got, want[k])
		}
	}
}

// TestErrors: each names what is wrong and where.
func TestErrors(t *testing.T) {
	b := onnx.NewBuilder("errors")
	x, u := b.Input("x", onnx.Float, -1, 3), b.Input("unused", onnx.Float, 3)
	b.Output(b.Name(b.Op("Neg", []onnx.Value{u}), "other"))
	b.Output(b.Name(b.Op("Softmax", []onnx.Value{x}), "wide"))
	b.Output(b.Name(b.Op("ReduceMean", []onnx.Value{x}, onnx.Int("keepdims", 0)), "mean"))
	b.Output(b.Name(b.Op("ReduceSum", []onnx.Value{b.Op("Sign", []onnx.Value{u})}, onnx.Int("keepdims", 0)), "flat"))
	b.Output(b.Name(b.Op("ReduceSum", []onnx.Value{b.Op("Pow", []onnx.Value{b.ConstFloat("two", 2), u})}, onnx.Int("keepdims", 0)), "power"))
	b.Output(b.Name(b.OpN("TopK", 2, []onnx.Value{u, b.ConstInts("k", 1)})[0], "top"))
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ loss, wrt, want string }{
		{"nothing", "x", "not a value"},
		{"wide", "x", "not one Float"},
		{"mean", "nothing", "not a Float value"},
		{"mean", "x", "batch size"},
		{"mean", "unused", "does not depend"},
		{"flat", "unused", "does not depend"},
		{"power", "unused", "exponent"},
	} {
		_, err := grad.Build(m, c.loss, []string{c.wrt})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("loss %s, wrt %s: error %v does not say %q", c.loss, c.wrt, err, c.want)
		}
	}
	if _, err := grad.BuildWith(m, "mean", []string{"x"}, grad.Rules{{Op: "ReduceMean"}: {None: "for the test"}}); err == nil {
		t.Error("a rule passed in does not take precedence")
	}
}

// mobile is a small MobileNetV3: stem, an expanded block with squeeze and
// excitation and a shortcut, head, cross-entropy with soft labels. Batch
// normalisation is in training mode throughout.
func mobile(rng *rand.Rand) (gradtest.Case, error) {
	b := onnx.NewBuilder("mobile")
	out := gradtest.Case{Loss: "loss", Inputs: map[string]*onnx.Tensor{}, Rand: rng, Elements: 6}
	input := func(name string, o operand) onnx.Value { return o.add(b, name, &out) }
	serial := 0
	param := func(shape ...int) onnx.Value {
		serial++
		return input(fmt.Sprintf("w%d", serial), rnd(shape...))
	}
	conv := func(x onnx.Value, out, k, stride, group int) onnx.Value {
		return b.Op("Conv", []onnx.Value{x, param(out, x.Shape()[1]/group, k, k)}, onnx.Int("group", group),
			onnx.Ints("strides", stride, stride), onnx.Ints("pads", k/2, k/2, k/2, k/2))
	}
	norm := func(x onnx.Value) onnx.Value {
		c := x.Shape()[1]
		zeros := b.Op("Expand", []onnx.Value{b.ConstFloat("zero", 0), b.ConstInts("c", c)})
		return b.OpN("BatchNormalization", 3, []onnx.Value{x, param(c), param(c), zeros, zeros}, onnx.Int("training_mode", 1))[0]
	}
	x := b.Op("HardSwish", []onnx.Value{norm(conv(input("x", fix(2, 3, 8, 8)), 4, 3, 2, 1))})
	e := b.Op("Relu", []onnx.Value{norm(conv(x, 8, 1, 1, 1))})
	e = b.Op("HardSwish", []onnx.Value{norm(conv(e, 8, 5, 1, 8))})
	s := b.Op("Relu", []onnx.Value{conv(b.Op("GlobalAveragePool", []onnx.Value{e}), 4, 1, 1, 1)})
	e = b.Op("Mul", []onnx.Value{e, b.Op("HardSigmoid", []onnx.Value{conv(s, 8, 1, 1, 1)})})
	x = b.Op("Add", []onnx.Value{x, norm(conv(e, 4, 1, 1, 1))})
	f := b.Op("Flatten", []onnx.Value{b.Op("GlobalAveragePool", []onnx.Value{x})})
	z := b.Op("Gemm", []onnx.Value{f, param(5, 4), param(5)}, onnx.Int("transB", 1))
	l := b.Op("Mul", []onnx.Value{b.Op("LogSoftmax", []onnx.Value{z}), input("labels", fpo(2, 5))})
	b.Output(b.Name(b.Op("Neg", []onnx.Value{b.Op("ReduceSum", []onnx.Value{l}, onnx.Int("keepdims", 0))}), "loss"))
	m, err := b.Build()
	out.Model = m
	return out, err
}

// TestNetwork checks a whole network against finite differences; with bends in
// the activations, a step may cross one, so the step is small.
func TestNetwork(t *testing.T) {
	c, err := mobile(rand.New(rand.NewPCG(11, 12)))
	if err != nil {
		t.Fatal(err)
	}
	c.Step = 1e-6
	worst, err := gradtest.Compare(context.Background(), wide, c)
	if err != nil || worst > 1e-6 {
		t.Errorf("differs from finite differences by %g, error %v", worst, err)
	}
}
