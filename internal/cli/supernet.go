package cli

import (
	"github.com/spf13/cobra"

	"hanas/supernet"
)

func (a *app) supernetCommand() *cobra.Command {
	return group("supernet", "Shared weights", a.supernetTrainCommand(), a.supernetImportCommand(), a.supernetInfoCommand())
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
			answer := &supernetAnswer{File: args[0], Space: t.Metadata["space"], Hash: t.Metadata["space_hash"]}
			if t.Metadata["space_json"] != "" { // checkpoints of earlier versions do not say
				net, err := supernet.Read(args[0], nil)
				if err != nil {
					return badInput(err)
				}
				answer = describe(args[0], net)
			}
			answer.Tensors, answer.Values, answer.Metadata = len(t.Names), 0, t.Metadata
			for _, data := range t.Data {
				answer.Values += len(data)
			}
			return a.print(answer, answer.text)
		},
	}
}
