package eval

import (
	"cmp"
	"slices"
	"sort"

	"hanas/datasets"
)

// verdict is what became of one box at one threshold.
type verdict uint8

const (
	wrong   verdict = iota // found nothing that was left
	right                  // found an object
	ignored                // found what does not count, or is itself out of range
)

// judged is one box of a category with its verdict at each threshold.
type judged struct {
	score    float64
	rank     int // among the boxes of its image
	verdicts [thresholds]verdict
}

// scoreCategory scores one category over all its images.
func scoreCategory(scenes []scene) (out categoryScore) {
	for i := range scenes {
		sc := &scenes[i]
		slices.SortStableFunc(sc.boxes, func(a, b datasets.Detection) int { return cmp.Compare(b.Score, a.Score) })
		sc.boxes = sc.boxes[:min(len(sc.boxes), mostBoxes)]
	}
	overlaps := make([][]float64, len(scenes))
	for i, sc := range scenes {
		overlaps[i] = overlap(sc)
	}
	levels, points := spread(0.5, 0.95, thresholds), spread(0, 1, recalls)
	for a := range areas {
		var all []judged
		count := 0
		for i, sc := range scenes {
			m := matcher{scene: sc, overlaps: overlaps[i], area: a}
			count += m.prepare()
			all = append(all, m.judge(levels)...)
		}
		slices.SortStableFunc(all, func(x, y judged) int { return cmp.Compare(y.score, x.score) })
		for t := range thresholds {
			out.precision[a][t] = precision(all, t, count, points)
			for l, most := range limits {
				out.recall[a][l][t] = recall(all, t, count, most)
			}
		}
	}
	return out
}

// overlap is intersection over union of every box with every object, [boxes,
// objects]; of a crowd, intersection over the box.
func overlap(sc scene) []float64 {
	out := make([]float64, len(sc.boxes)*len(sc.objects))
	for d, det := range sc.boxes {
		for g, o := range sc.objects {
			a, b := det.Box, o.Box
			w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
			h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
			if w <= 0 || h <= 0 {
				continue
			}
			inter := w * h
			union := a.W * a.H
			if !o.Crowd {
				union = float64(union+float64(b.W*b.H)) - inter
			}
			out[d*len(sc.objects)+g] = inter / union
		}
	}
	return out
}

// matcher matches the boxes of one image to its objects in one area range.
type matcher struct {
	scene
	overlaps []float64
	area     int
	order    []int  // objects, those that count first
	skip     []bool // by object: does not count
}

// prepare orders the objects and says how many count.
func (m *matcher) prepare() (count int) {
	r := areas[m.area]
	m.skip = make([]bool, len(m.objects))
	for g, o := range m.objects {
		m.skip[g] = o.Crowd || o.Area < r.low || o.Area > r.high
		if !m.skip[g] {
			m.order = append(m.order, g)
		}
	}
	count = len(m.order)
	for g := range m.objects {
		if m.skip[g] {
			m.order = append(m.order, g)
		}
	}
	return count
}

// judge gives every box its verdicts, best score first.
func (m *matcher) judge(levels []float64) []judged {
	out := make([]judged, len(m.boxes))
	taken := make([]bool, len(m.objects))
	r := areas[m.area]
	for d, det := range m.boxes {
		out[d].score, out[d].rank = det.Score, d
	}
	for t, level := range levels {
		clear(taken)
		for d, det := range m.boxes {
			g := m.best(d, level, taken)
			switch {
			case g < 0:
				if a := det.Box.W * det.Box.H; a < r.low || a > r.high {
					out[d].verdicts[t] = ignored
				}
				continue
			case m.skip[g]:
				out[d].verdicts[t] = ignored
			default:
				out[d].verdicts[t] = right
			}
			taken[g] = true
		}
	}
	return out
}

// best is the free object that box d overlaps most, at least by level; one
// that does not count only if no other is found. -1 is none. Of equal overlaps
// the later object wins, as in the COCO API.
func (m *matcher) best(d int, level float64, taken []bool) int {
	found := -1
	level = min(level, 1-1e-10)
	row := m.overlaps[d*len(m.objects):][:len(m.objects)]
	for _, g := range m.order {
		if taken[g] && !m.objects[g].Crowd {
			continue
		}
		if found >= 0 && !m.skip[found] && m.skip[g] {
			break
		}
		if row[g] >= level {
			level, found = row[g], g
		}
	}
	return found
}

// precision is the mean over the recall points of the highest precision at
// that recall or more.
func precision(all []judged, t, count int, points []float64) float64 {
	if count == 0 {
		return -1
	}
	var recalled, precise []float64
	hits, misses := 0, 0
	for _, j := range all {
		switch j.verdicts[t] {
		case right:
			hits++
		case wrong:
			misses++
		}
		// 2^-52 keeps 0/0 at 0, as in the COCO API.
		recalled = append(recalled, float64(hits)/float64(count))
		precise = append(precise, float64(hits)/(float64(hits+misses)+0x1p-52))
	}
	for i := len(precise) - 1; i > 0; i-- {
		precise[i-1] = max(precise[i-1], precise[i])
	}
	sum := 0.0
	for _, p := range points {
		if i := sort.SearchFloat64s(recalled, p); i < len(precise) {
			sum += precise[i]
		}
	}
	return sum / float64(len(points))
}

// recall is the part of the objects found by the first boxes of each image.
func recall(all []judged, t, count, most int) float64 {
	if count == 0 {
		return -1
	}
	hits := 0
	for _, j := range all {
		if j.rank < most && j.verdicts[t] == right {
			hits++
		}
	}
	return float64(hits) / float64(count)
}
