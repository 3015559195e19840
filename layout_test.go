package hanas_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// imports is the import policy of the module: package -> project packages that
// it may import. It is a statement of policy, not a record of what is imported.
// Do not widen a row to fix a build; move the code, or change the design and
// say so in ARCHITECTURE.md.
var imports = map[string]string{
	// the graph world: knows nothing of architecture search
	"onnx":         "internal/atomicfile",
	"onnx/ref":     "onnx",
	"onnx/grad":    "onnx",
	"onnx/quant":   "onnx",
	"onnx/ort":     "onnx",
	"onnx/blocked": "onnx onnx/grad",
	"train":        "onnx onnx/grad",

	// the search world, in the order data flows
	"space":           "",
	"datasets":        "",
	"supernet":        "space onnx onnx/grad onnx/blocked onnx/quant train datasets export torchfile internal/atomicfile",
	"eval":            "onnx datasets",
	"samples":         "space internal/arrowframe",
	"latency":         "space onnx export internal/atomicfile internal/arrowframe",
	"torchfile":       "",
	"predictor":       "space samples onnx onnx/grad train torchfile",
	"surrogate":       "space predictor search",
	"search":          "",
	"search/nsga2":    "search",
	"search/gradient": "",
	"search/loop":     "search search/nsga2",
	"export":          "space onnx onnx/quant",
	"pretrained":      "space export onnx onnx/quant torchfile",
	"report":          "space samples search latency predictor eval internal/atomicfile",

	// the machine that runs it: knows nothing of search or graphs
	"pipeline": "",
	"schedule": "",

	// where everything meets
	"configs": "pipeline space datasets supernet train predictor latency search/nsga2 export",
	"stages": "configs pipeline space supernet datasets eval samples predictor latency search search/gradient search/nsga2 export report " +
		"train onnx onnx/blocked onnx/grad onnx/quant onnx/ort",
	"internal/cli": "configs pipeline schedule stages report internal/atomicfile internal/live internal/progress space supernet datasets eval samples predictor latency " +
		"search search/nsga2 surrogate export pretrained onnx onnx/ort",
	"internal/progress":   "",
	"internal/live":       "",
	"internal/atomicfile": "",
	"internal/arrowframe": "",
	"cmd/hanas":           "internal/cli",

	// measured by hand, beside another program
	"bench/trainstep":   "onnx onnx/blocked onnx/grad onnx/ort train",
	"bench/rooflines":   "latency space",
	"bench/predictor":   "onnx onnx/ort predictor samples space",
	"bench/loop":        "onnx onnx/ort predictor samples search search/loop space",
	"bench/search":      "latency onnx/ort predictor search search/nsga2 search/searchtest space surrogate",
	"bench/sandwich":    "datasets onnx onnx/blocked onnx/ort space supernet",
	"bench/lowbits":     "datasets eval export onnx onnx/blocked onnx/ort space supernet",
	"bench/int8":        "export onnx onnx/ort onnx/quant pretrained space",
	"bench/onnxchecker": "export onnx space",
	"bench/cocoeval":    "datasets eval",
	"bench/bitfusion":   "latency space",
	"bench/scoring":     "datasets eval export onnx onnx/ort space supernet",
	"bench/sharing":     "configs datasets eval export onnx onnx/blocked onnx/ort space supernet",

	// imported by tests only
	"internal/golden":         "",
	"internal/realdata":       "",
	"internal/browser":        "",
	"datasets/datasetstest":   "datasets",
	"search/searchtest":       "search",
	"torchfile/torchfiletest": "",
	"onnx/grad/gradtest":      "onnx onnx/grad onnx/ref",
}

// doors names the packages that may import each third-party module.
var doors = map[string]string{
	"google.golang.org/protobuf":       "onnx",
	"github.com/yalue/onnxruntime_go":  "onnx/ort",
	"github.com/klauspost/cpuid":       "onnx/ort",
	"github.com/apache/arrow-go":       "samples latency datasets internal/arrowframe",
	"golang.org/x/image":               "datasets",
	"github.com/owulveryck/onnx-go":    "export",
	"github.com/spf13/viper":           "configs",
	"github.com/go-viper/mapstructure": "configs",
	"github.com/spf13/cobra":           "internal/cli",
	"github.com/gofrs/flock":           "pipeline",
	"github.com/robfig/cron":           "schedule",
	"golang.org/x/term":                "internal/progress",
	"github.com/chromedp":              "internal/browser",
}

// TestImportPolicy reads the sources itself rather than asking go list, so that
// the test cache sees every file it depends on.
func TestImportPolicy(t *testing.T) {
	seen := map[string]bool{}
	err := eachSource(func(file string) error {
		pkg := path.Dir(file)
		seen[pkg] = true
		allowed, ok := imports[pkg]
		if !ok && pkg != "." {
			t.Errorf("package %s has no row in the import policy", pkg)
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			dep, _ := strconv.Unquote(spec.Path.Value)
			if ours, ok := strings.CutPrefix(dep, "hanas/"); ok && !slices.Contains(strings.Fields(allowed), ours) {
				t.Errorf("%s: %s must not import %s", file, pkg, ours)
			}
			for module, door := range doors {
				if (dep == module || strings.HasPrefix(dep, module+"/")) && !slices.Contains(strings.Fields(door), pkg) {
					t.Errorf("%s: only %s may import %s", file, door, module)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range imports {
		if !seen[pkg] {
			t.Errorf("the policy has a row for %s, and there is no such package", pkg)
		}
	}
}

// TestPackagesAreDocumented: every package says what it is for.
func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	err := eachSource(func(file string) error {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		pkg := path.Dir(file)
		documented[pkg] = documented[pkg] || f.Doc != nil
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

// TestArchitectureListsEveryFolder: ARCHITECTURE.md is complete.
func TestArchitectureListsEveryFolder(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range imports {
		if !strings.Contains(string(text), "`"+pkg+"`") {
			t.Errorf("ARCHITECTURE.md does not mention `%s`", pkg)
		}
	}
}

// eachSource visits the Go files of this module that are not tests.
func eachSource(visit func(file string) error) error {
	return fs.WalkDir(os.DirFS("."), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "runs") {
				return fs.SkipDir
			}
			if _, err := os.Stat(path.Join(file, "go.mod")); err == nil && file != "." {
				return fs.SkipDir // a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		return visit(file)
	})
}
