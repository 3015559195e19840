package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"hanas/configs"
	"hanas/stages"
	"hanas/temporal/artifacts"
)

// Place says where the server and the bucket are. The zero values of the
// optional fields work.
type Place struct {
	Server    string // HOST:PORT of the Temporal frontend
	Namespace string // of the server; "" = "default"
	Artifacts string // URL of the bucket, artifacts.Open
	// Heartbeat is after how much silence a worker counts as dead; 0 = 30 s.
	Heartbeat time.Duration
	// Patience is how long the run waits for a server that does not answer; 0 = 15 min.
	Patience time.Duration
	// Shard is how many Archs a worker takes at a time; 0 = 16, more in long jobs.
	Shard int
	// Log hears what a user should know; nil = nobody.
	Log func(string)
}

func (p Place) withDefaults() Place {
	if p.Namespace == "" {
		p.Namespace = "default"
	}
	if p.Heartbeat <= 0 {
		p.Heartbeat = 30 * time.Second
	}
	if p.Patience <= 0 {
		p.Patience = 15 * time.Minute
	}
	if p.Log == nil {
		p.Log = func(string) {}
	}
	return p
}

// mostShards bounds the activities of a workflow: a server keeps the history of
// each, and refuses more than 2,000 at once.
const mostShards = 1000

func (p Place) shardSize(archs int) int {
	if p.Shard > 0 {
		return max(p.Shard, (archs+mostShards-1)/mostShards)
	}
	return max(16, (archs+mostShards-1)/mostShards)
}

// ticket is a job as it lies in the bucket.
type ticket struct {
	Job    stages.Job        `json:"job"`
	Inputs map[string]string `json:"inputs"` // artifact -> hash
}

// Order is the input of the workflow.
type Order struct {
	Ticket    string // hash of the job's ticket
	Shards    []stages.Shard
	Heartbeat time.Duration
}

// Task is the input of the activity.
type Task struct {
	Ticket string
	Shard  stages.Shard
}

// queue is where the jobs for a kind of machine wait.
func queue(kind string) string { return "hanas." + kind }

// post puts a job and its inputs into the bucket and returns the ticket's hash.
func post(ctx context.Context, store *artifacts.Store, job stages.Job) (string, error) {
	t := ticket{Job: job, Inputs: map[string]string{}}
	for name, path := range job.Inputs {
		hash, err := store.PutFile(ctx, path)
		if err != nil {
			return "", err
		}
		t.Inputs[name] = hash
	}
	data, err := json.Marshal(t) // keys in order: the same job is the same ticket
	if err != nil {
		return "", fmt.Errorf("fleet: job: %w", err)
	}
	return store.Put(ctx, data)
}

// take reads a ticket and fetches the job's inputs into a folder.
func take(ctx context.Context, store *artifacts.Store, hash, dir string) (stages.Job, error) {
	data, err := store.Get(ctx, hash)
	if err != nil {
		return stages.Job{}, err
	}
	t := ticket{Job: stages.Job{Config: &configs.Config{}}}
	if err := json.Unmarshal(data, &t); err != nil {
		return stages.Job{}, fmt.Errorf("fleet: ticket %.12s: %w (use one build of hanas everywhere)", hash, err)
	}
	t.Job.Inputs = map[string]string{}
	for name, input := range t.Inputs {
		if t.Job.Inputs[name], err = store.Fetch(ctx, input, dir); err != nil {
			return stages.Job{}, fmt.Errorf("fleet: %s: %w", name, err)
		}
	}
	return t.Job, nil
}
