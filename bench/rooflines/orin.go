package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hanas/latency"
	"hanas/space"
)

// ncnnNets are the benchmark's networks that are known here.
var ncnnNets = map[string]string{
	"mobilenet": "mobilenet-v1", "mobilenet_v2": "mobilenet-v2", "mobilenet_v3": "mobilenet-v3-large", "mnasnet": "mnasnet-b1",
	"proxylessnasnet": "proxyless-mobile", "efficientnet_b0": "efficientnet-b0", "resnet18": "resnet18", "resnet50": "resnet50", "vgg16": "vgg16",
}

// ncnn reads the minima of one run of ncnn's benchmark.
func ncnn(data, command string) ([]net, error) {
	text, err := os.ReadFile(filepath.Join(data, "ncnn", "jetson_agx_orin.txt"))
	if err != nil {
		return nil, err
	}
	_, part, ok := strings.Cut(string(text), command+"\n")
	if !ok {
		return nil, fmt.Errorf("the ncnn file has no run %q", command)
	}
	part, _, _ = strings.Cut(part, "$ ")
	var nets []net
	for _, m := range regexp.MustCompile(`(?m)^ *(\w+) +min = +([0-9.]+)`).FindAllStringSubmatch(part, -1) {
		name, ok := ncnnNets[m[1]]
		if !ok {
			continue
		}
		layers, err := layersOf(name)
		if err != nil {
			return nil, err
		}
		ms, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, err
		}
		nets = append(nets, net{m[1], latency.Measured{Layers: layers, Ms: ms}})
	}
	return nets, nil
}

// jetsonOrin fits the Orin GPU through Vulkan, in half precision.
func jetsonOrin(data string) ([]latency.Roofline, error) {
	nets, err := ncnn(data, "benchncnn 128 1 0 0 0")
	if err != nil {
		return nil, err
	}
	fmt.Println("jetson-orin: ncnn, Orin GPU through Vulkan, minima")
	ratios, err := v100Ratios(data)
	if err != nil {
		return nil, err
	}
	fmt.Printf("V100 TensorRT, INT8 over FP16, medians: %v\n", ratios)
	float, err := judged(latency.Roofline{Runtime: "ncnn Vulkan FP16", Precision: "float", Fitted: latency.RooflineFit{To: "ncnn's benchmark of the Orin GPU"}}, nets, orinPrior(), 0)
	if err != nil {
		return nil, err
	}
	int8 := scaled(float, ratios)
	for name, published := range map[string]float64{"mobilenet-v3-large": 38, "efficientnet-b0": 52, "fbnet-c": 25} {
		layers, err := layersOf(name)
		if err != nil {
			return nil, err
		}
		fmt.Printf("  %s INT8: %.2f ms here, %.0f ms in the paper's table\n", name, int8.Price(space.WithUniformBits(layers, 8, 8)), published)
	}
	return []latency.Roofline{float, int8}, nil
}

// orinPrior is the roofline of the public specification: 10.6 TFLOP/s of half
// precision outside the tensor cores (5.3 TMAC/s) and 204.8 GB/s, with the
// launch of a kernel at 15 us.
func orinPrior() *latency.Roofline {
	perMMAC := 1e6 / 5.3e12 * 1e3
	p := &latency.Roofline{PerMMAC: map[string]float64{}, PerLayer: map[string]float64{}, PerMB: 1e6 / 204.8e9 * 1e3, PerWMB: 1e6 / 204.8e9 * 1e3}
	for _, kind := range []space.Kind{space.Conv, space.Pointwise, space.Depthwise, space.Linear, space.SE, space.Pool, space.Add} {
		p.PerLayer[string(kind)] = .015
		if kind != space.Pool && kind != space.Add {
			p.PerMMAC[string(kind)] = perMMAC
		}
	}
	return p
}

// scaled is the float model with its arithmetic and traffic at the ratio that
// TensorRT shows between INT8 and FP16 elsewhere. On the V100 the medians are
// above 1: small batches of small convolutions gain nothing from INT8 there.
func scaled(m latency.Roofline, ratios map[string]float64) latency.Roofline {
	out := m
	out.Precision, out.Runtime = "int8", "TensorRT INT8 (scaled)"
	out.PerMMAC = map[string]float64{}
	for k, v := range m.PerMMAC {
		out.PerMMAC[k] = v
		if r, ok := ratios[k]; ok {
			out.PerMMAC[k] = v * r
		}
	}
	out.Fitted = latency.RooflineFit{To: "the float model times V100 TensorRT's median INT8/FP16 ratio of each operator; no integer measurement", MAPE: m.Fitted.MAPE, Tau: m.Fitted.Tau, Nets: m.Fitted.Nets}
	return out
}

// v100Ratios are the median ratios of INT8 to FP16 over the convolutions that
// TensorRT ran in both, by operator.
func v100Ratios(data string) (map[string]float64, error) {
	times := func(file string) (map[string]float64, error) {
		text, err := os.ReadFile(filepath.Join(data, "lut", "v100_tensorrt", file))
		out := map[string]float64{}
		for line := range strings.Lines(string(text)) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
			if ms, err := strconv.ParseFloat(value, 64); ok && err == nil && ms > 0 {
				out[key] = ms
			}
		}
		return out, err
	}
	half, err := times("conv_data.out.fp16")
	if err != nil {
		return nil, err
	}
	whole, err := times("conv_data.out.int8")
	if err != nil {
		return nil, err
	}
	all := map[string][]float64{}
	for key, ms := range whole {
		f := strings.Split(key, ",")
		if h := half[key]; h > 0 && len(f) > 6 {
			kind := "conv"
			switch {
			case f[0] == "{Depthwise":
				kind = "depthwise"
			case f[6] == "1":
				kind = "pointwise"
			}
			all[kind] = append(all[kind], ms/h)
		}
	}
	out := map[string]float64{}
	for kind, ratios := range all {
		slices.Sort(ratios)
		out[kind] = ratios[len(ratios)/2]
	}
	if len(out) != 3 {
		return nil, errors.New("some operator has no convolution in both INT8 and FP16")
	}
	return out, nil
}
