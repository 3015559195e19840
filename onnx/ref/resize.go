package ref

import (
	"fmt"
	"math"
	"slices"
)

// coordinates are the ways to find the input position of an output position x,
// where scale = out/in.
var coordinates = map[string]func(x, scale float64, in, out int) float64{
	"half_pixel": func(x, scale float64, _, _ int) float64 { return (x+0.5)/scale - 0.5 },
	"asymmetric": func(x, scale float64, _, _ int) float64 { return x / scale },
	"pytorch_half_pixel": func(x, scale float64, _, out int) float64 {
		if out == 1 {
			return 0
		}
		return (x+0.5)/scale - 0.5
	},
	"align_corners": func(x, _ float64, in, out int) float64 {
		if out == 1 {
			return 0
		}
		return x * float64(in-1) / float64(out-1)
	},
}

// nearests are the ways to round an input position.
var nearests = map[string]func(float64) float64{
	"round_prefer_floor": func(v float64) float64 { return math.Ceil(v - 0.5) },
	"round_prefer_ceil":  func(v float64) float64 { return math.Floor(v + 0.5) },
	"floor":              math.Floor,
	"ceil":               math.Ceil,
}

// resize works axis by axis, for the nearest neighbour or linearly.
func resize(c *call) error {
	x := c.in[0]
	where := coordinates[c.node.StrOr("coordinate_transformation_mode", "half_pixel")]
	round := nearests[c.node.StrOr("nearest_mode", "round_prefer_floor")]
	mode := c.node.StrOr("mode", "nearest")
	stretch := c.node.StrOr("keep_aspect_ratio_policy", "stretch") == "stretch"
	if where == nil || round == nil || (mode != "nearest" && mode != "linear") || !stretch || c.node.IntOr("antialias", 0) != 0 {
		return fmt.Errorf("mode %q with these coordinates is not supported", mode)
	}
	if mode == "linear" {
		round = nil
	}
	axes := c.node.IntsOr("axes")
	if axes == nil {
		for i := range x.shape {
			axes = append(axes, i)
		}
	}
	y := x
	for i, a := range axes {
		a = axis(a, len(x.shape))
		in, out, scale := x.shape[a], 0, 0.0
		if sizes := c.arg(3); sizes != nil && len(sizes.data) > 0 {
			out = sizes.ints()[i]
			scale = float64(out) / float64(in)
		} else {
			scale = c.in[2].data[i]
			out = int(math.Floor(float64(in) * scale))
		}
		if out != in || scale != 1 {
			y = resizeAxis(y, a, out, func(p int) float64 { return where(float64(p), scale, in, out) }, round)
		}
	}
	c.give(0, y)
	return nil
}

// resizeAxis takes, for each output position, the input at the rounded
// position, or without round the mix of its two neighbours.
func resizeAxis(x *array, at, out int, where func(int) float64, round func(float64) float64) *array {
	shape := slices.Clone(x.shape)
	shape[at] = out
	y := newArray(x.dtype, shape...)
	before, size, after := around(x.shape, at)
	clamp := func(v float64) int { return max(0, min(size-1, int(v))) }
	for p := range out {
		v := where(p)
		lo, hi, share := 0, 0, 0.0
		if round != nil {
			lo = clamp(round(v))
			hi = lo
		} else {
			v = max(0, min(float64(size-1), v))
			lo, hi, share = clamp(math.Floor(v)), clamp(math.Floor(v)+1), v-math.Floor(v)
		}
		for b := range before {
			for a := range after {
				y.data[(b*out+p)*after+a] = x.data[(b*size+lo)*after+a]*(1-share) + x.data[(b*size+hi)*after+a]*share
			}
		}
	}
	return y
}
