package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"hanas/onnx"
	"hanas/onnx/grad"
)

// Settings say how Fit trains. The zero value is AdamW at rate 0.001 until the
// batches end.
type Settings struct {
	Loss        string  // the model's output to minimise; default "loss"
	Steps       int     // steps at most, and the length of the schedule; 0 = until the batches end, at a constant rate
	Rate        float64 // learning rate at its peak; default 0.001
	Schedule    string  // a name of Schedules; default "cosine" if Steps is given
	Warmup      float64 // share of the steps
	WeightDecay float64 // decoupled, for parameters of two or more axes
	ClipNorm    float64 // bound on the gradient's norm; 0 = none
	SGD         bool    // SGD with Nesterov momentum in place of AdamW
	Momentum    float64 // of SGD; default 0.9
	Average     float64 // decay of an EMA whose values the parameters get at the end; 0 = none
	// OnStep is told each step and its loss; an error of it ends the fit.
	OnStep func(step int, loss float64) error
}

func (s *Settings) defaults() error {
	if s.Loss == "" {
		s.Loss = "loss"
	}
	if s.Rate == 0 {
		s.Rate = 1e-3
	}
	if s.Momentum == 0 {
		s.Momentum = 0.9
	}
	if s.Schedule == "" || s.Steps == 0 {
		s.Schedule = "cosine"
		if s.Steps == 0 {
			s.Schedule, s.Warmup = "constant", 0
		}
	}
	if Schedules[s.Schedule] == nil {
		return fmt.Errorf("schedule %q is not known", s.Schedule)
	}
	return nil
}

// Batches gives the inputs of a step by name: all of the model's but the
// parameters. ok = false ends the fit. The tensors are read before the next call.
type Batches func(step int) (inputs map[string]*onnx.Tensor, ok bool)

// Fit minimises a model's loss over params, Float tensors that are inputs or
// initialisers of the model by name, and changes them in place (give clones of
// tensors that a model holds). It returns the loss of each step, computed before
// the step's update.
//
// The model's symbolic sizes take those of each batch; every new set of shapes
// costs a differentiation and a session, so batches should have few sizes.
// A loss or gradient that is not finite is an error, and the parameters are
// then those of the last good step.
func Fit(ctx context.Context, engine onnx.Engine, model *onnx.Model, params map[string]*onnx.Tensor, batches Batches, set Settings) ([]float64, error) {
	if err := set.defaults(); err != nil {
		return nil, fmt.Errorf("train: fit: %w", err)
	}
	f, err := newFit(engine, model, params, set)
	if err != nil {
		return nil, fmt.Errorf("train: fit: %w", err)
	}
	defer f.close()
	var losses []float64
	for step := 0; set.Steps == 0 || step < set.Steps; step++ {
		inputs, ok := batches(step)
		if !ok {
			break
		}
		loss, err := f.step(ctx, step, inputs)
		if err != nil {
			return losses, fmt.Errorf("train: fit: step %d: %w", step, err)
		}
		losses = append(losses, loss)
		if set.OnStep != nil {
			if err := set.OnStep(step, loss); err != nil {
				return losses, fmt.Errorf("train: fit: step %d: %w", step, err)
			}
		}
	}
	if f.average != nil {
		f.average.Swap()
	}
	return losses, nil
}

// Freeze makes the inputs of m that params names initialisers: the trained
// model, ready to run. m and params are not changed or shared.
func Freeze(m *onnx.Model, params map[string]*onnx.Tensor) *onnx.Model {
	m = m.Clone()
	g := m.Graph
	for _, name := range sorted(params) {
		g.Inputs = slices.DeleteFunc(g.Inputs, func(v onnx.ValueInfo) bool { return v.Name == name })
		g.Initializers = slices.DeleteFunc(g.Initializers, func(v onnx.Initializer) bool { return v.Name == name })
		g.Initializers = append(g.Initializers, onnx.Initializer{Name: name, Tensor: params[name].Clone()})
	}
	return m
}

func sorted(params map[string]*onnx.Tensor) []string {
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// fit is a Fit under way.
type fit struct {
	engine   onnx.Engine
	model    *onnx.Model // parameters are inputs, the loss is the only output
	set      Settings
	names    []string // of the parameters, sorted
	params   map[string]*onnx.Tensor
	grads    []*onnx.Tensor
	clip     params // the parameters with their gradients
	opt      Optimizer
	average  *EMA
	sessions map[string]*session
}

// session is the gradient graph for one set of input shapes.
type session struct {
	runner onnx.Runner
	in     []*onnx.Tensor
	out    []*onnx.Tensor // the loss, then the gradients
}

func newFit(engine onnx.Engine, model *onnx.Model, tensors map[string]*onnx.Tensor, set Settings) (*fit, error) {
	f := &fit{engine: engine, set: set, names: sorted(tensors), params: tensors, sessions: map[string]*session{}}
	var err error
	if f.model, err = promote(model, tensors, f.names); err != nil {
		return nil, err
	}
	loss := slices.IndexFunc(f.model.Graph.Outputs, func(v onnx.ValueInfo) bool { return v.Name == set.Loss })
	if loss < 0 {
		return nil, fmt.Errorf("the model has no output %q (name it in Settings.Loss)", set.Loss)
	}
	f.model.Graph.Outputs = f.model.Graph.Outputs[loss : loss+1]
	for _, name := range f.names {
		t := tensors[name]
		g := onnx.NewTensor(onnx.Float, t.Shape...)
		f.grads = append(f.grads, g)
		f.clip = append(f.clip, Param{Name: name, Value: t.Floats(), Grad: g.Floats(), Decay: len(t.Shape) > 1})
	}
	if set.SGD {
		f.opt = NewSGD(f.clip, SGDSettings{Momentum: set.Momentum, Nesterov: true, WeightDecay: set.WeightDecay, Decoupled: true})
	} else {
		f.opt = NewAdamW(f.clip, AdamWSettings{WeightDecay: set.WeightDecay})
	}
	if set.Average > 0 {
		f.average = NewEMA(f.clip, set.Average)
	}
	return f, nil
}

// promote makes parameters that are initialisers inputs, and checks that all
// are there.
func promote(m *onnx.Model, tensors map[string]*onnx.Tensor, names []string) (*onnx.Model, error) {
	m = m.Clone()
	g := m.Graph
	g.Values = nil // shapes follow from the inputs
	for _, name := range names {
		t := tensors[name]
		if t == nil || t.DType != onnx.Float {
			return nil, fmt.Errorf("parameter %q is not a Float tensor", name)
		}
		info := onnx.ValueInfo{Name: name, DType: onnx.Float, Shape: t.Shape}
		if i := slices.IndexFunc(g.Inputs, func(v onnx.ValueInfo) bool { return v.Name == name }); i >= 0 {
			g.Inputs[i] = info
			continue
		}
		before := len(g.Initializers)
		g.Initializers = slices.DeleteFunc(g.Initializers, func(v onnx.Initializer) bool { return v.Name == name })
		if len(g.Initializers) == before {
			return nil, fmt.Errorf("parameter %q is neither an input nor an initialiser of %s", name, g.Name)
		}
		g.Inputs = append(g.Inputs, info)
	}
	return m, nil
}

// step computes loss and gradients on one batch and updates the parameters.
func (f *fit) step(ctx context.Context, step int, inputs map[string]*onnx.Tensor) (float64, error) {
	s, err := f.session(inputs)
	if err != nil {
		return 0, err
	}
	if err := s.runner.Run(ctx, s.in, s.out); err != nil {
		return 0, err
	}
	loss := float64(s.out[0].Floats()[0])
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, fmt.Errorf("the loss is %v (lower the learning rate)", loss)
	}
	norm := f.clip.ClipGradNorm(f.set.ClipNorm)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		for _, p := range f.clip {
			if err := CheckFinite("gradient of "+p.Name, p.Grad); err != nil {
				return 0, err
			}
		}
	}
	f.opt.Step(Schedules[f.set.Schedule](step, f.set.Steps, f.set.Rate, f.set.Warmup))
	if f.average != nil {
		f.average.Update()
	}
	return loss, nil
}

// session finds or makes the gradient graph for the shapes of inputs, and puts
// the tensors in its order.
func (f *fit) session(inputs map[string]*onnx.Tensor) (*session, error) {
	g := f.model.Graph
	in := make([]*onnx.Tensor, len(g.Inputs))
	key := ""
	for i, info := range g.Inputs {
		if in[i] = f.params[info.Name]; in[i] == nil {
			in[i] = inputs[info.Name]
		}
		if in[i] == nil {
			return nil, fmt.Errorf("the batch has no input %q", info.Name)
		}
		key += fmt.Sprint(in[i].Shape)
	}
	s := f.sessions[key]
	if s == nil {
		m := f.model.Clone()
		for i, t := range in {
			m.Graph.Inputs[i].Shape = t.Shape
		}
		gm, err := grad.Build(m, f.set.Loss, f.names)
		if err != nil {
			return nil, err
		}
		r, err := f.engine(gm)
		if err != nil {
			return nil, err
		}
		s = &session{runner: r, out: append([]*onnx.Tensor{nil}, f.grads...)}
		f.sessions[key] = s
	}
	s.in = in
	return s, nil
}

func (f *fit) close() {
	for _, s := range f.sessions {
		s.runner.Close()
	}
}
