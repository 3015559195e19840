package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"hanas/onnx/ort"
)

func (a *app) doctorCommand() *cobra.Command {
	var fetch bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Examine this machine: what is here, what is missing, and the remedy",
		Example: `  hanas doctor
  hanas doctor --fetch   # and get ONNX Runtime if it is missing`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := a.console()
			defer c.Close()
			r := ort.Doctor(cmd.Context(), ort.Options{Fetch: fetch, Log: func(line string) { c.Log("", line) }})
			if err := a.print(r, func(w io.Writer) { doctorText(w, r) }); err != nil {
				return err
			}
			for _, p := range r.Problems {
				if p.Fatal {
					return &codedError{codeFailed, errSaid}
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&fetch, "fetch", false, "fetch ONNX Runtime if this machine has none")
	return cmd
}

func doctorText(w io.Writer, r ort.Report) {
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	rows := [][]string{
		{"go", r.Go + " " + r.Platform},
		{"c compiler", or(r.CCompiler, "none")},
		{"npm", or(r.NPM, "none")},
	}
	if r.ORT != nil {
		rows = append(rows, []string{"onnx runtime", r.ORT.Version + " " + r.ORT.Path})
	} else {
		rows = append(rows, []string{"onnx runtime", "none"})
	}
	for _, p := range r.Providers {
		if p.Usable { // --json tells why others are not
			rows = append(rows, []string{"provider", p.Name})
		}
	}
	m := r.Machine
	rows = append(rows,
		[]string{"processor", fmt.Sprintf("%s, %d cores", or(m.CPU, "unknown"), m.Cores)},
		[]string{"features", strings.Join(m.Features, " ")},
		[]string{"governor", or(m.Governor, "unknown")},
		[]string{"memory", megabytes(m.MemoryBytes)})
	columns(w, rows)
	for _, p := range r.Problems {
		word := "note"
		if p.Fatal {
			word = "PROBLEM"
		}
		fmt.Fprintf(w, "%s: %s\n  %s\n", word, p.What, p.Remedy)
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(w, "all is well")
	}
}
