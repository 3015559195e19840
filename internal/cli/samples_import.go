package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hanas/samples"
	"hanas/space"
)

// sampleFormats is the table of foreign sample files.
var sampleFormats = []struct {
	name, about string
	read        func(string, *space.Space) ([]samples.Sample, samples.ImportReport, error)
}{
	{"dynast", "DyNAS-T's CSV results: sub-networks of Once-for-All's MobileNetV3 measured on ImageNet (--space ofa-mbv3-w1.0)", samples.ImportDynasT},
}

// samplesImported is what `hanas samples import --json` prints.
type samplesImported struct {
	samples.ImportReport
	File   string        `json:"file"`
	Noise  samples.Noise `json:"noise"`
	Faults []string      `json:"faults,omitempty"` // the first of each file
}

func (a *app) samplesImportCommand() *cobra.Command {
	var format, name, out string
	var formats strings.Builder
	for _, f := range sampleFormats {
		fmt.Fprintf(&formats, "\n  %-8s %s", f.name, f.about)
	}
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Turn measurements of others into a sample file",
		Long: `Reads result files and writes one sample file. Every row is held against the
space: its parameters and MACs must be exactly what the space says. Repeated
measurements of a network are kept as repeats; rows that cannot be, or that
contradict an earlier one, are left out and told of. Formats:` + formats.String(),
		Example: "  hanas samples import --format dynast --space ofa-mbv3-w1.0 --out samples.arrow dynast/*.csv",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if name == "" {
				return usage("say --space NAME (built in: %v)", space.Presets())
			}
			sp, err := findSpace(name, "")
			if err != nil {
				return err
			}
			rows, answer, err := readForeignSamples(format, args, sp)
			if err != nil {
				return err
			}
			if answer.File = out; len(rows) == 0 {
				return badInput(fmt.Errorf("no row fits space %s: %s", sp.Name, strings.Join(answer.Faults, "; ")))
			}
			if err := writeStore(out, sp, rows); err != nil {
				return err
			}
			return a.print(answer, answer.text)
		},
	}
	cmd.Flags().StringVar(&format, "format", "dynast", "format of the files")
	cmd.Flags().StringVar(&out, "out", "samples.arrow", "the file to write; it must not exist")
	spaceFlag(cmd, &name)
	return cmd
}

// readForeignSamples reads all files, numbering repeats across them.
func readForeignSamples(format string, files []string, sp *space.Space) (rows []samples.Sample, answer samplesImported, err error) {
	for _, f := range sampleFormats {
		if f.name != format {
			continue
		}
		for _, file := range files {
			got, rep, err := f.read(file, sp)
			if err != nil {
				return nil, answer, badInput(err)
			}
			rows = append(rows, got...)
			answer.Rows, answer.Rejected = answer.Rows+rep.Rows, answer.Rejected+rep.Rejected
			answer.fault(filepath.Base(file), rep.Faults)
		}
		rows, faults := samples.NumberRepeats(rows)
		answer.fault("together", faults)
		answer.Rejected += len(faults)
		answer.Distinct, answer.Noise = len(samples.Distinct(rows)), samples.NoiseOf(rows)
		return rows, answer, nil
	}
	return nil, answer, usage("--format %s: want dynast", format)
}

func (i *samplesImported) fault(where string, faults []error) {
	if len(faults) > 0 {
		i.Faults = append(i.Faults, fmt.Sprintf("%s: %v", where, faults[0]))
	}
}

func (i *samplesImported) text(w io.Writer) {
	fmt.Fprintf(w, "%s: %d rows, %d distinct sub-networks, %d rejected\n", i.File, i.Rows, i.Distinct, i.Rejected)
	if i.Noise.Repeated > 0 {
		fmt.Fprintf(w, "%d were measured more than once: standard deviation %.3f points\n", i.Noise.Repeated, i.Noise.StdPP)
	}
	for _, f := range i.Faults {
		fmt.Fprintln(w, f)
	}
}

// writeStore writes a store as a whole or not at all.
func writeStore(path string, sp *space.Space, rows []samples.Sample) (err error) {
	if _, err := os.Stat(path); err == nil {
		return usage("%s exists already (say another --out)", path)
	}
	w, err := samples.Create(path, sp, samples.Info{BatchRows: 1024})
	if err != nil {
		return err
	}
	if err = errors.Join(w.Append(rows), w.Close()); err != nil {
		os.Remove(path)
	}
	return err
}
