package datasets

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Images is a decoded split in memory.
type Images struct {
	Pixels    []uint8 // [N, 3, Size, Size]
	Labels    []int32 // [N]
	Size      int     // side in pixels
	Classes   []string
	Mean, Std [3]float32 // applied by Batch to pixels in [0,1]
	Located   *Located   // what is where, of data for detection; else nil
}

// Len is the number of images.
func (im *Images) Len() int { return len(im.Labels) }

// Fit says how an image of any shape becomes a square.
type Fit struct {
	Size   int  // side of the square that is cut from the centre
	Resize int  // length of the short side before the cut; 0 = Size
	Whole  bool // nothing is cut: the image is put into the square as Square does, with its objects
	// Broken, if set, is told of images that cannot be read, and they are left out;
	// otherwise the first of them is the error. It is called in their order. Not for images with objects.
	Broken func(i int, err error)
}

// ErrNoneReadable is the error of LoadFit when Fit.Broken is told of all images.
var ErrNoneReadable = errors.New("datasets: load: none of the images can be read")

// Load decodes every image of ds and fits it to size x size. The result does
// not depend on workers. Its normalisation is mean = std = 0.5; change Mean
// and Std, or use Set.Load, for another.
func Load(ctx context.Context, ds Dataset, size, workers int) (*Images, error) {
	return LoadFit(ctx, ds, Fit{Size: size}, workers)
}

// LoadFit is Load with a choice of how images are fitted.
func LoadFit(ctx context.Context, ds Dataset, fit Fit, workers int) (*Images, error) {
	if fit.Resize == 0 {
		fit.Resize = fit.Size
	}
	if fit.Size < 1 || fit.Size > maxSide || fit.Resize < fit.Size || fit.Resize > maxSide {
		return nil, fmt.Errorf("datasets: load: size %d, resize %d (need 1 <= size <= resize <= %d)", fit.Size, fit.Resize, maxSide)
	}
	n := ds.Len()
	if n == 0 {
		return nil, errors.New("datasets: load: the split has no images")
	}
	half := [3]float32{0.5, 0.5, 0.5}
	im := &Images{
		Pixels: make([]uint8, n*3*fit.Size*fit.Size), Labels: make([]int32, n), Size: fit.Size,
		Classes: ds.Classes(), Mean: half, Std: half,
	}
	if fit.Whole {
		im.Located = newLocated(n, im.Classes)
	}
	if err := im.fill(ctx, ds, fit, max(1, workers)); err != nil {
		return nil, err
	}
	if im.Located != nil {
		im.Located.gather()
	}
	return im, nil
}

// fill decodes with several workers. Of several faults the one with the
// lowest index is reported, so that an error is the same on every run.
func (im *Images) fill(ctx context.Context, ds Dataset, fit Fit, workers int) error {
	broken := make([]error, len(im.Labels)) // each written by one worker
	var (
		next    atomic.Int64
		wg      sync.WaitGroup
		mu      sync.Mutex
		failed  error
		failure = int64(len(im.Labels))
	)
	for range workers {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				mu.Lock()
				stop := i >= failure
				mu.Unlock()
				if stop {
					return
				}
				err := im.put(ctx, ds, fit, int(i))
				if err != nil && fit.Broken != nil && ctx.Err() == nil {
					broken[i] = err
					continue
				}
				if err != nil {
					mu.Lock()
					if i < failure {
						failure, failed = i, err
					}
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	if failed != nil || fit.Broken == nil {
		return failed
	}
	return im.leaveOut(broken, fit.Broken)
}

// leaveOut takes broken images out, and tells of them in their order.
func (im *Images) leaveOut(broken []error, tell func(int, error)) error {
	one, n := 3*im.Size*im.Size, 0
	for i, err := range broken {
		if err != nil {
			tell(i, err)
			continue
		}
		if n < i {
			copy(im.Pixels[n*one:(n+1)*one], im.Pixels[i*one:(i+1)*one])
			im.Labels[n] = im.Labels[i]
		}
		n++
	}
	im.Pixels, im.Labels = im.Pixels[:n*one], im.Labels[:n]
	if n == 0 {
		return ErrNoneReadable
	}
	return nil
}

// put decodes image i into its place.
func (im *Images) put(ctx context.Context, ds Dataset, fit Fit, i int) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("datasets: load: stopped at image %d: %w", i, err)
	}
	ex, err := ds.At(ctx, i)
	if err != nil {
		return err
	}
	if ex.Label < 0 || ex.Label >= len(im.Classes) {
		return fmt.Errorf("datasets: load: image %d has label %d, there are %d classes", i, ex.Label, len(im.Classes))
	}
	plane := im.Size * im.Size
	dst := im.Pixels[i*3*plane:][:3*plane]
	var src []byte
	if im.Located != nil {
		src, err = im.Located.put(i, ex, fit.Size)
	} else {
		src, err = fit.apply(ex)
	}
	if err != nil {
		return fmt.Errorf("datasets: load: image %d: %w", i, err)
	}
	for p := range plane {
		dst[p], dst[plane+p], dst[2*plane+p] = src[3*p], src[3*p+1], src[3*p+2]
	}
	im.Labels[i] = int32(ex.Label)
	return nil
}

// Batch writes the normalised images idx into dst, [len(idx), 3, Size, Size]
// float: (pixel/255 - mean) / std. labels may be nil. Several goroutines may
// call it.
func (im *Images) Batch(dst []float32, labels []int32, idx []int) error {
	return im.AugmentedBatch(dst, labels, idx, Augment{}, nil)
}

// AugmentedBatch is Batch with each image varied by aug. The random numbers
// are drawn in the order of idx; rng may be nil when aug is zero.
func (im *Images) AugmentedBatch(dst []float32, labels []int32, idx []int, aug Augment, rng *rand.Rand) error {
	one := 3 * im.Size * im.Size
	if len(dst) != len(idx)*one || (labels != nil && len(labels) != len(idx)) {
		return fmt.Errorf("datasets: batch: %d floats and %d labels for %d images of %d values", len(dst), len(labels), len(idx), one)
	}
	table, background := im.table()
	var distorted []uint8
	if aug.Distort > 0 {
		distorted = make([]uint8, one)
	}
	for k, i := range idx {
		if i < 0 || i >= im.Len() {
			return outOfRange("batch", i, im.Len())
		}
		if labels != nil {
			labels[k] = im.Labels[i]
		}
		src, out := im.Pixels[i*one:][:one], dst[k*one:][:one]
		if aug == (Augment{}) {
			normalise(out, src, table)
			continue
		}
		if aug.Distort > 0 {
			distort(distorted, src, im.Size, aug.Distort, rng)
			src = distorted
		}
		aug.draw(rng, im.Size).apply(out, src, im.Size, table, background)
	}
	return nil
}

// table gives the normalised value of every pixel value, and of the padding
// (black), for each channel.
func (im *Images) table() (t *[3][256]float32, background [3]float32) {
	t = new([3][256]float32)
	for c := range t {
		for v := range t[c] {
			t[c][v] = (float32(v)/255 - im.Mean[c]) / im.Std[c]
		}
		background[c] = t[c][0]
	}
	return t, background
}

func normalise(dst []float32, src []uint8, t *[3][256]float32) {
	plane := len(src) / 3
	for c := range t {
		tc := &t[c]
		out := dst[c*plane:][:plane]
		for p, v := range src[c*plane:][:plane] {
			out[p] = tc[v]
		}
	}
}
