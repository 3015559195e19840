package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hanas/latency"
	"hanas/space"
)

// importFlags say what is imported for which device.
type importFlags struct {
	format, device, out, ops string
	space, key               string
}

// importAnswer is what `hanas latency import --json` prints.
type importAnswer struct {
	Device string   `json:"device"`
	Format string   `json:"format"`
	Rows   int      `json:"rows"`
	Files  []string `json:"files"`                 // written
	Stray  float64  `json:"stray_share,omitempty"` // of a profile's time that names no layer
}

func (a *app) latencyImportCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE… --format FORMAT --device NAME",
		Short: "Import tables and profiles of other tools",
		Long:  "Reads tables and profiles of other tools and writes them in our own form, with\n--out to a file, otherwise installed for the device. Formats:\n\n" + formatHelp(),
		Example: `  hanas latency import note10_*.yaml --device note10
  hanas latency import lut.yaml --format nsganetv2 --device i7 --out i7.csv
  hanas latency import lut.csv --format layer --device orin --out lut.arrow
  hanas latency import trt.json --format tensorrt-profile --device orin --space quick --arch KEY --out orin.csv
  hanas latency import profiles/op-*.csv --format tflite-profile --device phone --ops ops --out phone.csv`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.importTables(f, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.format, "format", "", "format of the files (default: what the device says of a file of that name)")
	fl.StringVar(&f.device, "device", "", "what the figures were measured on")
	fl.StringVar(&f.out, "out", "", "table to write (default: install for the device)")
	fl.StringVar(&f.key, "arch", "", "the network that a profile is of")
	fl.StringVar(&f.ops, "ops", "", "folder of one-layer models (hanas latency ops --out) that the profiles are of")
	spaceFlag(cmd, &f.space)
	return cmd
}

// formatHelp lists the formats.
func formatHelp() string {
	var b strings.Builder
	for _, f := range latency.ImportFormats() {
		fmt.Fprintf(&b, "  %-18s %s\n", f.Name, f.Source)
		if f.How != "" {
			fmt.Fprintf(&b, "  %-18s   made by: %s\n", "", f.How)
		}
	}
	return b.String() + `
A profile needs the network that it is of: --space and --arch, where the steps
carry the names of the layers; or --ops, where each file profiles one of the
one-layer models and begins with its name (op-0007.onnx: op-0007.json).`
}

func (a *app) importTables(f importFlags, files []string) error {
	if f.device == "" {
		return usage("say --device NAME (the files do not)")
	}
	format, err := f.formatFor(files[0])
	if err != nil {
		return err
	}
	answer := importAnswer{Device: f.device, Format: format.Name}
	if !format.Profile {
		return a.importEach(f, files, answer)
	}
	t, stray, err := f.profiles(format.Name, files)
	if err != nil {
		return err
	}
	answer.Stray = stray
	return a.keepTable(f, t, "lut", answer)
}

// formatFor finds the format by its flag, or by what the device says.
func (f *importFlags) formatFor(file string) (latency.ImportFormat, error) {
	name := f.format
	if name == "" {
		if d, err := latency.FindDevice(f.device); err == nil {
			for _, ref := range d.Tables {
				if ref.File == filepath.Base(file) {
					name = ref.Format
				}
			}
		}
	}
	var known []string
	for _, format := range latency.ImportFormats() {
		if format.Name == name {
			return format, nil
		}
		known = append(known, format.Name)
	}
	return latency.ImportFormat{}, usage("--format %q: want one of %s", name, strings.Join(known, ", "))
}

// importEach imports whole tables, each under its own name.
func (a *app) importEach(f importFlags, files []string, answer importAnswer) error {
	if f.out != "" && len(files) > 1 {
		return usage("--out is one file, %d are imported: leave it out to install them for the device", len(files))
	}
	var tables []*latency.Table
	for _, file := range files {
		t, err := readForeign(file, answer.Format, f.device)
		if err != nil {
			return badInput(err)
		}
		tables = append(tables, t)
	}
	for i, t := range tables {
		name := strings.TrimSuffix(filepath.Base(files[i]), filepath.Ext(files[i]))
		out, err := f.target(name)
		if err == nil {
			err = t.Write(out)
		}
		if err != nil {
			return err
		}
		answer.Rows += t.Len()
		answer.Files = append(answer.Files, out)
	}
	return a.printImport(answer)
}

func readForeign(file, format, device string) (*latency.Table, error) {
	if format == "layer" {
		return latency.ReadTable(file)
	}
	return latency.Import(file, format, device)
}

// target is where a table goes.
func (f *importFlags) target(name string) (string, error) {
	if f.out != "" {
		return f.out, nil
	}
	dir, err := deviceFolder(f.device)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("cli: %w", err)
	}
	return filepath.Join(dir, name+".csv"), nil
}

func (a *app) keepTable(f importFlags, t *latency.Table, name string, answer importAnswer) error {
	out, err := f.target(name)
	if err == nil {
		err = t.Write(out)
	}
	if err != nil {
		return err
	}
	answer.Rows, answer.Files = t.Len(), []string{out}
	return a.printImport(answer)
}

func (a *app) printImport(answer importAnswer) error {
	return a.print(answer, func(w io.Writer) {
		fmt.Fprintf(w, "%d rows of %s in %s\n", answer.Rows, answer.Device, strings.Join(answer.Files, ", "))
		if answer.Stray > 0 {
			fmt.Fprintf(w, "%.1f %% of the time names no layer and is spread over all\n", 100*answer.Stray)
		}
	})
}

// profiles makes a table of profiles: of one network, or of one-layer models.
func (f *importFlags) profiles(format string, files []string) (*latency.Table, float64, error) {
	if f.ops != "" {
		t, err := f.layerProfiles(format, files)
		return t, 0, badInput(err)
	}
	if len(files) != 1 || f.space == "" {
		return nil, 0, usage("a profile of a network is one file and needs --space and --arch; profiles of one-layer models need --ops")
	}
	sp, err := findSpace(f.space, "")
	if err != nil {
		return nil, 0, err
	}
	arch, err := parseArch(sp, f.key)
	if err != nil {
		return nil, 0, err
	}
	t, stray, err := latency.ImportProfile(files[0], format, f.device, sp.Layers(arch))
	return t, stray, badInput(err)
}

// opsIndex is ops.json: the file of each one-layer model and the row that it
// stands for.
type opsIndex struct {
	Space string            `json:"space"`
	Files map[string]string `json:"files"` // "op-0007.onnx": key
}

func (f *importFlags) layerProfiles(format string, files []string) (*latency.Table, error) {
	text, err := os.ReadFile(filepath.Join(f.ops, "ops.json"))
	if err != nil {
		return nil, err
	}
	var index opsIndex
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("latency: import: ops.json: %w", err)
	}
	t := &latency.Table{Header: latency.Header{Device: f.device, Provenance: latency.Imported, Source: format + " of one-layer models"}}
	for _, file := range files {
		key := ""
		for model, k := range index.Files {
			if strings.HasPrefix(filepath.Base(file), strings.TrimSuffix(model, ".onnx")) {
				key = k
			}
		}
		l, err := space.ParseLayerKey(key)
		if err != nil {
			return nil, fmt.Errorf("latency: import: %s: its name begins with none of the models of ops.json", file)
		}
		ops, err := latency.ReadProfile(file, format)
		if err == nil {
			row := latency.LayerProfile(ops)
			row.TrafficBytes = latency.Traffic(&l)
			err = t.Set(key, row)
		}
		if err != nil {
			return nil, fmt.Errorf("latency: import: %s: %w", file, err)
		}
	}
	return t, nil
}
