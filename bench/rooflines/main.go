// Command rooflines fits the roofline models of the devices without published
// tables and writes them into their device files. Half of the networks of each
// source are held out.
//
//	go run ./bench/rooflines -data DIR [-write latency/devices]
package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
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

func main() {
	data := flag.String("data", filepath.Join("..", "shared", "data"), "folder with mlperf/, ncnn/ and lut/")
	write := flag.String("write", "", "folder of the device files; empty = print only")
	flag.Parse()
	if err := run(*data, *write); err != nil {
		fmt.Fprintln(os.Stderr, "rooflines:", err)
		os.Exit(1)
	}
}

// net is a whole network with its time.
type net struct {
	name string
	latency.Measured
}

func run(data, write string) error {
	a78, err := cortexA78(data)
	if err != nil {
		return err
	}
	orin, err := jetsonOrin(data)
	if err != nil {
		return err
	}
	vpu, err := movidius(data)
	if err != nil {
		return err
	}
	for device, models := range map[string][]latency.Roofline{"cortex-a78": a78, "jetson-orin": orin, "movidius-vpu": vpu} {
		if write == "" {
			continue
		}
		if err := rewrite(filepath.Join(write, device+".json"), models); err != nil {
			return err
		}
	}
	return nil
}

// rewrite replaces the models of a device file.
func rewrite(path string, models []latency.Roofline) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var d latency.Device
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	d.Models = models
	if err := d.Validate(); err != nil {
		return err
	}
	text, err = json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o666)
}

// halves fits a model on every second network (by name, so that neither half
// is all small or all large) and judges it by the others.
func halves(m latency.Roofline, nets []net, prior *latency.Roofline, pull float64) (latency.Roofline, error) {
	slices.SortFunc(nets, func(a, b net) int { return strings.Compare(a.name, b.name) })
	var fit, held []latency.Measured
	for i, n := range nets {
		if i%2 == 0 {
			fit = append(fit, n.Measured)
		} else {
			held = append(held, n.Measured)
		}
	}
	if err := m.Fit(fit, prior, pull); err != nil {
		return m, err
	}
	q := m.Judge(held)
	in := m.Judge(fit)
	m.Fitted.HeldOut, m.Fitted.MAPE, m.Fitted.Tau = len(held), q.MAPE, q.Tau
	fmt.Printf("%-24s %-6s fitted on %d (%.1f %%), held out %d: MAPE %.1f %%, within 10 %% %.0f %%, tau %.3f\n",
		m.Runtime, m.Precision, len(fit), 100*in.MAPE, len(held), 100*q.MAPE, 100*q.Within10, q.Tau)
	return m, nil
}

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

// cortexA78 fits a model a runtime and precision to the MLPerf measurements.
func cortexA78(data string) ([]latency.Roofline, error) {
	f, err := os.Open(filepath.Join(data, "mlperf", "jetson_orin_cpu_cortex_a78ae_singlestream.csv"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	groups := map[string][]net{}
	var order []string
	for _, r := range rows[1:] {
		layers, integer, err := mlperfNet(r[2])
		if err != nil {
			return nil, err
		}
		ms, err := strconv.ParseFloat(r[6], 64) // median
		if err != nil {
			return nil, err
		}
		key := r[1] + "|float"
		if integer {
			key = r[1] + "|int8"
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], net{r[2], latency.Measured{Layers: layers, Ms: ms}})
	}
	fmt.Println("cortex-a78: MLPerf v3.0, Jetson AGX Orin CPU")
	var models []latency.Roofline
	for _, key := range order {
		system, precision, _ := strings.Cut(key, "|")
		m, err := halves(latency.Roofline{Runtime: system, Precision: precision, Fitted: latency.RooflineFit{To: "MLPerf inference v3.0, medians on Cortex-A78AE"}}, groups[key], nil, 1e-4)
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	return models, nil
}

// ncnnNets are the benchmark's networks that are baselines here.
var ncnnNets = map[string]string{
	"mobilenet": "mobilenet-v1", "mobilenet_v2": "mobilenet-v2", "mobilenet_v3": "mobilenet-v3-large", "mnasnet": "mnasnet-b1",
	"proxylessnasnet": "proxyless-mobile", "efficientnet_b0": "efficientnet-b0",
}

// jetsonOrin fits the Orin GPU through Vulkan, in half precision.
func jetsonOrin(data string) ([]latency.Roofline, error) {
	text, err := os.ReadFile(filepath.Join(data, "ncnn", "jetson_agx_orin.txt"))
	if err != nil {
		return nil, err
	}
	_, gpu, ok := strings.Cut(string(text), "benchncnn 128 1 0 0 0")
	if !ok {
		return nil, errors.New("no GPU section in the ncnn file")
	}
	var nets []net
	for _, m := range regexp.MustCompile(`(?m)^ *(\w+) +min = +([0-9.]+)`).FindAllStringSubmatch(gpu, -1) {
		name, ok := ncnnNets[m[1]]
		if !ok {
			continue
		}
		b, err := space.FindBaseline(name)
		if err != nil {
			return nil, err
		}
		ms, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, err
		}
		nets = append(nets, net{m[1], latency.Measured{Layers: b.Layers(), Ms: ms}})
	}
	fmt.Println("jetson-orin: ncnn, Orin GPU through Vulkan, minima")
	ratios, err := v100Ratios(data)
	if err != nil {
		return nil, err
	}
	fmt.Printf("V100 TensorRT, INT8 over FP16, medians: %v\n", ratios)
	float, err := halves(latency.Roofline{Runtime: "ncnn Vulkan FP16", Precision: "float", Fitted: latency.RooflineFit{To: "ncnn's benchmark of the Orin GPU"}}, nets, orinPrior(), 1)
	if err != nil {
		return nil, err
	}
	int8 := scaled(float, ratios)
	for name, published := range map[string]float64{"mobilenet-v3-large": 38, "efficientnet-b0": 52, "fbnet-c": 25} {
		b, err := space.FindBaseline(name)
		if err != nil {
			return nil, err
		}
		fmt.Printf("  %s INT8: %.2f ms here, %.0f ms in the paper's table\n", name, int8.Price(space.WithUniformBits(b.Layers(), 8, 8)), published)
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

// vpuNets are nn-Meter's networks that are baselines here.
var vpuNets = map[string]string{
	"mobilenetv1_0": "mobilenet-v1", "mobilenetv2_0": "mobilenet-v2", "mobilenetv3large_0": "mobilenet-v3-large",
	"mobilenetv3small_0": "mobilenet-v3-small", "mnasnet_0": "mnasnet-b1", "proxylessnas_0": "proxyless-mobile",
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
		b, err := space.FindBaseline(name)
		if err != nil {
			return nil, err
		}
		ms, err := strconv.ParseFloat(f[4], 64)
		if err != nil {
			return nil, err
		}
		nets = append(nets, net{f[1] + stem, latency.Measured{Layers: b.Layers(), Ms: ms}})
	}
	fmt.Println("movidius-vpu: nn-Meter's predictions for the Myriad X")
	m, err := halves(latency.Roofline{Runtime: "OpenVINO 2019 R2", Precision: "float", Fitted: latency.RooflineFit{To: "nn-Meter's predictions (not measurements) for the Myriad X"}}, nets, vpuPrior(), 1)
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
