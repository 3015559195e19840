package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hanas/latency"
)

// table1Figures are the columns of the paper's Table 1.
var table1Figures = []string{"top1_percent", "latency_ms", "params_m", "memory_mb", "power_w"}

// table1Published is the paper's Table 1 (Jetson Orin, INT8, batch 1): the
// model, the network that stands for it here unless another is given, and its
// figures in the order of table1Figures.
var table1Published = []struct {
	model, net string
	figures    [5]float64
}{
	{"mobilenet-v3-large", "baseline:mobilenet-v3-large", [5]float64{75.2, 38, 5.4, 22, 4.8}},
	{"efficientnet-b0", "baseline:efficientnet-b0", [5]float64{77.1, 52, 5.3, 20, 5.2}},
	{"fbnet-c", "baseline:fbnet-c", [5]float64{74.9, 25, 5.5, 18, 3.9}},
	{"once-for-all", "", [5]float64{76.4, 22, 6.0, 24, 4.2}},
	{"ha-nas", "", [5]float64{79.8, 12, 4.2, 16, 2.8}},
}

// table1Figure is a published figure and what was obtained.
type table1Figure struct {
	Published  float64  `json:"published"`
	Obtained   *float64 `json:"obtained"`             // null: nobody can know without what Needs says
	Provenance string   `json:"provenance,omitempty"` // measured, imported or modelled
	From       string   `json:"from,omitempty"`       // how it was obtained
	Needs      string   `json:"needs,omitempty"`      // what to bring
}

// table1Row is a model's figures, keyed by table1Figures.
type table1Row struct {
	Model   string                   `json:"model"`
	Figures map[string]*table1Figure `json:"figures"`
}

// table1Answer is what `hanas reproduce table1 --json` prints.
type table1Answer struct {
	Device string      `json:"device"`
	WBits  int         `json:"wbits"`
	ABits  int         `json:"abits"`
	Rows   []table1Row `json:"rows"`
}

type table1Flags struct {
	nets, validations map[string]string // by model
	estimate          estimateFlags
}

func (a *app) reproduceTable1Command() *cobra.Command {
	f := table1Flags{estimate: estimateFlags{device: "jetson-orin", wbits: 8, abits: 8}}
	cmd := &cobra.Command{
		Use:   "table1",
		Short: "The paper's Table 1: four baselines and HA-NAS on Jetson Orin in INT8",
		Long: `Prints the rows of Table 1, published beside obtained. Each obtained figure is
marked measured, imported or modelled; a figure that cannot be known here is
empty, and the notes say what to bring. Parameters and memory are computed from
the network's layers, latency and power come from the device's table or model.`,
		Example: `  hanas reproduce table1
  hanas reproduce table1 --net once-for-all=net.config --json
  hanas reproduce table1 --validation fbnet-c=fbnet-c.json   # of hanas validate --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			answer, err := f.answer()
			if err != nil {
				return err
			}
			return a.print(answer, answer.text)
		},
	}
	fl := cmd.Flags()
	fl.StringToStringVar(&f.nets, "net", nil, "MODEL=FILE: net.config (or baseline:NAME) that stands for a model")
	fl.StringToStringVar(&f.validations, "validation", nil, "MODEL=FILE: output of hanas validate --json on ImageNet for a model")
	fl.StringVar(&f.estimate.device, "device", f.estimate.device, "device or device file (see hanas latency devices)")
	fl.IntVar(&f.estimate.resolution, "resolution", 0, "image size of the networks (default: each one's own)")
	return cmd
}

// answer obtains what can be obtained.
func (f *table1Flags) answer() (*table1Answer, error) {
	var known []string
	for _, p := range table1Published {
		known = append(known, p.model)
	}
	for _, given := range []map[string]string{f.nets, f.validations} {
		for _, model := range slices.Sorted(maps.Keys(given)) {
			if !slices.Contains(known, model) {
				return nil, usage("no model %q in the table (known: %s)", model, strings.Join(known, ", "))
			}
		}
	}
	out := &table1Answer{Device: f.estimate.device, WBits: f.estimate.wbits, ABits: f.estimate.abits}
	for _, p := range table1Published {
		row := table1Row{p.model, map[string]*table1Figure{}}
		for i, name := range table1Figures {
			row.Figures[name] = &table1Figure{Published: p.figures[i]}
		}
		net := p.net
		if given := f.nets[p.model]; given != "" {
			net = given
		}
		if err := f.costs(row, net); err != nil {
			return nil, err
		}
		if err := row.accuracy(f.validations[p.model]); err != nil {
			return nil, err
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

// costs are parameters, memory, latency and power of a row's network.
func (f *table1Flags) costs(row table1Row, net string) error {
	if net == "" {
		for _, name := range table1Figures[1:] {
			row.Figures[name].Needs = fmt.Sprintf("its network: --net %s=net.config", row.Model)
		}
		return nil
	}
	e := f.estimate
	e.net = net
	var answer estimateAnswer
	layers, err := e.layers(&answer)
	if err != nil {
		return err
	}
	params := int64(0)
	for _, l := range layers {
		params += l.Params()
	}
	row.Figures["params_m"].set(float64(params)/1e6, "modelled", "counted in the layers")
	price, err := e.price(layers, &answer)
	if answer.MemoryBytes > 0 {
		row.Figures["memory_mb"].set(float64(answer.MemoryBytes)/1e6, "modelled", "packed weights and peak of the activations")
	}
	latencyMS, power := row.Figures["latency_ms"], row.Figures["power_w"]
	if missing := (*latency.MissingError)(nil); errors.As(err, &missing) {
		latencyMS.Needs = fmt.Sprintf("%d rows that the table of %s lacks: hanas latency import", len(missing.Keys), e.device)
		power.Needs = latencyMS.Needs
		return nil
	}
	if err != nil {
		return err
	}
	latencyMS.set(price.Ms, kindOfSource(price.Provenance), price.Provenance)
	if price.EnergyMJ > 0 && price.Ms > 0 {
		power.set(price.EnergyMJ/price.Ms, kindOfSource(price.Provenance), price.Provenance)
	} else {
		power.Needs = "energy measured on the device: hanas latency import of a table with energy"
	}
	return nil
}

// accuracy takes the top-1 from an output of hanas validate --json.
func (r table1Row) accuracy(file string) error {
	top1 := r.Figures["top1_percent"]
	if file == "" {
		top1.Needs = fmt.Sprintf("trained weights and ImageNet's 50,000 validation images: hanas validate --json, then --validation %s=FILE", r.Model)
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return badInput(err)
	}
	var v struct {
		Top1 *float64
		N    int
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return badInput(fmt.Errorf("%s: %w", file, err))
	}
	if v.Top1 == nil || *v.Top1 < 0 || *v.Top1 > 1 || v.N < 1 {
		return badInput(fmt.Errorf("%s: no top1 in [0, 1] with n (want the output of hanas validate --json for one classifier)", file))
	}
	top1.set(100**v.Top1, "measured", fmt.Sprintf("%d images, %s", v.N, file))
	return nil
}

func (t *table1Figure) set(value float64, provenance, from string) {
	t.Obtained, t.Provenance, t.From = &value, provenance, from
}

// kindOfSource is the weakest kind that the provenance of a price speaks of.
func kindOfSource(provenance string) string {
	for _, kind := range []string{"modelled", "imported", "measured"} {
		if strings.Contains(provenance, kind) {
			return kind
		}
	}
	return "modelled"
}

func (t *table1Answer) text(w io.Writer) {
	fmt.Fprintf(w, "Table 1, published / obtained, on %s with %d-bit weights and %d-bit activations\n", t.Device, t.WBits, t.ABits)
	rows := [][]string{{"MODEL", "TOP-1 %", "LATENCY MS", "PARAMS M", "MEMORY MB", "POWER W"}}
	notes := map[string][]string{}
	for _, r := range t.Rows {
		cells := []string{r.Model}
		for _, name := range table1Figures {
			f := r.Figures[name]
			cell := fmt.Sprintf("%g / -", f.Published)
			if f.Obtained != nil {
				cell = fmt.Sprintf("%g / %.3g %s", f.Published, *f.Obtained, f.Provenance)
			} else {
				notes[f.Needs] = append(notes[f.Needs], r.Model+" "+name)
			}
			cells = append(cells, cell)
		}
		rows = append(rows, cells)
	}
	columns(w, rows)
	for _, needs := range slices.Sorted(maps.Keys(notes)) {
		fmt.Fprintf(w, "%s: bring %s\n", strings.Join(notes[needs], ", "), needs)
	}
}
