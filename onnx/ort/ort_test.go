package ort

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hanas/onnx"
)

// open loads the library or skips the test.
func open(t *testing.T) *Runtime {
	t.Helper()
	rt, err := Open(context.Background(), Options{})
	if err != nil {
		t.Skipf("needs the ONNX Runtime library: %v", err)
	}
	t.Cleanup(func() { rt.Close() })
	return rt
}

func build(t *testing.T, write func(b *onnx.Builder)) *onnx.Model {
	t.Helper()
	b := onnx.NewBuilder(t.Name())
	write(b)
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func loadModel(t *testing.T, s Settings, m *onnx.Model) onnx.Runner {
	t.Helper()
	r, err := open(t).Engine(s)(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func addOne(t *testing.T, shape ...int) *onnx.Model {
	return build(t, func(b *onnx.Builder) {
		b.Output(b.Name(b.Op("Add", []onnx.Value{b.Input("x", onnx.Float, shape...), b.ConstFloat("one", 1)}), "y"))
	})
}

func TestOpenIsShared(t *testing.T) {
	a, b := open(t), open(t)
	if a.Path() != b.Path() || a.Version() != b.Version() || !strings.Contains(a.String(), a.Version()) {
		t.Errorf("%v at %s, %v at %s", a, a.Path(), b, b.Path())
	}
	a.Close()
	a.Close()
	r, err := b.Engine(Settings{})(addOne(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
}

// TestRunOutputs: an output may be left to the engine or given, and a symbolic
// size or a scalar makes no difference.
func TestRunOutputs(t *testing.T) {
	for _, shape := range [][]int{{3}, {-1}, {}, {2, -1}} {
		r := loadModel(t, Settings{}, addOne(t, shape...))
		concrete := slices.Clone(shape)
		for i := range concrete {
			if concrete[i] < 0 {
				concrete[i] = 3
			}
		}
		x := onnx.NewTensor(onnx.Float, concrete...)
		given := onnx.NewTensor(onnx.Float, concrete...)
		for round := range 3 { // the values of a call are kept for the next
			for i := range x.Floats() {
				x.Floats()[i] = float32(10*round + i)
			}
			left := []*onnx.Tensor{nil}
			if err := r.Run(context.Background(), []*onnx.Tensor{x}, left); err != nil {
				t.Fatal(err)
			}
			if err := r.Run(context.Background(), []*onnx.Tensor{x}, []*onnx.Tensor{given}); err != nil {
				t.Fatal(err)
			}
			for i, v := range x.Floats() {
				if left[0].Floats()[i] != v+1 || given.Floats()[i] != v+1 {
					t.Errorf("shape %v: %v and %v from %v", shape, left[0].Floats(), given.Floats(), x.Floats())
				}
			}
			if !slices.Equal(left[0].Shape, concrete) {
				t.Errorf("shape %v, want %v", left[0].Shape, concrete)
			}
		}
	}
}

// TestOutputsAreKept: what the engine allocated is the caller's, and later
// runs do not write to it.
func TestOutputsAreKept(t *testing.T) {
	for _, n := range []int{4, -1} {
		r := loadModel(t, Settings{}, addOne(t, n))
		var all [][]*onnx.Tensor
		for i := range 5 {
			out := []*onnx.Tensor{nil}
			if err := r.Run(context.Background(), []*onnx.Tensor{onnx.From([]float32{float32(i), 0, 0, 0})}, out); err != nil {
				t.Fatal(err)
			}
			all = append(all, out)
		}
		for i, out := range all {
			if out[0].Floats()[0] != float32(i)+1 {
				t.Errorf("run %d became %v", i, out[0].Floats())
			}
		}
	}
}

// TestElementTypes sends every element type through the engine and back.
func TestElementTypes(t *testing.T) {
	types := []onnx.DType{
		onnx.Float, onnx.Double, onnx.Uint8, onnx.Int8, onnx.Uint16, onnx.Int16, onnx.Int32, onnx.Int64, onnx.Uint32,
		onnx.Uint64, onnx.Bool, onnx.Float16, onnx.BFloat16, onnx.Int4, onnx.Uint4, onnx.Int2, onnx.Uint2,
	}
	for _, d := range types {
		for _, shape := range [][]int{{2, 6}, {}, {-1}} {
			t.Run(fmt.Sprint(d, shape), func(t *testing.T) { roundTrip(t, d, shape) })
		}
	}
}

func roundTrip(t *testing.T, d onnx.DType, shape []int) {
	opset := onnx.DefaultOpset
	if d == onnx.Int2 || d == onnx.Uint2 {
		opset = 25
	}
	m := build(t, func(b *onnx.Builder) {
		b.Opset("", opset)
		x := b.Input("x", d, shape...)
		if d.Bits() >= 8 {
			b.Output(b.Name(b.Op("Identity", []onnx.Value{x}), "y"))
			return
		}
		wide := b.Op("Cast", []onnx.Value{x}, onnx.Int("to", int(onnx.Int8)))
		b.Output(b.Name(b.Op("Cast", []onnx.Value{wide}, onnx.Int("to", int(d))), "y"))
	})
	r := loadModel(t, Settings{Level: Disable}, m)
	concrete := slices.Clone(shape)
	if len(concrete) == 1 {
		concrete[0] = 4
	}
	x := onnx.NewTensor(d, concrete...)
	for i := range x.Bytes() {
		x.Bytes()[i] = byte(i*37 + 1)
		if d == onnx.Bool {
			x.Bytes()[i] = byte(i % 2)
		}
	}
	given := onnx.NewTensor(d, concrete...)
	err := r.Run(context.Background(), []*onnx.Tensor{x}, []*onnx.Tensor{given})
	odd := elements[d].scalar == nil
	if odd && len(shape) == 0 {
		if err == nil || !strings.Contains(err.Error(), "give it shape [1]") {
			t.Errorf("error %v", err)
		}
		return
	}
	if err != nil || string(given.Bytes()) != string(x.Bytes()) {
		t.Fatalf("%v became %v (%v)", x.Bytes(), given.Bytes(), err)
	}
	left := []*onnx.Tensor{nil}
	err = r.Run(context.Background(), []*onnx.Tensor{x}, left)
	if odd && slices.Contains(shape, -1) {
		if err == nil || !strings.Contains(err.Error(), "preallocated") {
			t.Errorf("error %v", err)
		}
		return
	}
	if err != nil || left[0].DType != d || string(left[0].Bytes()) != string(x.Bytes()) {
		t.Fatalf("%v became %v (%v)", x, left[0], err)
	}
}

func TestNoElements(t *testing.T) {
	r := loadModel(t, Settings{}, addOne(t, -1, 3))
	out := []*onnx.Tensor{nil}
	if err := r.Run(context.Background(), []*onnx.Tensor{onnx.NewTensor(onnx.Float, 0, 3)}, out); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out[0].Shape, []int{0, 3}) {
		t.Errorf("shape %v", out[0].Shape)
	}
}

func TestNoInputs(t *testing.T) {
	m := build(t, func(b *onnx.Builder) {
		c := b.Init("c", onnx.From([]float32{1, 2, 3}))
		b.Output(b.Name(b.Op("Neg", []onnx.Value{c}), "y"))
	})
	out := []*onnx.Tensor{nil}
	if err := loadModel(t, Settings{Level: Disable}, m).Run(context.Background(), nil, out); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out[0].Floats(), []float32{-1, -2, -3}) {
		t.Errorf("%v", out[0].Floats())
	}
}

// TestDroppedRunner: runners that nobody closes are closed by the garbage
// collector. Without that it ends the process, for the memory they pin.
func TestDroppedRunner(t *testing.T) {
	engine := open(t).Engine(Settings{})
	m := addOne(t, 4)
	x := onnx.NewTensor(onnx.Float, 4)
	closed := make(chan struct{}, 1)
	for range 20 {
		r, err := engine(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Run(t.Context(), []*onnx.Tensor{x}, make([]*onnx.Tensor, 1)); err != nil {
			t.Fatal(err)
		}
		runtime.AddCleanup(r.(*session), func(struct{}) {
			select {
			case closed <- struct{}{}:
			default:
			}
		}, struct{}{})
	}
	for range 10 {
		runtime.GC()
		select {
		case <-closed:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Error("no runner was collected")
}

func TestErrors(t *testing.T) {
	rt := open(t)
	x := onnx.From([]float32{1, 2})
	run := func(in, out []*onnx.Tensor) func() error {
		return func() error { return loadModel(t, Settings{}, addOne(t, 2)).Run(context.Background(), in, out) }
	}
	one := []*onnx.Tensor{nil}
	tests := []struct {
		name string
		do   func() error
		want string
	}{
		{"too many inputs", run([]*onnx.Tensor{x, x}, one), "has 1 inputs and 1 outputs, was given 2 and 1"},
		{"nil input", run([]*onnx.Tensor{nil}, one), `input "x" is nil`},
		{"wrong shape", run([]*onnx.Tensor{onnx.NewTensor(onnx.Float, 3)}, one), `input "x" is float[2], was given float[3]`},
		{"wrong type", run([]*onnx.Tensor{onnx.NewTensor(onnx.Int8, 2)}, one), "was given int8[2]"},
		{"wrong output", run([]*onnx.Tensor{x}, []*onnx.Tensor{onnx.NewTensor(onnx.Float, 1)}), `output "y" is float[2], was given float[1]`},
		{"bad level", func() error { _, err := rt.Engine(Settings{Level: 9})(addOne(t, 2)); return err }, "no optimisation level 9"},
		{"bad threads", func() error { _, err := rt.Engine(Settings{Threads: -1})(addOne(t, 2)); return err }, "-1 threads"},
		{"bad provider", func() error { _, err := rt.Engine(Settings{Provider: "abacus"})(addOne(t, 2)); return err }, "no such provider (known: CPU"},
		{"absent provider", func() error { _, err := rt.Engine(Settings{Provider: "qnn"})(addOne(t, 2)); return err }, "not available here"},
		{"closed", func() error {
			r := loadModel(t, Settings{}, addOne(t, 2))
			r.Close()
			r.Close()
			return r.Run(context.Background(), []*onnx.Tensor{x}, []*onnx.Tensor{nil})
		}, "the session is closed"},
		{"unknown operator", func() error {
			m := addOne(t, 2)
			m.Graph.Nodes[0].Op = "Abacus"
			_, err := rt.Engine(Settings{})(m)
			return err
		}, "Abacus"},
	}
	for _, tt := range tests {
		if err := tt.do(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

// slow is a graph that works for about a second.
func slow(t *testing.T) (*onnx.Model, *onnx.Tensor) {
	const n = 700
	return build(t, func(b *onnx.Builder) {
		x := b.Input("x", onnx.Float, n, n)
		y := x
		for range 200 {
			y = b.Op("Tanh", []onnx.Value{b.Op("MatMul", []onnx.Value{y, x})})
		}
		b.Output(y)
	}), onnx.NewTensor(onnx.Float, n, n)
}

func TestCancel(t *testing.T) {
	m, x := slow(t)
	r := loadModel(t, Settings{}, m)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Run(done, []*onnx.Tensor{x}, []*onnx.Tensor{nil}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	during, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	out := []*onnx.Tensor{nil}
	if err := r.Run(during, []*onnx.Tensor{x}, out); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled under way: %v", err)
	}
	small := loadModel(t, Settings{}, addOne(t, 1)) // a frame that was cancelled once works again
	live, stop := context.WithCancel(context.Background())
	defer stop()
	for range 3 {
		if err := small.Run(live, []*onnx.Tensor{onnx.NewTensor(onnx.Float, 1)}, []*onnx.Tensor{nil}); err != nil {
			t.Error(err)
		}
	}
}

// mlp is a graph of a few layers and its input.
func mlp(t *testing.T) *onnx.Model {
	rng := rand.New(rand.NewPCG(1, 2))
	return build(t, func(b *onnx.Builder) {
		x := b.Input("x", onnx.Float, 4, 64)
		for i := range 3 {
			w := onnx.NewTensor(onnx.Float, 64, 64)
			for k := range w.Floats() {
				w.Floats()[k] = float32(rng.NormFloat64()) / 8
			}
			x = b.Op("Relu", []onnx.Value{b.Op("MatMul", []onnx.Value{x, b.Init("w"+strconv.Itoa(i), w)})})
		}
		b.Output(x)
	})
}

func TestConcurrentRuns(t *testing.T) {
	for _, s := range []Settings{{}, {SharedArena: true}, {Threads: 2, NoSpinning: true}} {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) { concurrent(t, loadModel(t, s, mlp(t))) })
	}
}

// concurrent runs r from 8 goroutines and compares with runs in turn.
func concurrent(t *testing.T, r onnx.Runner) {
	input := func(seed int) *onnx.Tensor {
		x := onnx.NewTensor(onnx.Float, 4, 64)
		for i := range x.Floats() {
			x.Floats()[i] = float32(math.Sin(float64(seed*1000 + i)))
		}
		return x
	}
	want := make([][]float32, 8)
	for i := range want {
		out := []*onnx.Tensor{nil}
		if err := r.Run(context.Background(), []*onnx.Tensor{input(i)}, out); err != nil {
			t.Fatal(err)
		}
		want[i] = out[0].Floats()
	}
	var wg sync.WaitGroup
	for i := range want {
		wg.Go(func() {
			x, out := input(i), []*onnx.Tensor{nil}
			for k := range 50 {
				if k == 25 {
					out[0] = nil
				}
				if err := r.Run(context.Background(), []*onnx.Tensor{x}, out); err != nil || !slices.Equal(out[0].Floats(), want[i]) {
					t.Errorf("goroutine %d, run %d: wrong result (%v)", i, k, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// resident is the process's resident memory in bytes; 0 where unknown.
func resident() int {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(data))[1])
	return pages * os.Getpagesize()
}

// TestNoLeak makes and closes 200 sessions of half a megabyte each.
func TestNoLeak(t *testing.T) {
	rt := open(t)
	big := build(t, func(b *onnx.Builder) {
		w := onnx.NewTensor(onnx.Float, 256, 512)
		b.Output(b.Op("MatMul", []onnx.Value{b.Input("x", onnx.Float, -1, 256), b.Init("w", w)}))
	})
	cycle := func() {
		r, err := rt.Engine(Settings{})(big)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range 2 {
			if err := r.Run(context.Background(), []*onnx.Tensor{onnx.NewTensor(onnx.Float, 8, 256)}, []*onnx.Tensor{nil}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 20 {
		cycle()
	}
	before := resident()
	for range 200 {
		cycle()
	}
	if grown := resident() - before; grown > 32<<20 {
		t.Errorf("200 sessions left %d MB behind", grown>>20)
	}
}

func TestProfile(t *testing.T) {
	prefix := t.TempDir() + "/p"
	r, err := open(t).Engine(Settings{ProfilePrefix: prefix, NoSpinning: true, Threads: 2, Level: Extended})(addOne(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(context.Background(), []*onnx.Tensor{onnx.NewTensor(onnx.Float, 1)}, []*onnx.Tensor{nil}); err != nil {
		t.Fatal(err)
	}
	r.Close()
	files, _ := os.ReadDir(prefix[:len(prefix)-1])
	if len(files) != 1 || !strings.HasPrefix(files[0].Name(), "p") {
		t.Errorf("profile files: %v", files)
	}
}

// TestLowBitWeights: packed INT4 and INT2 weights behind a Cast or alone give
// what their values mean.
func TestLowBitWeights(t *testing.T) {
	tests := []struct {
		dtype  onnx.DType
		opset  int
		values []int
	}{
		{onnx.Int4, 21, []int{-8, 7, 1, -1, 3, 0}},
		{onnx.Uint4, 21, []int{15, 7, 1, 2, 3, 0}},
		{onnx.Int2, 25, []int{-2, 1, 1, -1, 0, 0}},
		{onnx.Uint2, 25, []int{3, 1, 2, 0, 3, 3}},
	}
	for _, tt := range tests {
		w, err := onnx.PackInts(tt.dtype, tt.values, 2, 3)
		if err != nil {
			t.Fatal(err)
		}
		m := build(t, func(b *onnx.Builder) {
			b.Opset("", tt.opset)
			x := b.Input("x", onnx.Float, 1, 2)
			q := b.Init("w", w)
			scale := b.Init("scale", onnx.From([]float32{0.5}))
			cast := b.Op("Cast", []onnx.Value{q}, onnx.Int("to", int(onnx.Float)))
			b.Output(b.Op("MatMul", []onnx.Value{x, b.Op("DequantizeLinear", []onnx.Value{q, scale})}))
			b.Output(b.Op("MatMul", []onnx.Value{x, cast}))
		})
		out := []*onnx.Tensor{nil, nil}
		if err := loadModel(t, Settings{Level: Basic}, m).Run(context.Background(), []*onnx.Tensor{onnx.From([]float32{1, 10}, 1, 2)}, out); err != nil {
			t.Fatalf("%v: %v", tt.dtype, err)
		}
		for i := range 3 {
			want := float32(tt.values[i] + 10*tt.values[3+i])
			if out[0].Floats()[i] != want/2 || out[1].Floats()[i] != want {
				t.Errorf("%v: %v and %v from %v", tt.dtype, out[0].Floats(), out[1].Floats(), tt.values)
			}
		}
	}
}
