package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/onnx/ort"
	"hanas/pipeline"
	"hanas/stages"
)

// Elsewhere is what a build for several machines adds to the program. It is a
// module of its own (temporal/), so that others need not build its libraries.
type Elsewhere interface {
	// Crew is one that scores on the machines at a place; leave ends the connections.
	Crew(ctx context.Context, p Place) (crew stages.Crew, leave func() error, err error)
	// Work does what is asked for at a place until ctx ends.
	Work(ctx context.Context, p Place, s WorkSettings, rt *ort.Runtime) error
}

// Place says where machines meet. Zero durations and counts are the defaults.
type Place struct {
	Server    string // HOST:PORT of a Temporal server; "" = this machine alone
	Namespace string
	Artifacts string        // URL of a bucket
	Heartbeat time.Duration // silence after which a worker counts as dead
	Patience  time.Duration // with a server that does not answer
	Shard     int           // sub-networks that a worker takes at a time
	Log       func(string)
}

// WorkSettings are those of a worker.
type WorkSettings struct {
	Jobs  int    // shards at a time; 0 = one a core
	Data  string // where this machine has the images; "" = where the run says
	Cache string // folder for inputs; "" = the user's cache
}

// meeting adds the flags that run and worker share.
func (p *Place) meeting(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.Server, "temporal", "", "HOST:PORT of the Temporal server where machines meet")
	cmd.Flags().StringVar(&p.Artifacts, "artifacts", "", "bucket for files: file:///DIR, s3://NAME, gs://NAME or azblob://NAME")
	cmd.Flags().StringVar(&p.Namespace, "namespace", "default", "of the Temporal server")
}

// flags adds those of a run.
func (p *Place) flags(cmd *cobra.Command) {
	p.meeting(cmd)
	cmd.Flags().DurationVar(&p.Heartbeat, "heartbeat", 30*time.Second, "silence after which a worker counts as dead")
	cmd.Flags().DurationVar(&p.Patience, "patience", 15*time.Minute, "how long to wait for a server that does not answer")
	cmd.Flags().IntVar(&p.Shard, "shard", 0, "sub-networks that a worker takes at a time (default 16, more in long runs)")
}

// check refuses half a place, and any in a build that works alone.
func (a *app) check(p Place) error {
	switch {
	case p.Server == "" && p.Artifacts == "":
		return nil
	case p.Server == "" || p.Artifacts == "":
		return usage("--temporal and --artifacts belong together: machines need a server to meet at and a bucket for files")
	case a.elsewhere == nil:
		return usage("this build works on one machine (build the one for many: go build -C temporal ./cmd/hanas)")
	}
	return nil
}

// spread is a.stages with the scoring at a place, if one is named.
func (a *app) spread(ctx context.Context, p Place, cfg *configs.Config) (table []pipeline.Stage, leave func(), err error) {
	if err := a.check(p); err != nil {
		return nil, nil, err
	}
	if p.Server == "" {
		table, err = a.stages(cfg, p.Log)
		return table, func() {}, err
	}
	crew, closeCrew, err := a.elsewhere.Crew(ctx, p)
	if err != nil {
		return nil, nil, badInput(err)
	}
	leave = func() { _ = closeCrew() } // nothing is written at the end
	if table, err = stages.With(crew, cfg, p.Log); err != nil {
		leave()
	}
	return table, leave, err
}

func (a *app) workerCommand() *cobra.Command {
	var p Place
	var s WorkSettings
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Do a part of the runs of other machines",
		Long: `Joins the machines that share the scoring of runs (hanas run --temporal): takes
shards from a Temporal server, files from a bucket, until it is stopped. It can
be killed at any moment, and there may be any number of them; the results are
the same. It takes work only from runs with the same version of ONNX Runtime and
the same instruction sets, because others may round otherwise.`,
		Example: `  hanas worker --temporal temporal:7233 --artifacts s3://bucket
  hanas worker --temporal localhost:7233 --artifacts file:///srv/hanas --jobs 1 --data /srv/cifar10`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.Server == "" {
				return usage("--temporal HOST:PORT and --artifacts URL are needed (see hanas worker --help)")
			}
			if err := a.check(p); err != nil {
				return err
			}
			c := a.console()
			defer c.Close()
			rt, err := openORT(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer rt.Close()
			p.Log = func(line string) { c.Log("", line) }
			return a.elsewhere.Work(cmd.Context(), p, s, rt)
		},
	}
	p.meeting(cmd)
	cmd.Flags().IntVarP(&s.Jobs, "jobs", "j", 0, "shards at a time (default: one a core)")
	cmd.Flags().StringVar(&s.Data, "data", "", "where this machine has the images (default: where the run says)")
	cmd.Flags().StringVar(&s.Cache, "cache", "", "folder for files from the bucket (default: in the user's cache)")
	return cmd
}
