package ref

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"hanas/onnx"
)

// topK takes the k largest (or smallest) along an axis, best first; of equal
// ones the first. They are sorted whether or not that is asked for.
func topK(c *call) error {
	x := c.in[0]
	at := axis(c.node.IntOr("axis", -1), len(x.shape))
	k := c.node.IntOr("k", 0)
	if a := c.arg(1); a != nil {
		k = a.ints()[0]
	}
	before, size, after := around(x.shape, at)
	if k < 0 || k > size {
		return fmt.Errorf("cannot take the top %d of %d", k, size)
	}
	shape := slices.Clone(x.shape)
	shape[at] = k
	y, index := newArray(x.dtype, shape...), newArray(onnx.Int64, shape...)
	sense := 1.0
	if c.node.IntOr("largest", 1) != 0 {
		sense = -1
	}
	order := make([]int, size)
	for b := range before {
		for a := range after {
			value := func(i int) float64 { return x.data[(b*size+i)*after+a] }
			for i := range order {
				order[i] = i
			}
			slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(sense*value(i), sense*value(j)) })
			for p, i := range order[:k] {
				y.data[(b*k+p)*after+a], index.data[(b*k+p)*after+a] = value(i), float64(i)
			}
		}
	}
	c.give(0, y)
	c.give(1, index)
	return nil
}

// oneHot puts an axis of depth positions in; values are [off, on].
func oneHot(c *call) error {
	index, depth, values := c.in[0], c.in[1].ints()[0], c.in[2]
	at := axis(c.node.IntOr("axis", -1), len(index.shape)+1)
	y := newArray(values.dtype, slices.Insert(slices.Clone(index.shape), at, depth)...)
	before, _, after := around(y.shape, at)
	for b := range before {
		for p := range depth {
			for a := range after {
				i := int(index.data[b*after+a])
				if i < 0 {
					i += depth
				}
				y.data[(b*depth+p)*after+a] = values.data[int(truth(i == p))]
			}
		}
	}
	c.give(0, y)
	return nil
}

func rangeOf(c *call) error {
	start, limit, delta := c.in[0].data[0], c.in[1].data[0], c.in[2].data[0]
	n := math.Ceil((limit - start) / delta)
	if !(n < maxElements) {
		return fmt.Errorf("from %v to %v by %v is too long", start, limit, delta)
	}
	y := newArray(c.in[0].dtype, int(max(0, n)))
	for i := range y.data {
		y.data[i] = start + float64(i)*delta
	}
	c.give(0, y)
	return nil
}

// nonMaxSuppression picks, for each image and class, boxes by falling score
// that overlap no picked one by more than a bound; rows are image, class, box.
func nonMaxSuppression(c *call) error {
	boxes, scores := c.in[0], c.in[1]
	limit, overlap, least := 0, 0.0, math.Inf(-1)
	if a := c.arg(2); a != nil {
		limit = a.ints()[0]
	}
	if a := c.arg(3); a != nil {
		overlap = a.data[0]
	}
	if a := c.arg(4); a != nil {
		least = a.data[0]
	}
	centre := c.node.IntOr("center_point_box", 0) != 0
	images, classes, n := scores.shape[0], scores.shape[1], scores.shape[2]
	var rows []float64
	for p := range images * classes {
		score := scores.data[p*n : (p+1)*n]
		box := func(i int) [4]float64 { return corners([4]float64(boxes.data[(p/classes*n+i)*4:]), centre) }
		var order []int
		for i, s := range score {
			if s > least {
				order = append(order, i)
			}
		}
		slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(score[j], score[i]) })
		var picked []int
		for _, i := range order {
			clear := !slices.ContainsFunc(picked, func(j int) bool { return intersectionOverUnion(box(i), box(j)) > overlap })
			if clear && len(picked) < limit {
				picked = append(picked, i)
				rows = append(rows, float64(p/classes), float64(p%classes), float64(i))
			}
		}
	}
	y := newArray(onnx.Int64, len(rows)/3, 3)
	copy(y.data, rows)
	c.give(0, y)
	return nil
}

// corners orders a box as low and high y, x: from two opposite corners, or
// from its centre x, y, width and height.
func corners(b [4]float64, centre bool) [4]float64 {
	if centre {
		return [4]float64{b[1] - b[3]/2, b[0] - b[2]/2, b[1] + b[3]/2, b[0] + b[2]/2}
	}
	return [4]float64{min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])}
}

func intersectionOverUnion(a, b [4]float64) float64 {
	h, w := min(a[2], b[2])-max(a[0], b[0]), min(a[3], b[3])-max(a[1], b[1])
	if h <= 0 || w <= 0 {
		return 0
	}
	area := func(b [4]float64) float64 { return (b[2] - b[0]) * (b[3] - b[1]) }
	return h * w / (area(a) + area(b) - h*w)
}
