package search

import (
	"context"
	"fmt"
	"sync"
)

// Parallel spreads the batches of an evaluation over workers goroutines, in
// contiguous parts. The points keep their order, so a search finds the same
// whatever the number of workers. The first error
// is returned, and cancels the other parts.
func Parallel[G comparable](workers int, evaluate func(context.Context, []G) ([]Point, error)) func(context.Context, []G) ([]Point, error) {
	return func(ctx context.Context, genomes []G) ([]Point, error) {
		parts := min(workers, len(genomes))
		if parts <= 1 {
			return evaluate(ctx, genomes)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var (
			points = make([][]Point, parts)
			wg     sync.WaitGroup
			once   sync.Once
			first  error
		)
		for i := range parts {
			lo, hi := i*len(genomes)/parts, (i+1)*len(genomes)/parts
			wg.Go(func() {
				part, err := evaluate(ctx, genomes[lo:hi])
				if err == nil && len(part) != hi-lo {
					err = fmt.Errorf("search: evaluate: %d points for %d genomes", len(part), hi-lo)
				}
				if err != nil {
					once.Do(func() { first = err; cancel() })
				}
				points[i] = part
			})
		}
		wg.Wait()
		if first != nil {
			return nil, first
		}
		all := make([]Point, 0, len(genomes))
		for _, p := range points {
			all = append(all, p...)
		}
		return all, nil
	}
}
