package ort

import (
	"context"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Report is what `hanas doctor` tells: the machine, the tools on it, the
// library, and what is missing with the remedy.
type Report struct {
	Go        string     `json:"go"` // version that built the program
	Platform  string     `json:"platform"`
	CCompiler string     `json:"c_compiler,omitempty"` // first line of its --version; building from source needs one
	NPM       string     `json:"npm,omitempty"`        // version; fetching the library needs it
	ORT       *Library   `json:"onnx_runtime,omitempty"`
	Providers []Provider `json:"providers,omitempty"`
	Machine   Machine    `json:"machine"`
	Problems  []Problem  `json:"problems"` // empty = all is well
}

// Library is the ONNX Runtime that was loaded.
type Library struct {
	Version string `json:"version"`
	Path    string `json:"path"`
}

// Problem is something missing or unfit, and what to do about it.
type Problem struct {
	What   string `json:"what"`
	Remedy string `json:"remedy"`
	Fatal  bool   `json:"fatal"` // nothing that computes can work
}

// Doctor examines the machine. It opens the library as Open does, with the
// same options.
func Doctor(ctx context.Context, opts Options) Report {
	r := Report{
		Go:        runtime.Version(),
		Platform:  runtime.GOOS + "-" + runtime.GOARCH,
		CCompiler: firstVersion(ctx, []string{"cc", "gcc", "clang"}),
		NPM:       firstVersion(ctx, []string{"npm"}),
		Machine:   ThisMachine(),
		Problems:  []Problem{},
	}
	rt, err := Open(ctx, opts)
	if err != nil {
		what, remedy, _ := strings.Cut(err.Error(), "\n(")
		r.problem(true, what, strings.TrimSuffix(remedy, ")"))
	} else {
		defer rt.Close()
		r.ORT = &Library{Version: rt.Version(), Path: rt.Path()}
		r.Providers = rt.Providers()
	}
	r.judge()
	return r
}

func (r *Report) problem(fatal bool, what, remedy string) {
	r.Problems = append(r.Problems, Problem{What: what, Remedy: remedy, Fatal: fatal})
}

// judge adds the problems that the facts of the report amount to.
func (r *Report) judge() {
	const enough = 2 << 30 // the quick preset peaks at 1.1 GB
	rows := []struct {
		bad          bool
		what, remedy string
	}{
		{r.ORT == nil && r.NPM == "", "npm is not installed, so the library cannot be fetched", "install Node.js with npm, or set " + EnvLibrary},
		{r.CCompiler == "", "no C compiler found", "install gcc or clang if you mean to build or test the program from source"},
		{runtime.GOARCH == "amd64" && !r.Machine.has("AVX2"), "the processor has no AVX2: training and evaluation will be slow", "use a newer machine"},
		{
			runtime.GOARCH == "amd64" && r.Machine.has("AVX2") && !r.Machine.has("AVX512VNNI") && !r.Machine.has("AVXVNNI"),
			"the processor has no VNNI: int8 products may saturate and int8 latencies are not typical",
			"prefer latencies measured on the target device",
		},
		{
			r.Machine.Governor != "" && r.Machine.Governor != "performance", "the CPU frequency governor is " + r.Machine.Governor + ": latencies measured here will vary",
			"sudo cpupower frequency-set -g performance",
		},
		{r.Machine.MemoryBytes > 0 && r.Machine.MemoryBytes < enough, "less than 2 GB of memory", "use --jobs 1"},
	}
	for _, row := range rows {
		if row.bad {
			r.problem(false, row.what, row.remedy)
		}
	}
}

// OK says whether nothing fatal was found.
func (r Report) OK() bool {
	for _, p := range r.Problems {
		if p.Fatal {
			return false
		}
	}
	return true
}

// firstVersion is the first line that the first installed of the programs
// prints for --version; "" when none is there.
func firstVersion(ctx context.Context, programs []string) string {
	for _, name := range programs {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		out, err := exec.CommandContext(ctx, path, "--version").Output()
		cancel()
		if err != nil {
			continue
		}
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return line
	}
	return ""
}
