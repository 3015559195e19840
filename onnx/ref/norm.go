package ref

import (
	"errors"
	"math"

	"hanas/onnx"
)

// batchNorm normalises each channel: with the given statistics, or in training
// mode with those of the batch (population variance). Training mode's further
// outputs are the running mean and variance.
func batchNorm(c *call) error {
	x, scale, bias, mu, variance := c.in[0], c.in[1], c.in[2], c.in[3], c.in[4]
	if len(x.shape) < 2 {
		return errors.New("needs a channel axis")
	}
	if c.node.IntOr("training_mode", 0) != 0 {
		keep := float64(c.node.FloatOr("momentum", 0.9))
		batchMean, batchVar := channelMoments(x)
		blend := func(old, now float64) float64 { return old*keep + now*(1-keep) }
		c.give(1, combine(mu, batchMean, blend))
		c.give(2, combine(variance, batchVar, blend))
		mu, variance = batchMean, batchVar
	}
	eps := float64(c.node.FloatOr("epsilon", 1e-5))
	y := newArray(x.dtype, x.shape...)
	_, channels, size := around(x.shape, 1)
	for i, v := range x.data {
		k := i / size % channels
		y.data[i] = (v-mu.data[k])/math.Sqrt(variance.data[k]+eps)*scale.data[k] + bias.data[k]
	}
	c.give(0, y)
	return nil
}

func channelMoments(x *array) (mu, variance *array) {
	batch, channels, size := around(x.shape, 1)
	mu, variance = newArray(x.dtype, channels), newArray(x.dtype, channels)
	count := float64(batch * size)
	for i, v := range x.data {
		mu.data[i/size%channels] += v / count
	}
	for i, v := range x.data {
		d := v - mu.data[i/size%channels]
		variance.data[i/size%channels] += d * d / count
	}
	return mu, variance
}

// standardise writes (v-mean)/sqrt(var+eps) of one row and returns the mean
// and the inverse deviation.
func standardise(out, row []float64, eps float64) (mu, inverse float64) {
	mu = mean(row)
	variance := 0.0
	for _, v := range row {
		variance += (v - mu) * (v - mu) / float64(len(row))
	}
	inverse = 1 / math.Sqrt(variance+eps)
	for i, v := range row {
		out[i] = (v - mu) * inverse
	}
	return mu, inverse
}

// layerNorm normalises over the axes from attribute axis on; the further
// outputs are the mean and the inverse deviation.
func layerNorm(c *call) error {
	x := c.in[0]
	from := axis(c.node.IntOr("axis", -1), len(x.shape))
	size := onnx.Elements(x.shape[from:])
	small := append([]int{}, x.shape...)
	for i := from; i < len(small); i++ {
		small[i] = 1
	}
	eps := float64(c.node.FloatOr("epsilon", 1e-5))
	y, mu, inverse := newArray(x.dtype, x.shape...), newArray(onnx.Float, small...), newArray(onnx.Float, small...)
	for i := range mu.data {
		mu.data[i], inverse.data[i] = standardise(y.data[i*size:(i+1)*size], x.data[i*size:(i+1)*size], eps)
	}
	y = combine(y, c.in[1], func(a, b float64) float64 { return a * b })
	if bias := c.arg(2); bias != nil {
		y = combine(y, bias, func(a, b float64) float64 { return a + b })
	}
	c.give(0, y)
	c.give(1, mu)
	c.give(2, inverse)
	return nil
}

// instanceNorm normalises each map of each image.
func instanceNorm(c *call) error {
	x, scale, bias := c.in[0], c.in[1], c.in[2]
	if len(x.shape) < 3 {
		return errors.New("needs maps")
	}
	size, channels := onnx.Elements(x.shape[2:]), x.shape[1]
	eps := float64(c.node.FloatOr("epsilon", 1e-5))
	y := newArray(x.dtype, x.shape...)
	for i := range x.shape[0] * channels {
		row := y.data[i*size : (i+1)*size]
		standardise(row, x.data[i*size:(i+1)*size], eps)
		for k := range row {
			row[k] = row[k]*scale.data[i%channels] + bias.data[i%channels]
		}
	}
	c.give(0, y)
	return nil
}

// softmax works along an axis; before opset 13 over all axes from one on.
func softmax(log bool) kernel {
	return func(c *call) error {
		x := c.in[0]
		at, def := 0, -1
		if c.opset < 13 {
			def = 1
		}
		at = axis(c.node.IntOr("axis", def), len(x.shape))
		before, size, after := around(x.shape, at)
		if c.opset < 13 {
			size, after = size*after, 1
		}
		y := newArray(x.dtype, x.shape...)
		for b := range before {
			for a := range after {
				softmaxLine(y.data, x.data, b*size*after+a, [2]int{size, after}, log)
			}
		}
		c.give(0, y)
		return nil
	}
}

// softmaxLine is one softmax over line[0] elements that are line[1] apart.
func softmaxLine(y, x []float64, first int, line [2]int, log bool) {
	top, total := math.Inf(-1), 0.0
	for i := range line[0] {
		top = max(top, x[first+i*line[1]])
	}
	for i := range line[0] {
		total += math.Exp(x[first+i*line[1]] - top)
	}
	for i := range line[0] {
		p := first + i*line[1]
		y[p] = x[p] - top - math.Log(total)
		if !log {
			y[p] = math.Exp(y[p])
		}
	}
}
