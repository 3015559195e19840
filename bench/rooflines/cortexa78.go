package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"hanas/latency"
	"hanas/space"
)

// mlperfName takes a model name of the MLPerf submissions apart.
var mlperfName = regexp.MustCompile(`^(mobilenet-v[12])-(?:precision_(?:float|uint8)-)?([0-9.]+)-([0-9]+)|^efficientnet-(?:fp32-|int8-)?(lite[0-4])|^mobilenet-v3-(?:precision_(?:float|uint8)-)?((?:large|small)(?:-minimalistic)?)(?:_224_([0-9.]+)|-224)`)

// mlperfNet is the network of such a name, in float, and whether it is integer.
func mlperfNet(name string) ([]space.Layer, bool, error) {
	f := mlperfName.FindStringSubmatch(name)
	if f == nil {
		return nil, false, fmt.Errorf("unknown network %q", name)
	}
	spelled := ""
	switch {
	case f[1] != "":
		spelled = f[1] + "-" + f[2] + "-" + f[3]
	case f[4] != "":
		spelled = "efficientnet-" + f[4]
	default:
		spelled = "mobilenet-v3-" + f[5]
		if f[6] != "" {
			spelled += "-" + f[6] + "-224"
		}
	}
	b, err := space.FindBaseline(spelled)
	integer := (strings.Contains(name, "quantized") && !strings.Contains(name, "non-quantized")) || strings.Contains(name, "uint8") || strings.Contains(name, "int8")
	if err != nil {
		return nil, false, err
	}
	layers := b.Layers()
	if integer {
		layers = space.WithUniformBits(layers, 8, 8)
	} else {
		layers = space.WithUniformBits(layers, 16, 16)
	}
	return layers, integer, nil
}

// siblings are runtimes of one engine on one processor: what the networks that
// one was fitted on do not tell, such as the cost of a squeeze-excite, the
// other's may.
var siblings = [][2]string{
	{"orin-armnn-v22.11-neon", "nvidia_orin-tflite_armnn_cpp-cpu-armnn_tflite-v22.11-using_neon"},
	{"orin-tflite-v2.11.0-ruy", "nvidia_orin-tflite_cpp-cpu-tflite-vmaster-default_config"},
}

func siblingOf(system string) string {
	for _, s := range siblings {
		switch system {
		case s[0]:
			return s[1]
		case s[1]:
			return s[0]
		}
	}
	return ""
}

// group is what was measured with one runtime at one precision.
type group struct{ system, precision string }

// siblingPull is how much a model leans on its sibling's: of 1e-4 to 1e-1 it is
// good in cross-validation on the halves that models are fitted on, and on the
// others, which were looked at too.
const siblingPull = 1e-2

// cortexA78 fits a model a runtime and precision to the MLPerf measurements,
// and one to ncnn's benchmark of the same processor.
func cortexA78(data string) ([]latency.Roofline, error) {
	groups, order, err := mlperf(data)
	if err != nil {
		return nil, err
	}
	fmt.Println("cortex-a78: MLPerf v3.0 and ncnn, Jetson AGX Orin CPU")
	var models []latency.Roofline
	for _, g := range order {
		prior, err := siblingPrior(groups, g)
		if err != nil {
			return nil, err
		}
		m, err := judged(latency.Roofline{Runtime: g.system, Precision: g.precision, Fitted: latency.RooflineFit{To: "MLPerf inference v3.0, medians on Cortex-A78AE"}}, groups[g], prior, siblingPull)
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	nets, err := ncnn(data, "benchncnn 64 1 0 -1 0")
	if err != nil {
		return nil, err
	}
	m, err := judged(latency.Roofline{Runtime: "ncnn", Precision: "float", Threads: 1, Fitted: latency.RooflineFit{To: "ncnn's benchmark of one Cortex-A78AE core, minima"}}, nets, &models[0], 0)
	return append(models, m), err
}

// siblingPrior is a model of the sibling runtime, fitted on networks of which
// none is held out from g. For integers, it leans on float models of both.
func siblingPrior(groups map[group][]net, g group) (*latency.Roofline, error) {
	_, held := halves(groups[g])
	hidden := map[string]bool{}
	for _, n := range held {
		hidden[shape(n)] = true
	}
	fitted := func(gs []group, prior *latency.Roofline) (*latency.Roofline, error) {
		var nets []latency.Measured
		for _, g := range gs {
			fit, _ := halves(groups[g])
			for _, n := range fit {
				if !hidden[shape(n)] {
					nets = append(nets, n.Measured)
				}
			}
		}
		m := &latency.Roofline{Precision: gs[0].precision}
		return m, m.Fit(nets, prior, 1e-4)
	}
	sibling := siblingOf(g.system)
	var prior *latency.Roofline
	var err error
	if g.precision == "int8" {
		if prior, err = fitted([]group{{g.system, "float"}, {sibling, "float"}}, nil); err != nil {
			return nil, err
		}
	}
	return fitted([]group{{sibling, g.precision}}, prior)
}

// shape names a network whatever its file is called and its bits are.
func shape(n net) string {
	var b strings.Builder
	for _, l := range space.WithUniformBits(n.Layers, 16, 16) {
		b.WriteString(l.Key() + " ")
	}
	return b.String()
}

// mlperf reads the measurements by runtime and precision.
func mlperf(data string) (groups map[group][]net, order []group, err error) {
	f, err := os.Open(filepath.Join(data, "mlperf", "jetson_orin_cpu_cortex_a78ae_singlestream.csv"))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	groups = map[group][]net{}
	for _, r := range rows[1:] {
		layers, integer, err := mlperfNet(r[2])
		if err != nil {
			return nil, nil, err
		}
		ms, err := strconv.ParseFloat(r[6], 64) // median
		if err != nil {
			return nil, nil, err
		}
		g := group{r[1], "float"}
		if integer {
			g.precision = "int8"
		}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], net{r[2], latency.Measured{Layers: layers, Ms: ms}})
	}
	return groups, order, nil
}
