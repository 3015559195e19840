package datasets

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// subset is part of a data set.
type subset struct {
	Dataset
	name string
	idx  []int
}

// Subset is the images of ds at the positions idx, in that order.
func Subset(ds Dataset, idx []int) Dataset { return subset{ds, "subset", idx} }

func (s subset) Len() int { return len(s.idx) }

// Name is that of the image in the whole.
func (s subset) Name(i int) string { return NameOf(s.Dataset, s.idx[i]) }

// Label is that of the image in the whole.
func (s subset) Label(i int) (int, bool) { return LabelOf(s.Dataset, s.idx[i]) }

func (s subset) At(ctx context.Context, i int) (Example, error) {
	if i < 0 || i >= len(s.idx) {
		return Example{}, outOfRange(s.name, i, len(s.idx))
	}
	return s.Dataset.At(ctx, s.idx[i])
}

// pools are the images found on disk, by what their folder or file says they
// are for; val and test may be nil.
type pools struct{ train, val, test Dataset }

// split turns what was found into three splits that share no image: a split
// that has no images of its own is drawn by seed from the training images.
func split(name string, p pools, s Settings) (*Set, error) {
	n := p.train.Len()
	perm := rand.New(rand.NewPCG(s.Seed, 0x73706c6974)).Perm(n) // "split"
	take := func(own Dataset, want int, what string) (Dataset, error) {
		if own != nil {
			m := own.Len()
			if want == 0 {
				want = m
			}
			if want > m {
				return nil, fmt.Errorf("datasets: %s: %d %s images asked for, %d there (lower the count)", name, want, what, m)
			}
			return subset{own, name + " " + what, prefix(rand.New(rand.NewPCG(s.Seed, 0x6f776e)).Perm(m), want, m)}, nil
		}
		if want == 0 {
			want = min(n/10, 5000)
		}
		if want >= len(perm) {
			return nil, fmt.Errorf("datasets: %s: %d %s images held out leave none of %d to train on (lower the count)", name, want, what, n)
		}
		out := subset{p.train, name + " " + what, slices.Clone(perm[:want])}
		perm = perm[want:]
		slices.Sort(out.idx) // reading in file order is kind to disks and caches
		return out, nil
	}
	val, err := take(p.val, s.Val, "val")
	if err != nil {
		return nil, err
	}
	test, err := take(p.test, s.Test, "test")
	if err != nil {
		return nil, err
	}
	if s.Train > len(perm) {
		return nil, fmt.Errorf("datasets: %s: %d train images asked for, %d are left beside val and test (lower the count)", name, s.Train, len(perm))
	}
	if s.Train > 0 {
		perm = perm[:s.Train]
	}
	perm = slices.Clone(perm)
	slices.Sort(perm)
	return &Set{Train: subset{p.train, name + " train", perm}, Val: val, Test: test, Info: Info{Name: name}}, nil
}

// prefix sorts the first want of perm; all of them are simply 0..m-1.
func prefix(perm []int, want, m int) []int {
	out := slices.Clone(perm[:want])
	slices.Sort(out)
	return out
}

// measureCount is how many training images the normalisation is measured on:
// enough for a mean within 0.005 of the whole set's.
const measureCount = 512

// measure sets the mean and standard deviation of each channel, rounded to
// four digits, from evenly spaced training images. The sums are integers, so
// that the order of the workers does not show.
func (s *Set) measure(ctx context.Context) error {
	from := s.Train
	if from.Len() == 0 { // a list that is only for testing
		from = s.Test
	}
	n := from.Len()
	idx := make([]int, min(n, measureCount))
	for i := range idx {
		idx[i] = i * n / len(idx)
	}
	im, err := LoadFit(ctx, Subset(from, idx), Fit{Size: s.Info.Size, Resize: s.Info.Resize}, 2)
	if err != nil {
		return err
	}
	plane := im.Size * im.Size
	for c := range 3 {
		var sum, squares uint64
		for i := range im.Len() {
			for _, v := range im.Pixels[(i*3+c)*plane:][:plane] {
				sum += uint64(v)
				squares += uint64(v) * uint64(v)
			}
		}
		count := float64(im.Len() * plane)
		mean := float64(sum) / count
		sd := math.Sqrt(max(0, float64(squares)/count-mean*mean))
		s.Info.Mean[c] = float32(math.Round(mean/255*1e4) / 1e4)
		s.Info.Std[c] = float32(max(0.01, math.Round(sd/255*1e4)/1e4)) // a constant channel stays finite
	}
	return nil
}
