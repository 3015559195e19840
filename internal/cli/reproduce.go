package cli

import "github.com/spf13/cobra"

func (a *app) reproduceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "reproduce TABLE",
		Short:   "Print published figures beside those obtained here",
		Example: "  hanas reproduce table1",
	}
	cmd.AddCommand(a.reproduceTable1Command(), a.reproduceJointCommand(), a.reproduceMatrixCommand())
	return cmd
}
