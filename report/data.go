package report

import "math"

// Provenance says where a number comes from.
type Provenance string

// The provenances, from the most to the least trustworthy. The zero value
// marks a Figure that does not exist.
const (
	Absent    Provenance = ""
	Measured  Provenance = "measured"  // by this run, on the machine or device that Data names
	Imported  Provenance = "imported"  // measured by others, read from a file
	Predicted Provenance = "predicted" // by a model that was trained on measurements
	Modelled  Provenance = "modelled"  // by a formula
)

// Figure is a number with its provenance. The zero value is an absent one.
type Figure struct {
	Value float64    `json:"value"`
	From  Provenance `json:"from,omitempty"`
	Std   float64    `json:"std,omitempty"` // standard deviation of the measurement, same unit; 0 = unknown
}

// Fig makes a Figure.
func Fig(v float64, from Provenance) Figure { return Figure{Value: v, From: from} }

// Has says whether there is such a number.
func (f Figure) Has() bool {
	return f.From != Absent && !math.IsNaN(f.Value) && !math.IsInf(f.Value, 0)
}

// Data is everything that a report shows. Accuracies are fractions in [0,1],
// times milliseconds, sizes bytes.
type Data struct {
	Title string `json:"title"`
	Run   Run    `json:"run"`

	Front     []Point       `json:"front,omitempty"`     // what the search found, non-dominated
	Devices   []DeviceFront `json:"devices,omitempty"`   // fronts for further devices
	Random    []Point       `json:"random,omitempty"`    // the front of as many random sub-networks
	Scored    []Point       `json:"scored,omitempty"`    // the samples that the predictor learned from, front or not
	Shapes    []Layer       `json:"shapes,omitempty"`    // distinct layers that points name by number
	Baselines []Baseline    `json:"baselines,omitempty"` // networks to compare with, such as the largest at 8 bits
	Progress  []Progress    `json:"progress,omitempty"`  // hypervolume while searching

	Winners   []Winner     `json:"winners,omitempty"` // the exported files
	Gallery   *Gallery     `json:"gallery,omitempty"` // what one of them makes of test images
	Predictor PredictorFit `json:"predictor"`
	Accuracy  []Pair       `json:"accuracy_pairs,omitempty"` // of held-out samples
	Latency   []Pair       `json:"latency_pairs,omitempty"`
	Training  []Step       `json:"training,omitempty"`
	Table     TableSummary `json:"latency_table"`
	Published []Published  `json:"published,omitempty"` // nil = the paper's Table 1
	Stages    []Stage      `json:"stages,omitempty"`
	Notes     []string     `json:"notes,omitempty"` // what a reader must know to read the figures rightly
}

// DeviceFront is what a search for a further device found.
type DeviceFront struct {
	Name   string  `json:"name"`
	Device string  `json:"device"` // of its table or model
	Points []Point `json:"points"`
}

// Run is what was run, and where.
type Run struct {
	Preset  string  `json:"preset"`
	Command string  `json:"command,omitempty"` // that makes this report again
	Version string  `json:"version,omitempty"`
	Seed    uint64  `json:"seed"`
	Seconds float64 `json:"seconds,omitempty"` // of all stages

	Space      string  `json:"space,omitempty"`
	SpaceLog10 float64 `json:"space_log10,omitempty"` // of the number of sub-networks
	Dataset    string  `json:"dataset,omitempty"`
	Images     [3]int  `json:"images"` // train, val, test
	Classes    int     `json:"classes,omitempty"`
	Metric     string  `json:"metric,omitempty"` // what accuracies are: top-1 if empty, or COCO's AP
	ImageSize  int     `json:"image_size,omitempty"`

	Device  string `json:"device,omitempty"`  // that latency is for
	Machine string `json:"machine,omitempty"` // that the run ran on
	Runtime string `json:"runtime,omitempty"`
	Threads int    `json:"threads,omitempty"` // of a latency measurement

	Settings []Setting `json:"settings,omitempty"`
}

// topOne is the metric of classifiers: a share of images.
const topOne = "top-1"

// metric is what the run's accuracies are called, and that of a looser kind
// beside it.
func (d *Data) metric() (name, loose string) {
	switch d.Run.Metric {
	case "", topOne:
		return topOne, "top-5"
	case "AP":
		return "AP", "AP at IoU 0.5"
	}
	return d.Run.Metric, "looser"
}

// accuracyAxis is the label of an axis of accuracies.
func (d *Data) accuracyAxis() string {
	if name, _ := d.metric(); name != topOne {
		return name
	}
	return "top-1 accuracy"
}

// Setting is one line of the configuration.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Point is a sub-network on a front.
type Point struct {
	Arch     string `json:"arch"`
	Accuracy Figure `json:"accuracy"` // as the search saw it
	Measured Figure `json:"measured"` // top-1 when it was really scored
	Latency  Figure `json:"latency_ms"`
	Memory   Figure `json:"memory_bytes"`
	Energy   Figure `json:"energy_mj"`
	WBits    []int  `json:"w_bits,omitempty"` // of each searched layer, in order
	ABits    []int  `json:"a_bits,omitempty"`
	Layers   []int  `json:"layers,omitempty"` // numbers in Data.Shapes, from input to output; nil = not told
}

// Baseline is a named network to compare with.
type Baseline struct {
	Name     string `json:"name"`
	Accuracy Figure `json:"accuracy"`
	Latency  Figure `json:"latency_ms"`
	Memory   Figure `json:"memory_bytes"`
	Arch     string `json:"arch,omitempty"`
}

// Progress is the hypervolume of both searches after as many evaluations.
type Progress struct {
	Evaluations int     `json:"evaluations"`
	Search      float64 `json:"search"`
	Random      float64 `json:"random,omitempty"`
}

// Winner is an exported file.
type Winner struct {
	Name string `json:"name"` // short: A, B, C
	File string `json:"file"`
	Arch string `json:"arch"`
	// Baseline: no choice of the search, shown to hold it against.
	Baseline bool `json:"baseline,omitempty"`

	Top1Val  Figure `json:"top1_val"`
	Top5Val  Figure `json:"top5_val"`
	Top1Test Figure `json:"top1_test"`
	Top5Test Figure `json:"top5_test"`
	TestN    int    `json:"test_images,omitempty"`
	// TestBasic is Top1Test with ONNX Runtime's rewriting of the graph held at Basic.
	TestBasic Figure   `json:"top1_test_basic"`
	Scored    *float64 `json:"top1_scored,omitempty"` // top-1 on val before export; equals Top1Val when what was scored is what ships

	LatencyPredicted Figure `json:"latency_ms_predicted"`
	LatencyMeasured  Figure `json:"latency_ms_measured"`
	Energy           Figure `json:"energy_mj"`

	FileBytes           int64   `json:"file_bytes"`
	WeightBytes         int64   `json:"weight_bytes"`
	PeakActivationBytes int64   `json:"peak_activation_bytes"`
	Params              int64   `json:"params"`
	MACs                int64   `json:"macs"`
	Layers              []Layer `json:"layers,omitempty"`
}

// Layer is one operator of a winner, as the picture shows it.
type Layer struct {
	Name      string  `json:"name"` // s1.b0.dw
	Kind      string  `json:"kind"` // conv, pointwise, depthwise, linear, se, pool, add
	Block     string  `json:"block"`
	In        int     `json:"in"`
	Out       int     `json:"out"`  // channels
	Size      int     `json:"size"` // side of the output
	Kernel    int     `json:"kernel"`
	Stride    int     `json:"stride"`
	WBits     int     `json:"w_bits"` // 0 = no weights
	ABits     int     `json:"a_bits"`
	LatencyMS float64 `json:"latency_ms,omitempty"`
}

// PredictorFit is how well the accuracy predictor does on held-out samples.
type PredictorFit struct {
	Kind       string       `json:"kind,omitempty"` // of model: "kernel", "mlp", …
	Tau        float64      `json:"tau"`
	TauMACs    float64      `json:"tau_macs,omitempty"`    // of MACs alone on the same samples
	TauCeiling float64      `json:"tau_ceiling,omitempty"` // of the truth with another measurement of it; 0 = not known
	Rho        float64      `json:"rho"`
	RMSEpp     float64      `json:"rmse_pp"`
	BiasPP     float64      `json:"bias_pp"`
	Coverage68 float64      `json:"coverage_68,omitempty"` // share within one predicted deviation
	Coverage95 float64      `json:"coverage_95,omitempty"` // within 1.96
	NTrain     int          `json:"n_train"`
	NTest      int          `json:"n_test"`
	Bands      []FitBand    `json:"bands,omitempty"` // quarters of the truth, worst first
	Curve      []CurvePoint `json:"curve,omitempty"` // learning curve, fewest rows first
}

// FitBand is the part of a PredictorFit whose true accuracy is in [From, To].
type FitBand struct {
	From   float64 `json:"from"` // fraction
	To     float64 `json:"to"`
	Tau    float64 `json:"tau"`
	RMSEpp float64 `json:"rmse_pp"`
	BiasPP float64 `json:"bias_pp"`
	N      int     `json:"n"`
}

// CurvePoint is how well a predictor of so many rows does.
type CurvePoint struct {
	Rows   int     `json:"rows"`
	Tau    float64 `json:"tau"`
	RMSEpp float64 `json:"rmse_pp"`
}

// Pair is a prediction and what was measured.
type Pair struct {
	Predicted float64 `json:"predicted"`
	Measured  float64 `json:"measured"`
	Label     string  `json:"label,omitempty"`
}

// Step is a point of the supernet's training.
type Step struct {
	Step     int     `json:"step"`
	Largest  float64 `json:"loss_largest"`
	Others   float64 `json:"loss_others"`
	Accuracy float64 `json:"batch_accuracy"` // of the largest
}

// TableSummary describes the latency table.
type TableSummary struct {
	Device  string    `json:"device,omitempty"`
	Source  string    `json:"source,omitempty"` // file or profiler
	Rows    int       `json:"rows"`
	Kinds   []RowKind `json:"kinds,omitempty"`
	ErrorPC float64   `json:"error_percent,omitempty"` // mean absolute error on whole networks
	Checked int       `json:"checked,omitempty"`       // networks that the error is of
}

// RowKind counts the rows of one operator kind by provenance.
type RowKind struct {
	Kind      string  `json:"kind"`
	Measured  int     `json:"measured"`
	Imported  int     `json:"imported"`
	Predicted int     `json:"predicted"`
	Modelled  int     `json:"modelled"`
	MinMS     float64 `json:"min_ms"`
	MedianMS  float64 `json:"median_ms"`
	MaxMS     float64 `json:"max_ms"`
}

// Published is a row of a published table.
type Published struct {
	Model     string  `json:"model"`
	Top1      float64 `json:"top1"`
	LatencyMS float64 `json:"latency_ms"`
	ParamsM   float64 `json:"params_m"`
	MemoryMB  float64 `json:"memory_mb"`
	PowerW    float64 `json:"power_w"`
}

// Table1 is Table 1 of the HA-NAS paper: ImageNet-1K at 224x224 on a Jetson
// Orin, INT8, batch 1.
func Table1() []Published {
	return []Published{
		{"MobileNetV3-Large", 0.752, 38, 5.4, 22, 4.8},
		{"EfficientNet-B0", 0.771, 52, 5.3, 20, 5.2},
		{"FBNet-C", 0.749, 25, 5.5, 18, 3.9},
		{"Once-for-All", 0.764, 22, 6.0, 24, 4.2},
		{"HA-NAS", 0.798, 12, 4.2, 16, 2.8},
	}
}

// Stage is how long a step of the run took.
type Stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Reused  bool    `json:"reused,omitempty"` // its result was there already
}
