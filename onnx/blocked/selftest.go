package blocked

import (
	"context"
	"math"
	"math/rand/v2"

	"hanas/onnx"
)

// SelfTest finds the block size of the engine's nchwc kernels: 16, 8, or 0
// when it has none that compute what this package relies on. Callers then use
// grad.Build and the plain graph. An error is a fault of the engine other than
// not having the kernels.
func SelfTest(engine onnx.Engine) (int, error) {
	for _, block := range []int{16, 8} {
		ok, err := selfTest(engine, block)
		if err != nil {
			return 0, err
		}
		if ok {
			return block, nil
		}
	}
	return 0, nil
}

// selfTest runs a padded 3x3 depthwise convolution of stride 2 with bias over
// images side by side and compares it with its definition.
func selfTest(engine onnx.Engine, block int) (bool, error) {
	const h, w, k, oh, ow = 5, 6, 3, 3, 3
	info := func(name string, shape ...int) onnx.ValueInfo {
		return onnx.ValueInfo{Name: name, DType: onnx.Float, Shape: shape}
	}
	m := &onnx.Model{
		Opsets: []onnx.Opset{{Version: onnx.DefaultOpset}, {Domain: onnx.NCHWc, Version: 1}},
		Graph: &onnx.Graph{
			Name: "selftest",
			Nodes: []*onnx.Node{{Op: "Conv", Domain: onnx.NCHWc, Inputs: []string{"x", "w", "b"}, Outputs: []string{"y"}, Attrs: []onnx.Attr{
				onnx.Int("group", block), onnx.Ints("kernel_shape", k, k), onnx.Ints("strides", 2, 2), onnx.Ints("pads", 1, 1, 1, 1),
			}}},
			Inputs:  []onnx.ValueInfo{info("x", 1, block, h, w), info("w", block, 1, k, k), info("b", block)},
			Outputs: []onnx.ValueInfo{info("y", 1, block, oh, ow)},
		},
	}
	run, err := engine(m)
	if err != nil {
		return false, nil // the engine does not know the domain
	}
	defer run.Close()
	rng := rand.New(rand.NewPCG(1, uint64(block)))
	in := make([]*onnx.Tensor, 3)
	for i, v := range m.Graph.Inputs {
		in[i] = onnx.NewTensor(onnx.Float, v.Shape...)
		for j := range in[i].Floats() {
			in[i].Floats()[j] = float32(rng.NormFloat64())
		}
	}
	out := []*onnx.Tensor{onnx.NewTensor(onnx.Float, 1, block, oh, ow)}
	if err := run.Run(context.Background(), in, out); err != nil {
		return false, nil // kernels of another block size refuse the shapes
	}
	x, f, bias, y := in[0].Floats(), in[1].Floats(), in[2].Floats(), out[0].Floats()
	for lane := range block {
		for i := range oh {
			for j := range ow {
				want := float64(bias[lane])
				for a := range k {
					for b := range k {
						r, c := 2*i-1+a, 2*j-1+b
						if r >= 0 && r < h && c >= 0 && c < w {
							want += float64(x[(r*w+c)*block+lane]) * float64(f[(a*k+b)*block+lane])
						}
					}
				}
				if math.Abs(want-float64(y[(i*ow+j)*block+lane])) > 1e-4 {
					return false, nil
				}
			}
		}
	}
	return true, nil
}
