package ort

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/yalue/onnxruntime_go"

	"hanas/onnx"
)

// session is a loaded model. ORT's own Run is safe for concurrent use; what a
// call needs besides lives in a frame, of which there are as many as there
// ever were calls at once.
type session struct {
	name            string
	inputs, outputs []onnx.ValueInfo
	inner           *onnxruntime_go.DynamicAdvancedSession

	mu     sync.RWMutex // held for reading by every Run: Close waits for them
	closed bool

	idle struct {
		sync.Mutex
		frames []*frame
	}
}

// Inputs implements onnx.Runner.
func (s *session) Inputs() []onnx.ValueInfo { return slices.Clone(s.inputs) }

// Outputs implements onnx.Runner.
func (s *session) Outputs() []onnx.ValueInfo { return slices.Clone(s.outputs) }

// Close implements onnx.Runner. It waits for calls of Run that are under way;
// a second Close does nothing.
func (s *session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	runtime.SetFinalizer(s, nil)
	for _, f := range s.idle.frames {
		f.destroy()
	}
	s.idle.frames = nil
	return s.inner.Destroy()
}

// Run implements onnx.Runner. A cancelled context stops a run under way.
func (s *session) Run(ctx context.Context, inputs, outputs []*onnx.Tensor) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("ort: run %q: %w", s.name, err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return fmt.Errorf("ort: run %q: the session is closed", s.name)
	}
	if err := s.check(inputs, outputs); err != nil {
		return fmt.Errorf("ort: run %q: %w", s.name, err)
	}
	f := s.takeFrame()
	defer s.giveFrame(f)
	if err := s.run(ctx, f, inputs, outputs); err != nil {
		return fmt.Errorf("ort: run %q: %w", s.name, err)
	}
	return nil
}

func (s *session) takeFrame() *frame {
	s.idle.Lock()
	defer s.idle.Unlock()
	if n := len(s.idle.frames); n > 0 {
		f := s.idle.frames[n-1]
		s.idle.frames = s.idle.frames[:n-1]
		return f
	}
	return &frame{in: make([]slot, len(s.inputs)), out: make([]slot, len(s.outputs))}
}

func (s *session) giveFrame(f *frame) {
	s.idle.Lock()
	defer s.idle.Unlock()
	s.idle.frames = append(s.idle.frames, f)
}

// check compares the call with the graph's signature, so that mistakes are
// named by us and not by a kernel deep inside.
func (s *session) check(inputs, outputs []*onnx.Tensor) error {
	if len(inputs) != len(s.inputs) || len(outputs) != len(s.outputs) {
		return fmt.Errorf("has %d inputs and %d outputs, was given %d and %d",
			len(s.inputs), len(s.outputs), len(inputs), len(outputs))
	}
	for i, t := range inputs {
		if t == nil {
			return fmt.Errorf("input %q is nil", s.inputs[i].Name)
		}
		if err := fits(t, s.inputs[i]); err != nil {
			return fmt.Errorf("input %w", err)
		}
	}
	for i, t := range outputs {
		if t == nil {
			continue
		}
		if err := fits(t, s.outputs[i]); err != nil {
			return fmt.Errorf("output %w", err)
		}
	}
	return nil
}

// fits compares a tensor with a declaration; what is not declared fits.
func fits(t *onnx.Tensor, v onnx.ValueInfo) error {
	ok := v.DType == onnx.Undefined || t.DType == v.DType
	if v.Shape != nil {
		ok = ok && len(t.Shape) == len(v.Shape)
		for i := 0; ok && i < len(v.Shape); i++ {
			ok = v.Shape[i] < 0 || v.Shape[i] == t.Shape[i]
		}
	}
	if !ok {
		return fmt.Errorf("%q is %v%v, was given %v%v", v.Name, v.DType, v.Shape, t.DType, t.Shape)
	}
	return nil
}

// frame is what one call at a time needs: the wrapped values of the last
// call, kept because most callers use the same buffers again.
type frame struct {
	in, out []slot
	options *onnxruntime_go.RunOptions // made when a cancellable context is first seen
	values  []onnxruntime_go.Value
}

func (f *frame) destroy() {
	for i := range f.in {
		f.in[i].drop()
	}
	for i := range f.out {
		f.out[i].drop()
	}
	if f.options != nil {
		f.options.Destroy()
	}
}

// run wraps, calls and unwraps. Outputs that the caller left nil are only
// stored when the call succeeds.
func (s *session) run(ctx context.Context, f *frame, inputs, outputs []*onnx.Tensor) error {
	n := len(inputs)
	f.values = append(f.values[:0], make([]onnxruntime_go.Value, n+len(outputs))...)
	ins, outs := f.values[:n], f.values[n:]
	defer clear(f.values)
	for i, t := range inputs {
		v, err := f.in[i].wrap(t, true)
		if err != nil {
			return fmt.Errorf("input %q: %w", s.inputs[i].Name, err)
		}
		ins[i] = v
	}
	fresh := make([]*onnx.Tensor, len(outputs))
	for i, t := range outputs {
		if t == nil {
			if fresh[i] = allocate(s.outputs[i]); fresh[i] == nil {
				if d := s.outputs[i].DType; d != onnx.Undefined && elements[d].empty == nil {
					return fmt.Errorf("output %q is %v of unknown size: it must be preallocated", s.outputs[i].Name, d)
				}
				continue // ORT allocates
			}
			t = fresh[i]
			defer f.out[i].drop() // the caller will not bring this tensor again
		}
		v, err := f.out[i].wrap(t, false)
		if err != nil {
			return fmt.Errorf("output %q: %w", s.outputs[i].Name, err)
		}
		outs[i] = v
	}
	if err := s.call(ctx, f, ins, outs); err != nil {
		return err
	}
	runtime.KeepAlive(inputs)
	return s.collect(ctx, f, outputs, fresh)
}

// allocate makes the tensor of an output whose type and size the graph
// declares; nil when it does not.
func allocate(v onnx.ValueInfo) *onnx.Tensor {
	if v.Shape == nil || v.DType.Bits() == 0 || slices.Min(append([]int{1}, v.Shape...)) < 0 {
		return nil
	}
	return onnx.NewTensor(v.DType, v.Shape...)
}

// collect stores fresh outputs, copies scalars out of ORT's hands and adopts
// the values that ORT allocated.
func (s *session) collect(ctx context.Context, f *frame, outputs, fresh []*onnx.Tensor) error {
	outs := f.values[len(f.in):]
	adopted := make([]*onnx.Tensor, len(outputs))
	var errs error
	for i := range outputs {
		switch {
		case outputs[i] == nil && fresh[i] == nil:
			t, err := adopt(outs[i])
			if err != nil {
				err = fmt.Errorf("output %q: %w", s.outputs[i].Name, err)
			}
			errs, adopted[i] = errors.Join(errs, err), t
			errs = errors.Join(errs, outs[i].Destroy())
		case outputs[i] == nil:
			f.out[i].copyOut(fresh[i])
			adopted[i] = fresh[i]
		default:
			f.out[i].copyOut(outputs[i])
		}
	}
	if errs != nil {
		return errs
	}
	for i, t := range adopted {
		if t != nil {
			outputs[i] = t
		}
	}
	return nil
}

// call runs the session once; a context that can be cancelled terminates it.
func (s *session) call(ctx context.Context, f *frame, ins, outs []onnxruntime_go.Value) error {
	if len(ins) == 0 {
		return s.callBound(outs)
	}
	if ctx.Done() == nil {
		return s.inner.Run(ins, outs)
	}
	if f.options == nil {
		o, err := onnxruntime_go.NewRunOptions()
		if err != nil {
			return err
		}
		f.options = o
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		f.options.Terminate()
		close(ended)
	})
	err := s.inner.RunWithOptions(ins, outs, f.options)
	if !stop() {
		<-ended // Terminate must not hit the frame's next call
		f.options.UnsetTerminate()
		if err != nil {
			return ctx.Err()
		}
	}
	return err
}

// callBound runs a graph without inputs, which the binding's Run cannot do.
func (s *session) callBound(outs []onnxruntime_go.Value) error {
	b, err := s.inner.CreateIoBinding()
	if err != nil {
		return err
	}
	defer b.Destroy()
	for i, v := range outs {
		if v == nil {
			return fmt.Errorf("output %q of a graph without inputs needs a declared shape", s.outputs[i].Name)
		}
		if err := b.BindOutput(s.outputs[i].Name, v); err != nil {
			return err
		}
	}
	return s.inner.RunWithBinding(b)
}
