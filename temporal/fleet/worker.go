package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"hanas/stages"
	"hanas/temporal/artifacts"
)

// Worker is a machine that does shards. The zero values of all but Place and
// Kind work.
type Worker struct {
	Place
	Kind  string // of this machine, stages.Kind
	Jobs  int    // shards at a time; 0 = one a core
	Data  string // where this machine has the images; "" = where the run says
	Cache string // folder for inputs; "" = a folder of the user's cache

	store *artifacts.Store
	mu    sync.Mutex
	hands map[string]*opening // by ticket
}

// opening is a job that is being opened, or has been.
type opening struct {
	once sync.Once
	hand *stages.Hand
	err  error
}

// Run does shards until ctx ends. It waits for a server that does not answer.
func (w *Worker) Run(ctx context.Context) error {
	w.Place = w.withDefaults()
	if w.Jobs <= 0 {
		w.Jobs = runtime.GOMAXPROCS(0)
	}
	if w.Cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("fleet: worker: %w (name a folder with --cache)", err)
		}
		w.Cache = filepath.Join(base, "hanas", "artifacts")
	}
	if err := os.MkdirAll(w.Cache, 0o777); err != nil {
		return fmt.Errorf("fleet: worker: %w", err)
	}
	var err error
	if w.store, err = artifacts.Open(ctx, w.Artifacts); err != nil {
		return err
	}
	defer w.store.Close()
	w.hands = map[string]*opening{}
	c, err := client.NewLazyClient(w.options())
	if err != nil {
		return fmt.Errorf("fleet: worker: %w", err)
	}
	defer c.Close()
	return w.serve(ctx, c)
}

// serve is Run with everything open.
func (w *Worker) serve(ctx context.Context, c client.Client) error {
	fatal := make(chan error, 1)
	for said := false; ; said = true {
		x := worker.New(c, queue(w.Kind), worker.Options{
			MaxConcurrentActivityExecutionSize: w.Jobs,
			MaxHeartbeatThrottleInterval:       5 * time.Second,
			DefaultHeartbeatThrottleInterval:   5 * time.Second,
			OnFatalError: func(err error) {
				select {
				case fatal <- err:
				default:
				}
			},
		})
		x.RegisterWorkflowWithOptions(Scatter, workflow.RegisterOptions{Name: scatterName})
		x.RegisterActivityWithOptions(w.score, activity.RegisterOptions{Name: scoreName})
		err := x.Start()
		if err == nil {
			w.Log(fmt.Sprintf("waiting for work at %s, %d shard(s) at a time, as %s", w.Server, w.Jobs, w.Kind))
			select {
			case <-ctx.Done():
				x.Stop()
				return nil
			case err = <-fatal:
			}
		}
		if !said {
			w.Log(fmt.Sprintf("%s does not answer, trying again: %v", w.Server, err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// score is the activity: it does a shard and returns the hash of its scores.
func (w *Worker) score(ctx context.Context, t Task) (string, error) {
	hand, err := w.hand(ctx, t.Ticket)
	if err != nil {
		return "", kindOf(err)
	}
	var done []stages.Score
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &done); err != nil {
			done = nil // of another build: from the start
		}
	}
	beat := newPulse(ctx, done, activity.GetInfo(ctx).HeartbeatTimeout/3)
	scores, err := hand.Shard(ctx, t.Shard, done, beat.tell)
	beat.stop()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", temporal.NewNonRetryableApplicationError(err.Error(), faultError, err)
	}
	data, err := json.Marshal(scores)
	if err != nil {
		return "", temporal.NewNonRetryableApplicationError(err.Error(), faultError, err)
	}
	return w.store.Put(ctx, data)
}

// kindOf gives an error from opening a job its type on the server. Most are of
// this machine alone (no images, a full disk), and another may do better.
func kindOf(err error) error {
	if errors.Is(err, artifacts.ErrContent) {
		return temporal.NewApplicationErrorWithCause(err.Error(), artifactError, err)
	}
	return err
}

// hand opens a job once. Errors are not kept: what was missing may be there the
// next time.
func (w *Worker) hand(ctx context.Context, ticket string) (*stages.Hand, error) {
	w.mu.Lock()
	o := w.hands[ticket]
	if o == nil {
		o = &opening{}
		clear(w.hands) // images are large: one job at a time, and those that run keep theirs
		w.hands[ticket] = o
	}
	w.mu.Unlock()
	o.once.Do(func() { o.hand, o.err = w.open(context.WithoutCancel(ctx), ticket) })
	if o.err != nil {
		w.mu.Lock()
		if w.hands[ticket] == o {
			delete(w.hands, ticket)
		}
		w.mu.Unlock()
	}
	return o.hand, o.err
}

func (w *Worker) open(ctx context.Context, ticket string) (*stages.Hand, error) {
	job, err := take(ctx, w.store, ticket, w.Cache)
	if err != nil {
		return nil, err
	}
	if w.Data != "" {
		job.Config.Data.Path = w.Data
	}
	env, err := stages.NewEnv(job.Config, w.Log)
	if err != nil {
		return nil, err
	}
	w.Log(fmt.Sprintf("job %.12s: %d sub-networks", ticket, len(job.Archs)))
	return env.Hand(ctx, job)
}
