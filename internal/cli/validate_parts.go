package cli

import (
	"cmp"
	"context"
	"errors"
	"runtime"

	"hanas/datasets"
)

// partBytes bounds the pixels of a part: 50,000 photographs at 224x224 are 7.5 GB
// as bytes and 30 GB as the network takes them, a part of them 64 and 256 MB.
const partBytes = 64 << 20

// loaded are the images of a part that could be read, and what they are called.
// Images is nil where none could.
type loaded struct {
	*datasets.Images
	names  []string
	broken []imageResult // left out: --broken skip
}

// kept is the last split that was one part, for the next file.
type kept struct {
	set  *datasets.Set
	part *loaded
}

// splitOf is the split that was asked for, cut to --limit.
func (v *validator) splitOf(set *datasets.Set) datasets.Dataset {
	ds := map[string]datasets.Dataset{"train": set.Train, "val": set.Val, "test": set.Test}[v.split]
	if v.limit == 0 || v.limit >= ds.Len() {
		return ds
	}
	return datasets.Subset(ds, span(0, v.limit))
}

// parts decodes the split part by part, the next one while use looks at one.
// Parts are of about equal length; from is the first image of one.
func (v *validator) parts(ctx context.Context, set *datasets.Set, use func(part *loaded, from, total int) error) error {
	ds := v.splitOf(set)
	n := ds.Len()
	most := max(1, cmp.Or(v.bytes, partBytes)/(3*set.Info.Size*set.Info.Size))
	count := max(1, (n+most-1)/most)
	if count == 1 {
		part, err := v.whole(ctx, set, ds)
		if err != nil {
			return err
		}
		return use(part, 0, n)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type read struct {
		part *loaded
		err  error
	}
	ahead := make(chan read)
	go func() {
		defer close(ahead)
		for k := range count {
			part, err := v.load(ctx, set, datasets.Subset(ds, span(k*n/count, (k+1)*n/count)))
			select {
			case ahead <- read{part, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	for k := range count {
		r, more := <-ahead
		if !more {
			return ctx.Err()
		}
		if r.err != nil {
			return r.err
		}
		if err := use(r.part, k*n/count, n); err != nil {
			return err
		}
	}
	return nil
}

// whole decodes a split that is one part, or takes it from the file before.
func (v *validator) whole(ctx context.Context, set *datasets.Set, ds datasets.Dataset) (*loaded, error) {
	if v.kept.set == set {
		return v.kept.part, nil
	}
	part, err := v.load(ctx, set, ds)
	if err == nil {
		v.kept = kept{set, part}
	}
	return part, err
}

// load decodes images; broken ones are an error or are left out, as --broken
// says.
func (v *validator) load(ctx context.Context, set *datasets.Set, ds datasets.Dataset) (*loaded, error) {
	out, unreadable := &loaded{}, map[int]bool{}
	var skip func(i int, err error)
	if v.broken == "skip" {
		skip = func(i int, err error) {
			unreadable[i] = true
			out.broken = append(out.broken, brokenResult(ds, i, err))
		}
	}
	var err error
	out.Images, err = set.LoadReadable(ctx, ds, runtime.GOMAXPROCS(0), skip)
	if errors.Is(err, datasets.ErrNoneReadable) {
		out.Images, err = nil, nil
	}
	if err != nil {
		return nil, badInput(err)
	}
	for i := range ds.Len() {
		if !unreadable[i] {
			out.names = append(out.names, datasets.NameOf(ds, i))
		}
	}
	return out, nil
}

// tell says how many images of a file are done.
func (v *validator) tell(done, total int) {
	if v.console != nil {
		v.console.Update("validate", int64(done), int64(total), "images")
	}
}

// span is the numbers from from up to to, which is left out.
func span(from, to int) []int {
	out := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, i)
	}
	return out
}
