package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hanas/latency"
	"hanas/space"
)

// vpuNets are nn-Meter's networks that are known here.
var vpuNets = map[string]string{
	"mobilenetv1_0": "mobilenet-v1", "mobilenetv2_0": "mobilenet-v2", "mobilenetv3large_0": "mobilenet-v3-large",
	"mobilenetv3small_0": "mobilenet-v3-small", "mnasnet_0": "mnasnet-b1", "proxylessnas_0": "proxyless-mobile",
	"resnet18_0": "resnet18", "resnet34_0": "resnet34", "resnet50_0": "resnet50",
	"vgg11_0": "vgg11", "vgg13_0": "vgg13", "vgg16_0": "vgg16", "vgg19_0": "vgg19",
}

// movidius fits nn-Meter's predictions for the Myriad X, in half precision.
func movidius(data string) ([]latency.Roofline, error) {
	text, err := os.ReadFile(filepath.Join(data, "lut", "nnmeter_predictions.txt"))
	if err != nil {
		return nil, err
	}
	var nets []net
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), ", ")
		if len(f) != 5 || !strings.HasPrefix(f[2], "myriadvpu") || f[1] == "nn-meter-ir" { // the same figures as tensorflow's
			continue
		}
		stem, _, _ := strings.Cut(f[0], ".")
		name, ok := vpuNets[stem]
		if !ok || seen[stem+f[4]] {
			continue
		}
		seen[stem+f[4]] = true
		layers, err := layersOf(name)
		if err != nil {
			return nil, err
		}
		ms, err := strconv.ParseFloat(f[4], 64)
		if err != nil {
			return nil, err
		}
		nets = append(nets, net{f[1] + stem, latency.Measured{Layers: layers, Ms: ms}})
	}
	fmt.Println("movidius-vpu: nn-Meter's predictions for the Myriad X")
	m, err := judged(latency.Roofline{Runtime: "OpenVINO 2019 R2", Precision: "float", Fitted: latency.RooflineFit{To: "nn-Meter's predictions (not measurements) for the Myriad X"}}, nets, vpuPrior(), 0)
	return []latency.Roofline{m}, err
}

// vpuPrior is the roofline of the public specification: 1 TOP/s of dense
// neural arithmetic (0.5 TMAC/s in half precision), a tenth of it outside dense
// convolutions, and LPDDR4 at 12.8 GB/s.
func vpuPrior() *latency.Roofline {
	p := &latency.Roofline{PerMMAC: map[string]float64{}, PerLayer: map[string]float64{}, PerMB: 1e6 / 12.8e9 * 1e3, PerWMB: 1e6 / 12.8e9 * 1e3}
	for _, kind := range []space.Kind{space.Conv, space.Pointwise, space.Depthwise, space.Linear, space.SE, space.Pool, space.Add} {
		p.PerLayer[string(kind)] = .05
		p.PerMMAC[string(kind)] = 1e6 / .5e12 * 1e3
	}
	p.PerMMAC[string(space.Depthwise)] *= 10
	return p
}
