package fleet

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Names on the server. They and the types of Order and Task are a protocol:
// change them only together with the code's version in stages.
const (
	scatterName = "hanas.scatter"
	scoreName   = "hanas.score"
	refsQuery   = "refs"
)

// Types of application errors.
const (
	faultError    = "fault"    // would happen anywhere: the workflow fails
	artifactError = "artifact" // an input was edited or is gone: the run puts it there again
)

// Scatter has the shards of an order done and returns the hashes of their
// results. Asked "refs", it tells those that are known, "" for the others.
func Scatter(ctx workflow.Context, o Order) ([]string, error) {
	refs := make([]string, len(o.Shards))
	if err := workflow.SetQueryHandler(ctx, refsQuery, func() ([]string, error) { return refs, nil }); err != nil {
		return nil, err
	}
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 24 * time.Hour, // the heartbeat finds the dead sooner
		HeartbeatTimeout:    o.Heartbeat,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 20 * time.Second,
			NonRetryableErrorTypes: []string{faultError},
		},
	})
	var failed error
	done := workflow.NewSelector(ctx)
	for i, shard := range o.Shards {
		done.AddFuture(workflow.ExecuteActivity(ctx, scoreName, Task{o.Ticket, shard}), func(f workflow.Future) {
			if err := f.Get(ctx, &refs[i]); err != nil && failed == nil {
				failed = err
			}
		})
	}
	for range o.Shards {
		done.Select(ctx)
		if failed != nil {
			return nil, failed
		}
	}
	return refs, nil
}
