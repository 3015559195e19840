package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"hanas/stages"
	"hanas/temporal/artifacts"
)

// Crew is a stages.Crew of the workers at a place.
type Crew struct {
	place  Place
	client client.Client
	store  *artifacts.Store
}

// Join opens the bucket. The server is first spoken to when there is work.
func Join(ctx context.Context, place Place) (*Crew, error) {
	place = place.withDefaults()
	store, err := artifacts.Open(ctx, place.Artifacts)
	if err != nil {
		return nil, err
	}
	c, err := client.NewLazyClient(place.options())
	if err != nil {
		store.Close()
		return nil, fmt.Errorf("fleet: %s: %w", place.Server, err)
	}
	return &Crew{place, c, store}, nil
}

// Close ends the connections. Work that was begun goes on.
func (c *Crew) Close() error {
	c.client.Close()
	return c.store.Close()
}

// repairs bounds how often a shard whose result was edited or removed is done
// again.
const repairs = 5

// Score has the workers do the job, see stages.Crew. Whoever asks for the same
// job, also after a kill or from another machine, gets the same work: it is
// known on the server by its content.
func (c *Crew) Score(ctx context.Context, job stages.Job, from int, emit func(int, stages.Score) error) error {
	hash, err := post(ctx, c.store, job)
	if err != nil {
		return err
	}
	r := &request{Crew: c, job: job, ticket: hash, said: map[string]bool{}}
	shards := job.Shards(0, c.place.shardSize(len(job.Archs)))
	if from > 0 {
		known, err := r.known(ctx, r.id(shards, 0))
		if err != nil {
			return err
		}
		if !known { // of a run in process: only what is left
			for len(shards) > 0 && shards[0].To <= from {
				shards = shards[1:]
			}
		}
	}
	return r.collect(ctx, shards, 0, func(s stages.Shard, scores []stages.Score) error {
		for k, score := range scores {
			if i := s.From + k; i >= from {
				if err := emit(i, score); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// request is a job that is waited for.
type request struct {
	*Crew
	job    stages.Job
	ticket string
	said   map[string]bool // to the user
}

// id names a workflow by its content and by how often it was tried before.
func (r *request) id(shards []stages.Shard, attempt int) string {
	data, _ := json.Marshal(shards) // numbers: cannot fail
	return fmt.Sprintf("hanas-%s-%.16s-%.8s-%d", r.job.Stage, r.ticket, artifacts.Hash(data), attempt)
}

// collect has the shards done and hands their scores on in order.
func (r *request) collect(ctx context.Context, shards []stages.Shard, attempt int, use func(stages.Shard, []stages.Score) error) error {
	id := r.id(shards, attempt)
	if err := r.start(ctx, id, shards); err != nil {
		return err
	}
	r.say(fmt.Sprintf("%d shards at %s as workflow %s (they go on if this program ends; the same command collects them)", len(shards), r.place.Server, id))
	for next := 0; next < len(shards); {
		refs, err := r.await(ctx, id, next)
		if err != nil {
			return err
		}
		for ; next < len(shards) && next < len(refs) && refs[next] != ""; next++ {
			s := shards[next]
			scores, err := r.load(ctx, s, refs[next])
			switch {
			case err == nil:
				err = use(s, scores)
			case errors.Is(err, artifacts.ErrContent) && attempt < repairs:
				r.say(fmt.Sprintf("shard [%d, %d): %v: it is done again", s.From, s.To, err))
				err = r.collect(ctx, []stages.Shard{s}, attempt+1, use)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// start begins a workflow unless there is one of the name, running or done.
func (r *request) start(ctx context.Context, id string, shards []stages.Shard) error {
	return r.persist(ctx, func(ctx context.Context) error {
		_, err := r.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: id, TaskQueue: queue(r.job.Machine),
			WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
			WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		}, scatterName, Order{r.ticket, shards, r.place.Heartbeat})
		return err
	})
}

// load reads the scores of a shard and holds them against the job.
func (r *request) load(ctx context.Context, s stages.Shard, ref string) ([]stages.Score, error) {
	data, err := r.store.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	var scores []stages.Score
	if err := json.Unmarshal(data, &scores); err != nil {
		return nil, fmt.Errorf("fleet: result %.12s: %w", ref, err)
	}
	if len(scores) != s.To-s.From {
		return nil, fmt.Errorf("fleet: result %.12s: %d scores of %d Archs", ref, len(scores), s.To-s.From)
	}
	for k, score := range scores {
		if want := r.job.Archs[s.From+k]; score.Arch != want {
			return nil, fmt.Errorf("fleet: result %.12s: a score of %s where %s was due", ref, score.Arch, want)
		}
	}
	return scores, nil
}

// lookEvery is how often the run asks how far the work is.
const lookEvery = 500 * time.Millisecond

func (r *request) say(text string) {
	if !r.said[text] {
		r.said[text] = true
		r.place.Log(text)
	}
}
