package supernet

import (
	"math"

	"hanas/datasets"
	"hanas/space"
)

// cell is a place where a head predicts: cell (X, Y) of a map of Stride.
type cell struct {
	x, y   float64 // centre, in pixels of the input
	stride float64 // pixels
	level  int     // number of the head
}

// cells are those of all heads, head after head, row by row: the last axis of
// the logits.
func cells(layers []space.Layer) []cell {
	var out []cell
	level := 0
	for i, l := range layers {
		if !space.Ends(layers, i) {
			continue
		}
		stride := float64(layers[0].InSize) / float64(l.OutSize)
		for y := range l.OutSize {
			for x := range l.OutSize {
				out = append(out, cell{(float64(x) + 0.5) * stride, (float64(y) + 0.5) * stride, stride, level})
			}
		}
		level++
	}
	return out
}

// Rows of the targets behind those of the classes.
const (
	rowLeft     = iota // sides of the box, in strides from the cell's centre
	rowTop             //
	rowRight           //
	rowBottom          //
	rowQuality         // how well the cell lies for its object, 0.5 to 1; 0 without one
	rowPositive        // 1 where there is an object
	targetRows
)

// cellLabels is [batch, classes+targetRows, cells].
func cellLabels(layers []space.Layer, batch int) []int {
	classes := layers[len(layers)-1].Out - space.BoxChannels
	return []int{batch, classes + targetRows, len(cells(layers))}
}

const (
	// levelReach is the longest side of an object that a head but the last is
	// given, in strides (FCOS bounds the distances to the sides likewise, section 3.2).
	levelReach = 4.0
	// centreReach is how far from an object's centre its cells lie at most, in
	// strides along each axis (centre sampling of FCOS's later versions; there 1.5).
	centreReach = 0.5
)

// assign gives each cell the object that it shall find, by index, or -1: of the
// objects whose size is the head's and whose centre is near the cell's, the one
// with the smallest area; of equal ones the first.
func assign(grid []cell, objects []datasets.Object) []int {
	levels, strides := 0, []float64(nil)
	for _, c := range grid {
		if c.level == levels {
			strides, levels = append(strides, c.stride), levels+1
		}
	}
	out := make([]int, len(grid))
	for k := range out {
		out[k] = -1
	}
	for o, obj := range objects {
		b := obj.Box
		level := 0
		for level < levels-1 && max(b.W, b.H) > levelReach*strides[level] {
			level++
		}
		cx, cy := b.X+b.W/2, b.Y+b.H/2
		for k, c := range grid {
			near := centreReach * c.stride
			if obj.Crowd || c.level != level || math.Abs(c.x-cx) > near || math.Abs(c.y-cy) > near {
				continue
			}
			if was := out[k]; was < 0 || b.W*b.H < objects[was].Box.W*objects[was].Box.H {
				out[k] = o
			}
		}
	}
	return out
}

// quality is the target of a cell's objectness: 1 at the object's centre and
// 1/2 as far from it as a cell may lie; x and y are the distances in strides.
// It is there for what FCOS's centreness is (of two cells the one that sees the
// object better wins), but small objects, which may lie between the centres of
// cells, have one too.
func quality(x, y float64) float64 {
	return 1 - (x*x+y*y)/(4*centreReach*centreReach)
}

// cellTargets writes the targets of one image, [classes+targetRows, cells].
// Cells without object get a box of one stride, so that their loss, which
// counts nothing, is a number.
func cellTargets(dst []float32, grid []cell, classes int, objects []datasets.Object) {
	clear(dst)
	n := len(grid)
	row := func(r int) []float32 { return dst[(classes+r)*n:][:n] }
	for k, o := range assign(grid, objects) {
		if o < 0 {
			row(rowLeft)[k], row(rowTop)[k], row(rowRight)[k], row(rowBottom)[k] = -0.5, -0.5, 0.5, 0.5
			continue
		}
		c, b := grid[k], objects[o].Box
		left, top := (b.X-c.x)/c.stride, (b.Y-c.y)/c.stride
		right, bottom := left+b.W/c.stride, top+b.H/c.stride
		row(rowLeft)[k], row(rowTop)[k], row(rowRight)[k], row(rowBottom)[k] = float32(left), float32(top), float32(right), float32(bottom)
		row(rowQuality)[k], row(rowPositive)[k] = float32(quality((left+right)/2, (top+bottom)/2)), 1
		dst[objects[o].Category*n+k] = 1
	}
}

// fillCells writes the targets of an image.
func (t *Trainer) fillCells(dst []float32, image int, _ int32) {
	cellTargets(dst, t.grid, t.Net.Space.Classes, t.Images.Located.In(image))
}

// distilCells mixes the largest network's probabilities of classes where there
// are objects, and its objectness everywhere; boxes are those of the labels. It counts the cells with an object whose
// class is the most probable one.
func (t *Trainer) distilCells(soft, labels, logits []float32, share float64) (right, of int) {
	classes, n := t.Net.Space.Classes, len(t.grid)
	copy(soft, labels)
	for k, v := range logits[(classes+space.BoxChannels-1)*n:] {
		q := (classes+rowQuality)*n + k
		soft[q] = float32(share/(1+math.Exp(-float64(v))) + (1-share)*float64(labels[q]))
	}
	column, p := make([]float32, classes), make([]float32, classes)
	for k := range n {
		if labels[(classes+rowPositive)*n+k] == 0 {
			continue
		}
		for c := range classes {
			column[c] = logits[c*n+k]
		}
		best := softmax(p, column)
		for c := range classes {
			soft[c*n+k] = float32(share*float64(p[c]) + (1-share)*float64(labels[c*n+k]))
		}
		of++
		if labels[best*n+k] == 1 {
			right++
		}
	}
	return right, of
}
