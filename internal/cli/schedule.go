package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/schedule"
)

// scheduleFlags are what `hanas schedule` was told.
type scheduleFlags struct {
	preset, out, registry string
	set, force            []string
	cron, zone, catchUp   string
	jitter                time.Duration
	once                  bool
	drift                 driftFlags
}

func (a *app) scheduleCommand() *cobra.Command {
	var f scheduleFlags
	cmd := &cobra.Command{
		Use:   "schedule PRESET|FILE",
		Short: "Run a preset again when it is due, and promote better models",
		Long: `At each time of a cron expression, looks whether anything calls for a run: images
or settings that changed, artifacts that are gone, and, where asked for, layers
that take another time than the latency table says, or a predictor that ranks
fresh samples badly. If so it runs, and promotes the best model into a registry:
the one that scores most on held-out images within the limits of the search,
if it beats the current one on the same test images. Runs never overlap.`,
		Example: `  hanas schedule cifar10 --cron "0 3 * * 1" --timezone Europe/Berlin --jitter 10m
  hanas schedule quick --once --anchors 0.2          # from systemd or a Kubernetes CronJob
  hanas schedule quick --once --fresh new.arrow --min-tau 0.8 --json
  hanas schedule history registry/quick
  hanas schedule rollback registry/quick`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.preset = args[0]
			return a.schedule(cmd.Context(), f)
		},
		ValidArgsFunction: completePresets,
	}
	fl := cmd.Flags()
	fl.StringVar(&f.cron, "cron", "", `when: minute hour day month weekday, as in "0 3 * * 1"`)
	fl.StringVar(&f.zone, "timezone", "", "of --cron, such as Europe/Berlin (default: this machine's)")
	fl.DurationVar(&f.jitter, "jitter", 0, "start at random up to this much later")
	fl.BoolVar(&f.once, "once", false, "look once, now, and end")
	fl.StringVar(&f.catchUp, "catch-up", string(schedule.Skip), "times that were missed: skip, or one run for all of them")
	fl.StringVarP(&f.out, "out", "o", "", "run folder (default runs/NAME)")
	fl.StringVar(&f.registry, "registry", "", "folder of promoted models (default registry/NAME)")
	fl.StringArrayVar(&f.set, "set", nil, "override a setting, key.path=value; may be repeated")
	fl.StringArrayVar(&f.force, "force", nil, "run this stage each time; may be repeated")
	f.drift.add(fl)
	completeFlag(cmd, "force", a.completeStages)
	completeFlag(cmd, "catch-up", fixed(string(schedule.Skip), string(schedule.One)))
	cmd.AddCommand(a.scheduleHistoryCommand(), a.scheduleRollbackCommand())
	return cmd
}

// schedule checks what was asked for and loops, or looks once.
func (a *app) schedule(ctx context.Context, f scheduleFlags) error {
	policy := schedule.CatchUp(f.catchUp)
	switch {
	case f.once == (f.cron != ""):
		return usage("say either --cron or --once")
	case policy != schedule.Skip && policy != schedule.One:
		return usage("--catch-up %s: want skip or one", f.catchUp)
	case f.jitter < 0:
		return usage("--jitter is not negative")
	}
	cfg, err := configs.Load(f.preset, f.set)
	if err != nil {
		return err
	}
	if f.out == "" {
		f.out = defaultFolder(cfg)
	}
	if f.registry == "" {
		f.registry = filepath.Join("registry", cfg.Name)
	}
	reg := schedule.Registry{Dir: f.registry}
	if f.once {
		return a.serve(ctx, f, time.Time{}, true)
	}
	table, err := schedule.Parse(f.cron, f.zone)
	if err != nil {
		return usage("%w", err)
	}
	last, err := lastDue(reg, table, time.Now())
	if err != nil {
		return badInput(err)
	}
	loop := schedule.Loop{
		Table: table, CatchUp: policy, Jitter: f.jitter, Rand: rand.New(rand.NewPCG(uint64(os.Getpid()), uint64(time.Now().UnixNano()))),
		Missed: func(due time.Time) {
			fmt.Fprintf(a.stderr, "hanas: schedule: %s was missed\n", due.Format(time.RFC3339))
		},
	}
	err = loop.Run(ctx, last, func(ctx context.Context, due time.Time) error { return a.serve(ctx, f, due, false) })
	if errors.Is(err, schedule.ErrExpired) {
		return usage("%w", err)
	}
	return err
}

// lastDue is the latest time of the timetable that was served, but for those
// that were while the clock was ahead.
func lastDue(reg schedule.Registry, table *schedule.Timetable, now time.Time) (last time.Time, err error) {
	history, err := reg.History()
	for _, e := range history {
		if e.Due.After(last) && !table.Ahead(e.Due, now) {
			last = e.Due
		}
	}
	return last, err
}

// serve looks, runs if need be, decides, and prints the decision. A run that
// failed ends a look at once; a loop goes on to the next time.
func (a *app) serve(ctx context.Context, f scheduleFlags, due time.Time, last bool) error {
	e, err := a.retrain(ctx, f, schedule.Entry{Time: time.Now().UTC(), Due: due})
	if ctx.Err() != nil {
		return ctx.Err() // not served: the next call goes on
	}
	if err != nil {
		e.Action, e.Reason = schedule.Failed, err.Error()
		if err := (schedule.Registry{Dir: f.registry}).Append(e); err != nil {
			return err
		}
		if last {
			return err
		}
	}
	return a.print(e, func(w io.Writer) { fmt.Fprintln(w, entryLine(e)) })
}

func entryLine(e schedule.Entry) string {
	line := e.Time.Format(time.RFC3339) + " " + string(e.Action)
	if e.Version > 0 {
		line += fmt.Sprintf(" version %d", e.Version)
	}
	return line + ": " + e.Reason
}
