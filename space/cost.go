package space

import "slices"

// Weights is the number of multiplied weights: without batch norm and biases.
func (l Layer) Weights() int64 {
	switch l.Kind {
	case Conv, Pointwise, Depthwise:
		return int64(l.Out) * int64(l.In/l.Groups) * int64(l.Kernel) * int64(l.Kernel)
	case Linear:
		return int64(l.In) * int64(l.Out)
	case SE:
		return 2 * int64(l.In) * int64(l.Mid)
	}
	return 0
}

// MACs is the number of multiply-accumulates for one image. Pool, add,
// activations and the gating multiply of an SE count nothing.
func (l Layer) MACs() int64 {
	n := l.Weights()
	switch l.Kind {
	case Conv, Pointwise, Depthwise:
		n *= int64(l.OutSize) * int64(l.OutSize)
	}
	return n
}

// Params is the number of trained parameters: weights, batch norm's gain and
// bias, biases of the classifier and of an SE.
func (l Layer) Params() int64 {
	n := l.Weights()
	switch l.Kind {
	case Conv, Pointwise, Depthwise:
		if !l.NoNorm {
			n += 2 * int64(l.Out)
		}
	case Linear, SE:
		n += int64(l.Out) + int64(l.Mid)
	}
	return n
}

// WeightBytes is the size of the deployed layer's constants: weights packed at
// WBits, and 4 bytes of scale and 4 bytes of bias per output channel (batch
// norm is folded into the two).
func (l Layer) WeightBytes() int64 {
	channels := int64(l.Out) + int64(l.Mid)
	per := int64(8)
	switch {
	case l.WBits == 0:
		return 0
	case l.NoNorm:
		per = 4
	case l.Kind == SE: // two layers, each padded to a byte
		return 2*bitBytes(l.Weights()/2, l.WBits) + per*channels
	}
	return bitBytes(l.Weights(), l.WBits) + per*channels
}

// InBytes is the size of the layer's input tensor for one image, packed at
// ABits. The block input that an add also reads is not included.
func (l Layer) InBytes() int64 {
	return bitBytes(int64(l.In)*int64(l.InSize)*int64(l.InSize), l.ABits)
}

// OutBytes is the size of the layer's output tensor at the given bits: the
// ABits of the layer that reads it.
func (l Layer) OutBytes(bits int) int64 {
	return bitBytes(int64(l.Out)*int64(l.OutSize)*int64(l.OutSize), bits)
}

func bitBytes(n int64, bits int) int64 { return (n*int64(bits) + 7) / 8 }

// Costs are the exact, device-independent costs of a network for one image.
type Costs struct {
	MACs        int64
	Params      int64
	WeightBytes int64
	// PeakActivationBytes is the largest sum of live tensors while a layer
	// runs: its input, its output, and the block's input where an add still
	// waits for it. No tensor is overwritten in place, so it is an upper
	// bound for runtimes that do. The logits count as 32-bit.
	PeakActivationBytes int64
	BitOps              int64 // sum of MACs × WBits × ABits
}

// logitBits are the bits of the network's output.
const logitBits = 32

// Cost sums the costs of a network's layers; it does not allocate.
func Cost(layers []Layer) Costs {
	var c Costs
	held := int64(0) // block input waiting for its add
	wait := branches{any: len(layers) > 0 && slices.ContainsFunc(layers, func(l Layer) bool { return l.From != "" })}
	for i := range layers {
		l := &layers[i]
		macs := l.MACs()
		c.MACs += macs
		c.Params += l.Params()
		c.WeightBytes += l.WeightBytes()
		c.BitOps += macs * int64(l.WBits) * int64(l.ABits)
		out := logitBits
		if i+1 < len(layers) {
			out = layers[i+1].ABits
		}
		if wait.any && Ends(layers, i) {
			out = logitBits
		}
		wait.before(l)
		live := l.InBytes() + l.OutBytes(out) + wait.bytes + wait.second(layers, i)
		first := l.Stage >= 0 && (i == 0 || layers[i-1].Stage != l.Stage || layers[i-1].Block != l.Block)
		switch {
		case first:
			held = 0
			if hasAdd(layers[i:]) {
				held = l.InBytes() // counted as this layer's input here
			}
		case l.Stage < 0:
			held = 0
		default:
			live += held
		}
		c.PeakActivationBytes = max(c.PeakActivationBytes, live)
		wait.after(layers, i)
	}
	return c
}

// hasAdd says whether the block that layers start with ends in an add.
func hasAdd(layers []Layer) bool {
	for i := range layers {
		if layers[i].Stage != layers[0].Stage || layers[i].Block != layers[0].Block {
			return false
		}
		if layers[i].Kind == Add {
			return true
		}
	}
	return false
}
