package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hanas/samples"
)

// samplesAnswer is what `hanas samples info --json` prints.
type samplesAnswer struct {
	File       string         `json:"file"`
	Rows       int            `json:"rows"`
	Distinct   int            `json:"distinct"`
	Finished   bool           `json:"finished"` // false: being written, or cut by a crash
	Space      string         `json:"space"`
	SpaceHash  string         `json:"space_hash"`
	Supernet   string         `json:"supernet_hash,omitempty"`
	Data       string         `json:"data_hash,omitempty"`
	Device     string         `json:"device,omitempty"` // what scored
	Splits     map[string]int `json:"splits"`
	Accuracy   [2]float64     `json:"accuracy"` // lowest and highest, fractions
	Provenance map[string]int `json:"provenance"`
}

func (a *app) samplesCommand() *cobra.Command {
	return group("samples", "Scored sub-networks", a.samplesInfoCommand(), a.samplesImportCommand(), a.samplesDrawCommand(), a.samplesVerifyCommand())
}

func (a *app) samplesInfoCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "info FILE",
		Short:   "Count the samples of a file; an unfinished one is read as far as it goes",
		Example: "  hanas samples info runs/quick/samples.arrow",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			rows, info, err := samples.Read(args[0])
			unfinished := errors.Is(err, samples.ErrUnfinished)
			if err != nil && !unfinished {
				return badInput(err)
			}
			answer := samplesAnswer{
				File: args[0], Rows: len(rows), Finished: !unfinished, Space: info.Space, SpaceHash: info.SpaceHash,
				Supernet: info.SupernetHash, Data: info.DataHash, Device: info.Device,
				Splits: map[string]int{}, Provenance: map[string]int{},
			}
			seen := map[string]bool{}
			for i, s := range rows {
				seen[s.Arch] = true
				answer.Splits[s.Split]++
				answer.Provenance[s.Provenance]++
				if i == 0 {
					answer.Accuracy = [2]float64{s.Accuracy, s.Accuracy}
				}
				answer.Accuracy[0] = min(answer.Accuracy[0], s.Accuracy)
				answer.Accuracy[1] = max(answer.Accuracy[1], s.Accuracy)
			}
			answer.Distinct = len(seen)
			return a.print(answer, answer.text)
		},
	}
}

func (s *samplesAnswer) text(w io.Writer) {
	state := "finished"
	if !s.Finished {
		state = "not finished: hanas run goes on from here"
	}
	columns(w, [][]string{
		{"rows", fmt.Sprintf("%d, %d distinct", s.Rows, s.Distinct)},
		{"state", state},
		{"space", s.Space + " " + s.SpaceHash},
		{"splits", fmt.Sprintf("%d train, %d val, %d test", s.Splits[samples.Train], s.Splits[samples.Val], s.Splits[samples.Test])},
		{"scored by", cmp.Or(s.Device, "not recorded")},
		{"accuracy", fmt.Sprintf("%.1f to %.1f %%", 100*s.Accuracy[0], 100*s.Accuracy[1])},
	})
}

func (a *app) samplesVerifyCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Hold every row of a sample file against its space",
		Example: `  hanas samples verify runs/quick/samples.arrow
  hanas samples verify other.arrow --space quick`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := mustExist(args[0]); err != nil {
				return err
			}
			sp, err := findSpace(name, args[0])
			if err != nil {
				return err
			}
			info, err := samples.Verify(args[0], sp)
			if err != nil {
				return badInput(err)
			}
			answer := struct {
				File  string `json:"file"`
				Space string `json:"space"`
				OK    bool   `json:"ok"`
			}{args[0], info.Space, true}
			return a.print(answer, func(w io.Writer) { fmt.Fprintf(w, "%s: every row is as space %s says\n", args[0], info.Space) })
		},
	}
	spaceFlag(cmd, &name)
	return cmd
}
