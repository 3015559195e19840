package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"hanas/datasets"
)

// Boxes are COCO's twelve figures for boxes, fractions in [0,1], or -1 where
// there is no object to find. AP is the mean over intersection-over-union
// thresholds 0.50 to 0.95, 101 recall points and categories; AR the mean of
// the highest recalls with 1, 10 and 100 boxes an image. Small is less than
// 32x32 pixels, large more than 96x96. https://cocodataset.org/#detection-eval
type Boxes struct {
	AP       float64 `json:"ap"`
	AP50     float64 `json:"ap50"`
	AP75     float64 `json:"ap75"`
	APSmall  float64 `json:"ap_small"`
	APMedium float64 `json:"ap_medium"`
	APLarge  float64 `json:"ap_large"`
	AR1      float64 `json:"ar1"`
	AR10     float64 `json:"ar10"`
	AR100    float64 `json:"ar100"`
	ARSmall  float64 `json:"ar_small"`
	ARMedium float64 `json:"ar_medium"`
	ARLarge  float64 `json:"ar_large"`
}

const (
	thresholds = 10  // of intersection over union
	recalls    = 101 // points at which precision is read
	mostBoxes  = 100 // boxes an image and category
)

// areas are the ranges of object area, square pixels, both ends included.
var areas = [...]struct{ low, high float64 }{
	{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10},
}

// limits are the numbers of boxes an image that average recall is given for.
var limits = [...]int{1, 10, mostBoxes}

// spread is n evenly spaced numbers from low to high, rounded as
// numpy.linspace rounds them: a threshold decides equal cases.
func spread(low, high float64, n int) []float64 {
	v := make([]float64, n)
	step := (high - low) / float64(n-1)
	for i := range v {
		v[i] = low + float64(float64(i)*step)
	}
	v[n-1] = high
	return v
}

// categoryScore is precision and recall of one category; -1 where it has no
// object of that area.
type categoryScore struct {
	precision [len(areas)][thresholds]float64 // mean over the recall points, mostBoxes boxes
	recall    [len(areas)][len(limits)][thresholds]float64
}

// ScoreBoxes computes the twelve figures for detections on scenes, as the COCO
// API does: boxes are matched greedily by score; crowds and objects outside
// the area range neither count nor harm, and a crowd takes any number of
// boxes. Of equal scores the box given first comes first. Every image counts,
// also one without detections; workers (0 = all cores) do not change the
// result.
func ScoreBoxes(ctx context.Context, s *datasets.Scenes, dets []datasets.Detection, workers int) (Boxes, error) {
	groups, err := group(s, dets)
	if err != nil {
		return Boxes{}, err
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	scores := make([]categoryScore, len(groups))
	next := make(chan int, len(groups))
	for c := range groups {
		next <- c
	}
	close(next)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for c := range next {
				if ctx.Err() != nil {
					return
				}
				scores[c] = scoreCategory(groups[c])
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return Boxes{}, fmt.Errorf("eval: boxes: stopped: %w", err)
	}
	return summary(scores), nil
}

// scene is what one image has of one category.
type scene struct {
	objects []datasets.Object
	boxes   []datasets.Detection
}

// group sorts objects and boxes by category and image; images with neither are
// left out. Images are in ascending order of id, as the COCO API has them: it
// decides which of two equal scores comes first.
func group(s *datasets.Scenes, dets []datasets.Detection) ([][]scene, error) {
	rank := make([]int, len(s.Images))
	order := make([]int, len(s.Images))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if s.Images[a].ID < s.Images[b].ID {
			return -1
		}
		return 1
	})
	for k, i := range order {
		rank[i] = k
	}
	byKey := make([]map[int]*scene, len(s.Categories))
	for c := range byKey {
		byKey[c] = map[int]*scene{}
	}
	at := func(image, category int) (*scene, error) {
		if image < 0 || image >= len(rank) || category < 0 || category >= len(byKey) {
			return nil, fmt.Errorf("eval: boxes: image %d, category %d of %d images and %d categories", image, category, len(rank), len(byKey))
		}
		m := byKey[category]
		if m[rank[image]] == nil {
			m[rank[image]] = &scene{}
		}
		return m[rank[image]], nil
	}
	for _, o := range s.Objects {
		sc, err := at(o.Image, o.Category)
		if err != nil {
			return nil, err
		}
		sc.objects = append(sc.objects, o)
	}
	for _, d := range dets {
		if math.IsNaN(d.Score) {
			return nil, errors.New("eval: boxes: a score is not a number")
		}
		sc, err := at(d.Image, d.Category)
		if err != nil {
			return nil, err
		}
		sc.boxes = append(sc.boxes, d)
	}
	out := make([][]scene, len(byKey))
	for c, m := range byKey {
		keys := make([]int, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			out[c] = append(out[c], *m[k])
		}
	}
	return out, nil
}

// summary averages over the categories that have objects.
func summary(scores []categoryScore) Boxes {
	precision := func(area, from, to int) float64 {
		var m mean
		for _, s := range scores {
			for t := from; t < to; t++ {
				m.add(s.precision[area][t])
			}
		}
		return m.value()
	}
	recall := func(area, limit int) float64 {
		var m mean
		for _, s := range scores {
			for _, v := range s.recall[area][limit] {
				m.add(v)
			}
		}
		return m.value()
	}
	return Boxes{
		AP: precision(0, 0, thresholds), AP50: precision(0, 0, 1), AP75: precision(0, 5, 6),
		APSmall: precision(1, 0, thresholds), APMedium: precision(2, 0, thresholds), APLarge: precision(3, 0, thresholds),
		AR1: recall(0, 0), AR10: recall(0, 1), AR100: recall(0, 2),
		ARSmall: recall(1, 2), ARMedium: recall(2, 2), ARLarge: recall(3, 2),
	}
}

// mean leaves out what is -1: no object.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v float64) {
	if v > -1 {
		m.sum += v
		m.n++
	}
}

func (m *mean) value() float64 {
	if m.n == 0 {
		return -1
	}
	return m.sum / float64(m.n)
}
