package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/internal/progress"
	"hanas/pipeline"
	"hanas/stages"
)

// app is one call of the program.
type app struct {
	stdout io.Writer
	stderr *os.File
	json   bool
	quiet  bool
	events string // file of --events
	// eventsTo is where events go; nil = nowhere.
	eventsTo io.Writer
	// stages makes the table of a run; tests put in a toy.
	stages func(cfg *configs.Config, log func(string)) ([]pipeline.Stage, error)
	// elsewhere is how work goes to other machines; nil = this build cannot.
	elsewhere Elsewhere
}

// Main runs the program with its arguments and returns the exit code.
func Main(args []string) int { return MainWith(nil, args) }

// MainWith is Main of a build that can do work on other machines.
func MainWith(elsewhere Elsewhere, args []string) int {
	a := &app{stdout: os.Stdout, stderr: os.Stderr, stages: stages.Stages, elsewhere: elsewhere}
	return a.main(args)
}

func (a *app) main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code := exitCode(err)
	if err == nil || errors.Is(err, errSaid) {
		return code
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = errors.New("stopped (the same command goes on from here)")
	}
	fmt.Fprintln(a.stderr, "hanas:", err)
	if a.eventsTo != nil {
		c := progress.Silent()
		c.Tell(a.eventsTo)
		c.Fail("", err.Error(), 0)
	}
	if a.json {
		a.printJSON(map[string]any{"error": err.Error(), "code": code})
	}
	return code
}

// root is the tree of commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "hanas",
		Short: "Finds neural networks that suit a device",
		Long: `hanas searches for neural networks: topology and bit width of every layer
together, under the latency and memory limits of a device. It trains a
supernet, scores sub-networks, predicts accuracy and latency, searches, and
writes ONNX files that it validates.`,
		Example: `  hanas run quick
  hanas plan quick
  hanas status runs/quick`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w (see %s --help)", err, cmd.CommandPath())
	})
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print one JSON document on stdout")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "no progress, no logs")
	root.PersistentFlags().StringVar(&a.events, "events", "", "write what happens to `FILE` as JSON, an event a line, as it happens; - is stderr, in place of progress")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.openEvents() }
	for _, add := range commands {
		root.AddCommand(add(a))
	}
	guard(root)
	completeDevices(root)
	return root
}

// commands is the table of commands, in the order of a run.
var commands = []func(a *app) *cobra.Command{
	(*app).runCommand,
	(*app).planCommand,
	(*app).statusCommand,
	(*app).serveCommand,
	(*app).reportCommand,
	(*app).supernetCommand,
	(*app).samplesCommand,
	(*app).predictorCommand,
	(*app).latencyCommand,
	(*app).searchCommand,
	(*app).exportCommand,
	(*app).quantiseCommand,
	(*app).validateCommand,
	(*app).scenesCommand,
	(*app).reproduceCommand,
	(*app).scheduleCommand,
	(*app).workerCommand,
	(*app).gcCommand,
	(*app).doctorCommand,
}

// guard makes wrong arguments wrong use, and groups without a verb show help.
func guard(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usage("%w (see %s --help)", err, cmd.CommandPath())
			}
			return nil
		}
	}
	if cmd.HasSubCommands() && cmd.RunE == nil {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q for %q%s", args[0], cmd.CommandPath(), suggest(cmd, args[0]))
			}
			return cmd.Help()
		}
	}
	for _, sub := range cmd.Commands() {
		guard(sub)
	}
}

func suggest(cmd *cobra.Command, word string) string {
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		return fmt.Sprintf(" (did you mean %q?)", near[0])
	}
	return fmt.Sprintf(" (see %s --help)", cmd.CommandPath())
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown)"
	}
	return info.Main.Version
}

// console shows progress, or nothing with --quiet, and tells events if they are
// asked for.
func (a *app) console() *progress.Console {
	c := progress.New(a.stderr)
	if a.quiet || a.events == "-" {
		c = progress.Silent()
	}
	if a.eventsTo != nil {
		c.Tell(a.eventsTo)
	}
	return c
}

// openEvents opens the file of --events, which is the program's until it ends.
func (a *app) openEvents() error {
	switch a.events {
	case "":
		return nil
	case "-":
		a.eventsTo = a.stderr
		return nil
	}
	f, err := os.OpenFile(a.events, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return badInput(fmt.Errorf("--events: %w", err))
	}
	a.eventsTo = f
	return nil
}
