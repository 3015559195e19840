package predictor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"hanas/onnx"
	"hanas/samples"
	"hanas/space"
)

// Settings say how a predictor is fitted; zero fields take the defaults.
type Settings struct {
	Kinds   []string // which models compete, of Kinds(); default all
	Members int      // parts that the rows are split into, and models that each learn all parts but one; default 5, at least 2
	// Of kind "mlp".
	Hidden []int   // widths of the layers; default 128, 128
	Epochs int     // passes over the rows; default 120, and fewer above 6,000 rows: about the same number of steps, 12 at least
	Batch  int     // rows a step; default 64, and more above 6,000 rows: a hundredth of them, 256 at most
	Rate   float64 // learning rate at its peak; default 0.002, 0.004 above 6,000 rows
	Decay  float64 // decoupled weight decay; default 1e-4, 1 above 6,000 rows: few passes need much

	Seed     uint64
	Supernet string // hash of the weights that the rows were scored with; only recorded
}

func (s *Settings) defaults() error {
	if len(s.Hidden) == 0 {
		s.Hidden = []int{128, 128}
	}
	if len(s.Kinds) == 0 {
		s.Kinds = Kinds()
	}
	for _, name := range s.Kinds {
		if !slices.Contains(Kinds(), name) {
			return fmt.Errorf("predictor: settings: no kind %q (known: %s)", name, strings.Join(Kinds(), ", "))
		}
	}
	s.Members = max(2, cmp.Or(s.Members, 5))
	return nil
}

// pace fills in how long a network trains on so many rows.
func (s *Settings) pace(rows int) {
	batch, epochs, rate, decay := 64, 120, .002, 1e-4
	if rows > 6000 {
		batch = min(rows/100, 256)
		epochs, rate, decay = max(12, 120*6000/rows), .004, 1
	}
	s.Rate, s.Decay = cmp.Or(s.Rate, rate), cmp.Or(s.Decay, decay)
	s.Batch, s.Epochs = cmp.Or(s.Batch, batch), cmp.Or(s.Epochs, epochs)
}

// Model is a trained predictor. Graph has input "features" [N, F] and outputs
// "accuracy" [N] and "std" [N]: a floor and what the members differ by, such that
// over the rows learned from it is as large as the error of the members on rows
// that they have not seen. The report is in the graph's metadata too.
type Model struct {
	Graph  *onnx.Model
	Report Report
}

// Report says which kind of model won, and against what.
type Report struct {
	Kind string `json:"kind"`
	Rows int    `json:"rows"` // learned from
	// Base is how many rows the predictor learned from that this one was fitted
	// on; 0 = none was.
	Base int `json:"base,omitempty"`
	// Origin is the file that an imported model comes from, with its hash; such
	// a model has no figures of its own.
	Origin string `json:"origin,omitempty"`
	// CrossValidated judges every kind that competed, each row predicted by a
	// model that has not seen it.
	CrossValidated map[string]Metrics `json:"cross_validated"`
	TauMACs        float64            `json:"tau_macs"`  // tau of MACs alone on the same rows: a predictor that is not above it is of no use
	StdScale       float64            `json:"std_scale"` // by which the members' spread was multiplied
	StdFloor       float64            `json:"std_floor"` // least std, standardised
}

// Useful says whether the model ranks better than MACs alone, and than chance.
func (r Report) Useful() bool { return r.CrossValidated[r.Kind].Tau > max(0, r.TauMACs) }

// A kind is a way to learn accuracies.
type kind struct {
	name    string
	maxRows int // it does not compete on more; 0 = no bound
	fit     func(context.Context, onnx.Engine, *data, Settings) (*fitted, error)
}

// kinds is the table of all ways to learn, simplest first.
var kinds = []kind{
	{"ridge", 0, fitRidge},
	{"kernel", 4000, fitKernel}, // its cost rises with the cube of the rows
	{"mlp", 0, fitMLP},
}

// Kinds names the models that can compete.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// fitted is a trained model of some kind.
type fitted struct {
	// unseen predicts each row by the member that did not learn it, standardised.
	unseen []float64
	// spread is what all members differ by on each row, standardised.
	spread []float64
	// emit writes the model on scaled features [N,F]: the prediction [N,1] and
	// those of the members [N,K], standardised.
	emit func(b *onnx.Builder, x onnx.Value) (mean, members onnx.Value)
}

// spreadShare is how much of the variance the members' spread decides; the rest
// is the same for all networks. The members differ less on a network that none
// of them learned than on one that all but one did, so that the spread alone,
// scaled on the latter, says too little: on 400 held-out measured networks only
// 0.82 lay within 1.96 deviations.
const spreadShare = 0.25

// minRows is what a fit needs at least.
const minRows = 16

// Fit learns from rows with every kind of Settings.Kinds, and returns the one
// with the least error on rows that it has not seen. The same seed gives the
// same bytes. Repeats of an Arch count as one row with their mean. Rows must be of sp; an accuracy that is not finite is an error
// that names the row.
func Fit(ctx context.Context, engine onnx.Engine, sp *space.Space, rows []samples.Sample, set Settings) (*Model, error) {
	return fitOn(ctx, engine, sp, samples.Distinct(rows), nil, set)
}

// fitOn is Fit of distinct rows whose accuracies lack an offset each; nil = none.
func fitOn(ctx context.Context, engine onnx.Engine, sp *space.Space, rows []samples.Sample, offset []float64, set Settings) (*Model, error) {
	if err := set.defaults(); err != nil {
		return nil, err
	}
	if len(rows) < minRows {
		return nil, fmt.Errorf("predictor: fit: %d rows (needs %d or more: raise sample.count)", len(rows), minRows)
	}
	x, y, err := table(sp, rows)
	if err != nil {
		return nil, err
	}
	set.pace(len(rows))
	d := standardise(x, y, sp.FeatureCount())
	d.lift, d.offset = newLift(sp), offset
	d.blind(sp)
	d.split(set)
	report := Report{Rows: len(rows), CrossValidated: map[string]Metrics{}, TauMACs: tauMACs(rows, offset)}
	var best *fitted
	for _, k := range kinds {
		if !slices.Contains(set.Kinds, k.name) || k.maxRows > 0 && len(rows) > k.maxRows {
			continue
		}
		f, err := k.fit(ctx, engine, d, set)
		if err != nil {
			return nil, fmt.Errorf("predictor: fit %s: %w", k.name, err)
		}
		m := Compare(d.accuracies(f.unseen), d.accuracies(d.y))
		report.CrossValidated[k.name] = m
		if best == nil || m.RMSEpp < report.CrossValidated[report.Kind].RMSEpp {
			best, report.Kind = f, k.name
		}
	}
	if best == nil {
		return nil, fmt.Errorf("predictor: fit: no kind of %v takes %d rows (add \"mlp\")", set.Kinds, len(rows))
	}
	wrong := rms(residuals(best.unseen, d.y))
	report.StdScale = wrong * math.Sqrt(spreadShare) / max(rms(best.spread), 1e-9)
	report.StdFloor = wrong * math.Sqrt(1-spreadShare)
	return assemble(sp, d, best, report, set)
}

func tauMACs(rows []samples.Sample, offset []float64) float64 {
	macs, truth := make([]float64, len(rows)), make([]float64, len(rows))
	for i, r := range rows {
		if macs[i], truth[i] = float64(r.MACs), r.Accuracy; offset != nil {
			truth[i] += offset[i]
		}
	}
	return Kendall(macs, truth)
}

func residuals(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

func rms(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum / float64(len(v)))
}

// assemble writes a model as one graph over raw features.
func assemble(sp *space.Space, d *data, f *fitted, report Report, set Settings) (*Model, error) {
	b := onnx.NewBuilder("predictor")
	b.Opset("", 13)
	x := b.Input("features", onnx.Float, -1, d.width)
	x = b.Op("Sub", []onnx.Value{x, b.Init("mean", onnx.From(d.mean, d.width))})
	x = b.Op("Mul", []onnx.Value{x, b.Init("inverse", onnx.From(d.inverse, d.width))})
	mean, members := f.emit(b, x)
	centre := b.Op("ReduceMean", []onnx.Value{members}, onnx.Ints("axes", 1))
	diff := b.Op("Sub", []onnx.Value{members, centre})
	variance := b.Op("ReduceMean", []onnx.Value{b.Op("Mul", []onnx.Value{diff, diff})}, onnx.Ints("axes", 1), onnx.Int("keepdims", 0))
	mean = b.Op("Squeeze", []onnx.Value{mean, b.ConstInts("last", 1)})
	mean = b.Op("Mul", []onnx.Value{mean, b.ConstFloat("size", float32(d.targetStd))})
	b.Output(b.Name(b.Op("Add", []onnx.Value{mean, b.ConstFloat("centre", float32(d.target))}), "accuracy"))
	square := func(v float64) float32 { v *= d.targetStd; return float32(v * v) }
	variance = b.Op("Mul", []onnx.Value{variance, b.ConstFloat("spread", square(report.StdScale))})
	variance = b.Op("Add", []onnx.Value{variance, b.ConstFloat("floor", square(report.StdFloor))})
	std := b.Op("Sqrt", []onnx.Value{variance})
	b.Output(b.Name(std, "std"))
	g, err := b.Build()
	if err != nil {
		return nil, fmt.Errorf("predictor: %s: %w", report.Kind, err)
	}
	settings, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("predictor: settings: %w", err)
	}
	g.SetMeta("hanas.space", sp.Name)
	g.SetMeta("hanas.space_hash", sp.Hash())
	g.SetMeta("hanas.features_hash", featuresHash(sp))
	g.SetMeta("hanas.supernet", set.Supernet)
	g.SetMeta("hanas.rows", fmt.Sprint(report.Rows))
	g.SetMeta("hanas.settings", string(settings))
	m := &Model{g, report}
	return m, m.record()
}

// record writes the report into the graph.
func (m *Model) record() error {
	js, err := json.Marshal(m.Report)
	if err != nil {
		return fmt.Errorf("predictor: report: %w", err)
	}
	m.Graph.SetMeta("hanas.fit", string(js))
	return nil
}

// featuresHash changes when the columns of a space's features do.
func featuresHash(sp *space.Space) string {
	sum := sha256.Sum256([]byte(strings.Join(sp.FeatureNames(), "\n")))
	return hex.EncodeToString(sum[:])
}

// split deals the rows, shuffled, to as many folds as there are members.
func (d *data) split(set Settings) {
	d.fold = make([]int, len(d.y))
	for n, i := range rand.New(rand.NewPCG(set.Seed, 0)).Perm(len(d.y)) {
		d.fold[i] = n % set.Members
	}
}
