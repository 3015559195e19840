package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/space"
)

// spaceFlag adds --space to a command.
func spaceFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "space", "", "built-in space, or a preset or config file that has one (default: the run folder's)")
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return space.Presets(), cobra.ShellCompDirectiveDefault
	}
	if err := cmd.RegisterFlagCompletionFunc("space", complete); err != nil {
		panic(err) // the flag was added two lines above
	}
}

// findSpace resolves --space. Without it, the config beside the file (or in
// the folder above it) says which space the file belongs to.
func findSpace(name, file string) (*space.Space, error) {
	if name == "" {
		cfg, err := configNear(file)
		if err != nil {
			return nil, err
		}
		if cfg == nil {
			return nil, usage("%s is not in a run folder: say --space NAME (built in: %v)", file, space.Presets())
		}
		return cfg.Space.Resolve()
	}
	sp, err := space.Preset(name)
	if err == nil {
		return sp, nil
	}
	cfg, configErr := configs.Load(name, nil)
	switch {
	case errors.Is(configErr, configs.ErrUnknown):
		return nil, usage("--space: %w", err)
	case configErr != nil:
		return nil, configErr
	}
	return cfg.Space.Resolve()
}

// configNear is the config of the run folder that a file lies in; nil if it
// lies in none.
func configNear(file string) (*configs.Config, error) {
	for _, dir := range []string{filepath.Dir(file), filepath.Dir(filepath.Dir(file))} {
		near := filepath.Join(dir, configFile)
		if _, err := os.Stat(near); err == nil {
			return configs.Load(near, nil)
		}
	}
	return nil, nil
}

// parseArch reads --arch.
func parseArch(sp *space.Space, key string) (space.Arch, error) {
	if key == "" {
		return space.Arch{}, usage("say --arch KEY, or one of largest and smallest")
	}
	switch key {
	case "largest":
		return sp.Largest(), nil
	case "smallest":
		return sp.Smallest(), nil
	}
	a, err := sp.Parse(key)
	if err != nil {
		return a, usage("--arch: %w", err)
	}
	return a, nil
}

// group is a command that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	var examples []string
	for _, sub := range subs {
		cmd.AddCommand(sub)
		first, _, _ := strings.Cut(sub.Example, "\n")
		examples = append(examples, first)
	}
	cmd.Example = strings.Join(examples, "\n")
	return cmd
}

// mustExist is bad input unless there is a file.
func mustExist(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return badInput(err)
	}
	if info.IsDir() {
		return badInput(fmt.Errorf("%s is a folder, want a file", file))
	}
	return nil
}
