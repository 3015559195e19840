package pipeline

import (
	"container/heap"
	"context"
	"runtime"
	"slices"
)

// task is a stage that has not begun.
type task struct {
	stage   *Stage
	place   int // in the order of makers before users
	missing int // artifacts that it needs and that are not there yet
	verdict verdict
}

// queue is a heap of tasks, the first in order on top.
type queue []*task

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].place < q[j].place }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(*task)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	*q = (*q)[:last]
	return t
}

// await takes a stage into the books: it is ready, or waits for artifacts.
func (e *execution) await(t *task) {
	t.missing = len(t.stage.Needs)
	for _, name := range t.stage.Needs {
		e.users[name] = append(e.users[name], t)
	}
	if t.missing == 0 {
		heap.Push(&e.ready, t)
	}
}

// provide says that an artifact is there, which may make its users ready. Each
// need is looked at once, so that the whole run is linear in the graph.
func (e *execution) provide(name, hash string) {
	e.made[name] = hash
	for _, t := range e.users[name] {
		if t.missing--; t.missing == 0 {
			heap.Push(&e.ready, t)
		}
	}
	delete(e.users, name)
}

// start judges all stages that are ready, takes over the fresh ones (which may
// make others ready), and begins as many of the others as there is room for.
func (e *execution) start(ctx context.Context) error {
	for len(e.ready) > 0 {
		if ctx.Err() != nil {
			return nil // run reports it
		}
		t := heap.Pop(&e.ready).(*task)
		s := t.stage
		v, err := judge(e.Dir, s, e.manifest.Stages[s.Name], e.made)
		if err != nil {
			return err
		}
		if v.reason == "" && slices.Contains(e.Force, s.Name) {
			v.reason = "forced"
		}
		if v.reason == "" {
			if err := e.skip(s, v); err != nil {
				return err
			}
			continue
		}
		t.verdict = v
		at, _ := slices.BinarySearchFunc(e.due, t.place, func(other *task, place int) int { return other.place - place })
		e.due = slices.Insert(e.due, at, t)
	}
	for i := 0; i < len(e.due) && !e.full(); i++ {
		t := e.due[i]
		if !e.room(t.stage) {
			continue
		}
		e.due = slices.Delete(e.due, i, i+1)
		i--
		e.events <- Event{Kind: Started, Stage: t.stage.Name, Text: t.verdict.reason}
		e.account()
		e.running = append(e.running, t.stage)
		go e.work(ctx, t.stage, t.verdict)
	}
	return nil
}

// full says that no stage at all may begin now.
func (e *execution) full() bool { return len(e.running) >= e.jobs() }

func (e *execution) jobs() int {
	if e.Jobs > 0 {
		return e.Jobs
	}
	return runtime.GOMAXPROCS(0)
}
