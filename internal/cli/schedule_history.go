package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"hanas/schedule"
)

func (a *app) scheduleHistoryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "history REGISTRY",
		Short: "Show what was decided, and why",
		Example: `  hanas schedule history registry/quick
  hanas schedule history registry/quick --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := mustBeFolder(args[0]); err != nil {
				return err
			}
			reg := schedule.Registry{Dir: args[0]}
			history, err := reg.History()
			if err != nil {
				return badInput(err)
			}
			current, err := reg.Current()
			if err != nil {
				return badInput(err)
			}
			answer := struct {
				Current *schedule.Entry  `json:"current"`
				History []schedule.Entry `json:"history"`
			}{current, append([]schedule.Entry{}, history...)}
			return a.print(answer, func(w io.Writer) {
				for _, e := range history {
					fmt.Fprintln(w, entryLine(e))
				}
			})
		},
	}
}

func (a *app) scheduleRollbackCommand() *cobra.Command {
	var version int
	cmd := &cobra.Command{
		Use:   "rollback REGISTRY",
		Short: "Make an earlier model current again",
		Example: `  hanas schedule rollback registry/quick
  hanas schedule rollback registry/quick --version-number 3`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := mustBeFolder(args[0]); err != nil {
				return err
			}
			e, err := schedule.Registry{Dir: args[0]}.Rollback(version, time.Now().UTC())
			if err != nil {
				return badInput(err)
			}
			return a.print(e, func(w io.Writer) { fmt.Fprintln(w, entryLine(e)) })
		},
	}
	cmd.Flags().IntVar(&version, "version-number", 0, "which (default: the one before the current)")
	return cmd
}
