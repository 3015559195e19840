package ort

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/yalue/onnxruntime_go"

	"hanas/onnx"
)

// providers are the execution providers that a build of the library may hold,
// and how each is asked for. CPU is always there and always last in line.
var providers = []struct {
	name string
	add  func(*onnxruntime_go.SessionOptions) error
}{
	{"CPU", func(*onnxruntime_go.SessionOptions) error { return nil }},
	{"CUDA", addCUDA},
	{"TensorRT", addTensorRT},
	{"OpenVINO", func(o *onnxruntime_go.SessionOptions) error { return o.AppendExecutionProviderOpenVINO(nil) }},
	{"CoreML", addNamed("CoreML")},
	{"DirectML", addDirectML},
	{"QNN", addNamed("QNN")},
	{"XNNPACK", addNamed("XNNPACK")},
	{"ACL", addNamed("ACL")},
	{"WebGPU", addWebGPU},
}

func addNamed(name string) func(*onnxruntime_go.SessionOptions) error {
	return func(o *onnxruntime_go.SessionOptions) error { return o.AppendExecutionProvider(name, nil) }
}

func addCUDA(o *onnxruntime_go.SessionOptions) error {
	p, err := onnxruntime_go.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer p.Destroy()
	return o.AppendExecutionProviderCUDA(p)
}

func addTensorRT(o *onnxruntime_go.SessionOptions) error {
	p, err := onnxruntime_go.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer p.Destroy()
	return o.AppendExecutionProviderTensorRT(p)
}

// addWebGPU asks only when there is a graphics device: without one the library
// writes warnings of its own to stderr.
func addWebGPU(o *onnxruntime_go.SessionOptions) error {
	if devices, _ := filepath.Glob("/dev/dri/renderD*"); runtime.GOOS == "linux" && len(devices) == 0 {
		return fmt.Errorf("there is no graphics device")
	}
	return o.AppendExecutionProvider("WebGPU", nil)
}

func addDirectML(o *onnxruntime_go.SessionOptions) error {
	if runtime.GOOS != "windows" {
		return fmt.Errorf("DirectML is for Windows only")
	}
	return o.AppendExecutionProviderDirectML(0)
}

// appendProvider asks for a provider by name, in any case.
func appendProvider(o *onnxruntime_go.SessionOptions, name string) error {
	known := make([]string, len(providers))
	for i, p := range providers {
		if strings.EqualFold(p.name, name) {
			if err := p.add(o); err != nil {
				return fmt.Errorf("not available here: %s (use \"\" for the CPU)", firstLine(err))
			}
			return nil
		}
		known[i] = p.name
	}
	return fmt.Errorf("no such provider (known: %s)", strings.Join(known, ", "))
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// Provider tells whether one execution provider can be used.
type Provider struct {
	Name   string `json:"name"`
	Usable bool   `json:"usable"`        // a session was made with it
	Why    string `json:"why,omitempty"` // why not
}

// Providers tries every provider that the program knows by loading a graph of
// one node with it: some builds accept a provider and fail only then, for
// want of its device.
func (r *Runtime) Providers() []Provider {
	out := make([]Provider, len(providers))
	for i, p := range providers {
		out[i] = Provider{Name: p.name, Usable: true}
		run, err := r.Engine(Settings{Provider: p.name})(probe())
		if err != nil {
			out[i].Usable, out[i].Why = false, firstLine(err)
			continue
		}
		run.Close()
	}
	return out
}

// probe is the smallest useful graph.
func probe() *onnx.Model {
	v := func(name string) onnx.ValueInfo {
		return onnx.ValueInfo{Name: name, DType: onnx.Float, Shape: []int{1}}
	}
	return &onnx.Model{
		Opsets: []onnx.Opset{{Version: 21}},
		Graph: &onnx.Graph{
			Name:    "probe",
			Nodes:   []*onnx.Node{{Op: "Relu", Inputs: []string{"x"}, Outputs: []string{"y"}}},
			Inputs:  []onnx.ValueInfo{v("x")},
			Outputs: []onnx.ValueInfo{v("y")},
		},
	}
}
