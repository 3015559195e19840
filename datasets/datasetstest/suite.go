// Package datasetstest checks that a data set keeps the promises of
// datasets.Dataset.
//
//	func TestMine(t *testing.T) { datasetstest.Run(t, func() (datasets.Dataset, error) { return open() }) }
package datasetstest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"hanas/datasets"
)

// probes is how many images of a data set the suite looks at.
const probes = 24

// Run checks what open gives, twice, so that a second opening is compared with
// the first.
func Run(t *testing.T, open func() (datasets.Dataset, error)) {
	t.Helper()
	first, err := open()
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	second, err := open()
	if err != nil {
		t.Fatalf("open again: %v", err)
	}
	t.Run("range", func(t *testing.T) { outOfRange(t, first) })
	t.Run("examples", func(t *testing.T) { examples(t, first) })
	t.Run("deterministic", func(t *testing.T) { same(t, first, second) })
	t.Run("concurrent", func(t *testing.T) { concurrent(t, first, second) })
	t.Run("load", func(t *testing.T) { load(t, first) })
	t.Run("cancel", func(t *testing.T) { cancel(t, first) })
}

// indices are up to probes positions spread over ds, its ends included.
func indices(ds datasets.Dataset) []int {
	n := min(ds.Len(), probes)
	out := make([]int, n)
	for i := range out {
		out[i] = i * (ds.Len() - 1) / max(1, n-1)
	}
	return out
}

func outOfRange(t *testing.T, ds datasets.Dataset) {
	if ds.Len() < 1 {
		t.Fatalf("Len is %d", ds.Len())
	}
	for _, i := range []int{-1, ds.Len(), ds.Len() + 1e6} {
		if _, err := ds.At(t.Context(), i); err == nil {
			t.Errorf("At(%d) of %d images gives no error", i, ds.Len())
		}
	}
}

func examples(t *testing.T, ds datasets.Dataset) {
	classes := ds.Classes()
	if len(classes) < 2 {
		t.Errorf("%d classes", len(classes))
	}
	if sorted := slices.Sorted(slices.Values(classes)); len(slices.Compact(sorted)) != len(classes) {
		t.Errorf("a class name is used twice: %v", classes)
	}
	for _, i := range indices(ds) {
		ex, err := ds.At(t.Context(), i)
		if err != nil {
			t.Fatalf("At(%d): %v", i, err)
		}
		if ex.W < 1 || ex.H < 1 || len(ex.Image) != 3*ex.W*ex.H {
			t.Errorf("At(%d) is %dx%d in %d bytes", i, ex.W, ex.H, len(ex.Image))
		}
		if ex.Label < 0 || ex.Label >= len(classes) {
			t.Errorf("At(%d) has label %d of %d", i, ex.Label, len(classes))
		}
	}
}

func equal(a, b datasets.Example) bool {
	return a.W == b.W && a.H == b.H && a.Label == b.Label && bytes.Equal(a.Image, b.Image)
}

func same(t *testing.T, a, b datasets.Dataset) {
	if a.Len() != b.Len() || !slices.Equal(a.Classes(), b.Classes()) {
		t.Fatalf("opened twice: %d and %d images", a.Len(), b.Len())
	}
	for _, i := range indices(a) {
		x, _ := a.At(t.Context(), i)
		y, _ := a.At(t.Context(), i)
		z, _ := b.At(t.Context(), i)
		if !equal(x, y) || !equal(x, z) {
			t.Errorf("At(%d) differs from one time to the next", i)
		}
	}
}

// concurrent reads in another order from several goroutines; run it with -race.
func concurrent(t *testing.T, a, b datasets.Dataset) {
	idx := indices(a)
	var wg sync.WaitGroup
	failures := make(chan error, 4*len(idx))
	for w := range 4 {
		wg.Go(func() {
			for k := range idx {
				i := idx[(k*7+w*5)%len(idx)]
				x, err := a.At(context.Background(), i)
				y, _ := b.At(context.Background(), i)
				if err != nil || !equal(x, y) {
					failures <- fmt.Errorf("At(%d) differs under concurrency: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
}

func load(t *testing.T, ds datasets.Dataset) {
	part := datasets.Subset(ds, indices(ds))
	one, err := datasets.Load(t.Context(), part, 16, 1)
	if err != nil {
		t.Fatal(err)
	}
	many, err := datasets.Load(t.Context(), part, 16, 5)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Pixels, many.Pixels) || !slices.Equal(one.Labels, many.Labels) {
		t.Error("Load depends on the number of workers")
	}
}

func cancel(t *testing.T, ds datasets.Dataset) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := datasets.Load(ctx, ds, 16, 2); err == nil {
		t.Error("Load goes on after its context is cancelled")
	}
}
