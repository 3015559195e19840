package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hanas/supernet"
)

func (a *app) supernetCommand() *cobra.Command {
	return group("supernet", "Shared weights", a.supernetInfoCommand())
}

func (a *app) supernetInfoCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "info FILE",
		Short:   "Show what a checkpoint holds",
		Example: "  hanas supernet info runs/quick/supernet.safetensors",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := supernet.ReadTensors(args[0])
			if err != nil {
				return badInput(err)
			}
			answer := struct {
				File     string            `json:"file"`
				Tensors  int               `json:"tensors"`
				Values   int               `json:"values"`
				Metadata map[string]string `json:"metadata"`
			}{args[0], len(t.Names), 0, t.Metadata}
			for _, data := range t.Data {
				answer.Values += len(data)
			}
			return a.print(answer, func(w io.Writer) {
				columns(w, [][]string{
					{"tensors", fmt.Sprint(answer.Tensors)},
					{"values", fmt.Sprint(answer.Values)},
					{"space", t.Metadata["space"] + " " + t.Metadata["space_hash"]},
				})
			})
		},
	}
}
