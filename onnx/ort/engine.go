package ort

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/yalue/onnxruntime_go"

	"hanas/onnx"
)

// Level is how much ORT rewrites a graph when it loads it.
type Level int

// The levels. All is the fastest to run; Basic and Disable are the quickest to
// load, and as fast to run for training graphs, which are built as they are
// meant to be run. Below All there is no NCHWc layout, below Extended no
// fusion of QuantizeLinear and DequantizeLinear into integer kernels.
const (
	All Level = iota
	Extended
	Basic
	Disable
)

var levels = []struct {
	name string
	ort  onnxruntime_go.GraphOptimizationLevel
}{
	All:      {"all", onnxruntime_go.GraphOptimizationLevelEnableAll},
	Extended: {"extended", onnxruntime_go.GraphOptimizationLevelEnableExtended},
	Basic:    {"basic", onnxruntime_go.GraphOptimizationLevelEnableBasic},
	Disable:  {"disable", onnxruntime_go.GraphOptimizationLevelDisableAll},
}

// String is the level's name in settings files.
func (l Level) String() string {
	if l < 0 || int(l) >= len(levels) {
		return "level" + strconv.Itoa(int(l))
	}
	return levels[l].name
}

// LevelOf is the level of a name.
func LevelOf(name string) (Level, error) {
	for l, row := range levels {
		if row.name == name {
			return Level(l), nil
		}
	}
	return 0, fmt.Errorf("ort: no optimisation level %q (known: %s)", name, strings.Join(Levels(), ", "))
}

// Levels are the names of the levels, from the most rewriting to none.
func Levels() []string {
	var names []string
	for _, row := range levels {
		names = append(names, row.name)
	}
	return names
}

// Settings say how sessions run. The zero value is one CPU thread and all
// optimisations: what latencies are quoted for.
type Settings struct {
	Threads int   // threads inside an operator; 0 = 1
	Level   Level // graph optimisation
	// DisableQDQFusion keeps QuantizeLinear and DequantizeLinear as they are
	// in the graph (fake quantisation) instead of using integer kernels.
	DisableQDQFusion bool
	Provider         string // execution provider such as "CUDA"; "" = CPU
	// ProfilePrefix makes every session write a Chrome trace of its kernels
	// to <prefix>_<time>.json when it is closed; "" = no profile.
	ProfilePrefix string
	// NoSpinning lets idle threads sleep at once. Use it when several
	// sessions with more than one thread are alive: spinning ones steal
	// processor time from each other.
	NoSpinning bool
	// SharedArena takes working memory from one arena of the process instead
	// of one a session: many sessions that run in turn, such as training
	// graphs, then reuse the same pages.
	SharedArena bool
}

// Engine makes the function that loads models with these settings.
func (r *Runtime) Engine(s Settings) onnx.Engine {
	return func(m *onnx.Model) (onnx.Runner, error) { return newSession(m, s) }
}

func newSession(m *onnx.Model, s Settings) (*session, error) {
	data, err := onnx.Marshal(m)
	if err != nil {
		return nil, err
	}
	opts, err := s.options()
	if err != nil {
		return nil, err
	}
	defer opts.Destroy()
	ins, outs := names(m.Graph.Inputs), names(m.Graph.Outputs)
	if len(outs) == 0 {
		return nil, fmt.Errorf("ort: load %q: the graph has no outputs", m.Graph.Name)
	}
	inner, err := onnxruntime_go.NewDynamicAdvancedSessionWithONNXData(data, ins, outs, opts)
	if err != nil {
		return nil, fmt.Errorf("ort: load %q: %w", m.Graph.Name, err)
	}
	r := &session{
		name:    m.Graph.Name,
		inputs:  slices.Clone(m.Graph.Inputs),
		outputs: slices.Clone(m.Graph.Outputs),
		inner:   inner,
	}
	// A runner that nobody closed: its frames pin Go memory, and Go ends the
	// program when pinned memory is collected.
	runtime.SetFinalizer(r, func(r *session) { _ = r.Close() })
	return r, nil
}

func names(values []onnx.ValueInfo) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.Name
	}
	return out
}

// options translates the settings; the caller destroys the result.
func (s Settings) options() (*onnxruntime_go.SessionOptions, error) {
	if s.Level < 0 || int(s.Level) >= len(levels) {
		return nil, fmt.Errorf("ort: settings: no optimisation level %d", s.Level)
	}
	if s.Threads < 0 {
		return nil, fmt.Errorf("ort: settings: %d threads (0 means 1)", s.Threads)
	}
	o, err := onnxruntime_go.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("ort: settings: %w (the library is not open)", err)
	}
	if err := s.apply(o); err != nil {
		o.Destroy()
		return nil, err
	}
	return o, nil
}

func (s Settings) apply(o *onnxruntime_go.SessionOptions) error {
	steps := []struct {
		what string
		when bool
		do   func() error
	}{
		{"threads", true, func() error { return o.SetIntraOpNumThreads(max(1, s.Threads)) }},
		{"inter-op threads", true, func() error { return o.SetInterOpNumThreads(1) }},
		{"level", true, func() error { return o.SetGraphOptimizationLevel(levels[s.Level].ort) }},
		{"spinning", s.NoSpinning, func() error {
			return o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0")
		}},
		{"QDQ fusion", s.DisableQDQFusion, func() error {
			return o.AddSessionConfigEntry("session.disable_quant_qdq", "1")
		}},
		{"shared arena", s.SharedArena, func() error {
			if err := shareArena(); err != nil {
				return err
			}
			return o.AddSessionConfigEntry("session.use_env_allocators", "1")
		}},
		{"profile", s.ProfilePrefix != "", func() error { return o.EnableProfiling(s.ProfilePrefix) }},
		{"provider " + s.Provider, s.Provider != "", func() error { return appendProvider(o, s.Provider) }},
	}
	for _, step := range steps {
		if !step.when {
			continue
		}
		if err := step.do(); err != nil {
			return fmt.Errorf("ort: settings: %s: %w", step.what, err)
		}
	}
	return nil
}

// arena is the process's shared arena: registered once, never freed.
var arena struct {
	once sync.Once
	err  error
}

func shareArena() error {
	arena.once.Do(func() {
		info, err := onnxruntime_go.GetMemoryInfo()
		if err != nil {
			arena.err = err
			return
		}
		cfg, err := onnxruntime_go.NewArenaCfgV2(map[string]int{})
		if err != nil {
			arena.err = err
			return
		}
		defer cfg.Destroy()
		arena.err = onnxruntime_go.CreateAndRegisterAllocator(info, cfg)
	})
	return arena.err
}
