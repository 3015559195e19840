package cli

import (
	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/latency"
)

// completion is cobra's signature of a function that completes a word.
type completion = func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective)

// completeFlag completes the values of a flag that was just declared.
func completeFlag(cmd *cobra.Command, flag string, f completion) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // no such flag: a slip of the caller, found by any test
	}
}

// fixed completes from a list.
func fixed(words ...string) completion {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeStages completes the stages of the preset that was named, or quick's.
func (a *app) completeStages(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	preset := "quick"
	if len(args) > 0 {
		preset = args[0]
	}
	cfg, err := configs.Load(preset, nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	table, err := a.stages(cfg, func(string) {})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, s := range table {
		names = append(names, s.Name+"\t"+s.Doc)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeDevices gives every --device of the tree that names a device on
// record (not that of `latency profile`, which is a free text) its completion.
func completeDevices(cmd *cobra.Command) {
	if cmd.Flags().Lookup("device") != nil && cmd.Name() != "profile" && cmd.Name() != "import" {
		completeFlag(cmd, "device", fixed(latency.Devices()...))
	}
	for _, sub := range cmd.Commands() {
		completeDevices(sub)
	}
}
