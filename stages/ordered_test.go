package stages

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestOrderedKeepsOrderOnAnyWorkerCount(t *testing.T) {
	for _, workers := range []int{1, 2, 7} {
		var got []int
		err := ordered(context.Background(), workers, 100, func(_ context.Context, i int) (int, error) {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
			return i * i, nil
		}, func(i, v int) error {
			if v != i*i {
				t.Fatalf("result %d is %d", i, v)
			}
			got = append(got, i)
			return nil
		})
		if err != nil || len(got) != 100 || !slices.IsSorted(got) {
			t.Fatalf("%d workers: %d results, sorted %v, err %v", workers, len(got), slices.IsSorted(got), err)
		}
	}
}

func TestOrderedStopsAtTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	var started atomic.Int32
	emitted := 0
	err := ordered(context.Background(), 2, 1000, func(_ context.Context, i int) (int, error) {
		started.Add(1)
		if i == 5 {
			return 0, broken
		}
		return i, nil
	}, func(int, int) error { emitted++; return nil })
	if !errors.Is(err, broken) || emitted > 5 || started.Load() > 50 {
		t.Fatalf("err %v, %d emitted, %d started", err, emitted, started.Load())
	}
	full := errors.New("disk full")
	if err := ordered(context.Background(), 2, 10, func(_ context.Context, i int) (int, error) { return i, nil },
		func(i, _ int) error { return full }); !errors.Is(err, full) {
		t.Fatalf("emit's error is lost: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := ordered(ctx, 2, 10, func(ctx context.Context, i int) (int, error) { return i, ctx.Err() },
		func(int, int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancel is lost: %v", err)
	}
}
