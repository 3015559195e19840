package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"hanas/pipeline"
)

// options are those of a client at the place. The library's own log is not for
// users: what they should know goes through Place.Log.
func (p Place) options() client.Options {
	return client.Options{
		HostPort: p.Server, Namespace: p.Namespace,
		Logger: sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
	}
}

// await waits until more than the first next shards have results, or all are
// done, and returns the results so far.
func (r *request) await(ctx context.Context, id string, next int) ([]string, error) {
	for first := true; ; first = false {
		if !first {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(lookEvery):
			}
		}
		d, err := r.describe(ctx, id)
		if err != nil {
			return nil, err
		}
		if d.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			return r.result(ctx, id)
		}
		if err := r.mend(ctx, d); err != nil {
			return nil, err
		}
		// Only a worker can answer; there may be none now, so this may fail.
		if refs := r.ask(ctx, id); next < len(refs) && refs[next] != "" {
			return refs, nil
		}
	}
}

func (r *request) describe(ctx context.Context, id string) (d *workflowservice.DescribeWorkflowExecutionResponse, err error) {
	err = r.persist(ctx, func(ctx context.Context) error {
		d, err = r.client.DescribeWorkflowExecution(ctx, id, "")
		return err
	})
	return d, err
}

// known says whether the server has a workflow of the name.
func (r *request) known(ctx context.Context, id string) (bool, error) {
	_, err := r.describe(ctx, id)
	var absent *serviceerror.NotFound
	if errors.As(err, &absent) {
		return false, nil
	}
	return err == nil, err
}

// result is that of a workflow that has ended.
func (r *request) result(ctx context.Context, id string) (refs []string, err error) {
	err = r.persist(ctx, func(ctx context.Context) error {
		return r.client.GetWorkflow(ctx, id, "").Get(ctx, &refs)
	})
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("fleet: workflow %s: %w", id, err)
	}
	return refs, err
}

// ask is how long a query may take.
const askFor = 5 * time.Second

func (r *request) ask(ctx context.Context, id string) []string {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	v, err := r.client.QueryWorkflow(ctx, id, "", refsQuery)
	if err != nil {
		return nil
	}
	var refs []string
	if v.Get(&refs) != nil {
		return nil
	}
	return refs
}

// mend looks at the shards that failed and are to be tried again. Inputs that
// were edited or are gone are put there again; the rest the user hears of.
func (r *request) mend(ctx context.Context, d *workflowservice.DescribeWorkflowExecutionResponse) error {
	for _, a := range d.GetPendingActivities() {
		failure := a.GetLastFailure()
		if failure == nil || a.GetState() == enums.PENDING_ACTIVITY_STATE_STARTED {
			continue
		}
		r.say(fmt.Sprintf("%s (on %s; it is tried again)", failure.GetMessage(), a.GetLastWorkerIdentity()))
		if failure.GetApplicationFailureInfo().GetType() == artifactError {
			if _, err := post(ctx, r.store, r.job); err != nil {
				return err
			}
		}
	}
	return nil
}

// callFor is how long one call may take.
const callFor = 10 * time.Second

// persist makes a call until the server answers, for as long as the place's
// patience lasts.
func (r *request) persist(ctx context.Context, call func(ctx context.Context) error) error {
	end := time.Now().Add(r.place.Patience)
	for said := false; ; said = true {
		once, cancel := context.WithTimeout(ctx, callFor)
		err := call(once)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !noAnswer(err) {
			if said {
				r.place.Log(r.place.Server + " answers again")
			}
			return err
		}
		if time.Now().After(end) {
			return pipeline.MayPass(fmt.Errorf("fleet: %s does not answer: %w (is the server up? the same command goes on)", r.place.Server, err))
		}
		if !said {
			r.place.Log(fmt.Sprintf("%s does not answer, waiting up to %v: %v", r.place.Server, r.place.Patience, err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// noAnswer says whether an error is the connection's or a server's that is
// coming up, and no answer to what was asked.
func noAnswer(err error) bool {
	var away *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	var busy *serviceerror.ResourceExhausted
	return errors.As(err, &away) || errors.As(err, &late) || errors.As(err, &busy) || errors.Is(err, context.DeadlineExceeded)
}
