package stages

import (
	"context"
	"sync"
)

// ordered runs work(0) … work(n-1) on several goroutines and hands the results
// to emit in order, so that a file written by emit has the same bytes on any
// number of workers. The first error stops it. At most 4 results a worker wait
// for their turn.
func ordered[T any](ctx context.Context, workers, n int, work func(ctx context.Context, i int) (T, error), emit func(i int, v T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type slot struct {
		v    T
		done chan struct{}
	}
	slots := make([]slot, n)
	for i := range slots {
		slots[i].done = make(chan struct{})
	}
	tickets := make(chan int, 4*max(workers, 1))
	var wg sync.WaitGroup
	next := make(chan int)
	for range max(workers, 1) {
		wg.Go(func() {
			for i := range next {
				v, err := work(ctx, i)
				if err != nil {
					cancel(err)
					return
				}
				slots[i].v = v
				close(slots[i].done)
			}
		})
	}
	go func() {
		defer close(next)
		for i := range n {
			select {
			case tickets <- i:
			case <-ctx.Done():
				return
			}
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	for i := range n {
		select {
		case <-slots[i].done:
		case <-ctx.Done():
			wg.Wait()
			return context.Cause(ctx)
		}
		if err := emit(i, slots[i].v); err != nil {
			cancel(err)
			wg.Wait()
			return err
		}
		var zero T
		slots[i].v = zero
		<-tickets
	}
	return nil
}
