package space

import (
	"fmt"
	"slices"
)

// Resize gives the layers of the same network for square images of another
// size: channels, kernels and bits stay, the feature maps follow the strides.
func Resize(layers []Layer, resolution int) ([]Layer, error) {
	if resolution < 1 || resolution > maxImage {
		return nil, fmt.Errorf("space: resize: resolution %d is outside [1, %d]", resolution, maxImage)
	}
	out := slices.Clone(layers)
	size := resolution
	for i := range out {
		l := &out[i]
		if l.From != "" {
			size = out[max(0, Reads(out, i))].OutSize
		}
		if l.Stride < 1 {
			return nil, fmt.Errorf("space: resize: layer %s has stride %d", l.Name, l.Stride)
		}
		l.InSize = size
		if l.Kind == Pool {
			l.Kernel, size = size, 1
		} else {
			size = (size-1)/l.Stride + 1
		}
		l.OutSize = size
	}
	return out, nil
}
