package export

import (
	"math"

	"hanas/onnx/quant"
	"hanas/space"
)

// Unit is one Layer with its numbers.
type Unit struct {
	Layer  space.Layer
	Weight []float32 // [Out, In/Groups, K, K], or [Out, In]; before rounding and folding
	Gain   []float32 // per output channel, folded batch norm: y = Gain*conv(x) + Bias; nil = 1
	Bias   []float32 // per output channel; nil = 0
	Step   []float32 // of the rounded weights before folding, per output channel; nil = quant.Scale's
	In     quant.Range
	Out    quant.Range // of the layer's own output, before a residual add
	SE     *SEWeights
}

// FoldNorm merges batch norm, y = gamma*(conv-mean)/sqrt(variance+epsilon) + beta
// per output channel, into y = gain*conv + bias.
func FoldNorm(gamma, beta, mean, variance []float32, epsilon float64) (gain, bias []float32) {
	gain, bias = make([]float32, len(gamma)), make([]float32, len(gamma))
	for c := range gamma {
		g := float64(gamma[c]) / math.Sqrt(float64(variance[c])+epsilon)
		gain[c], bias[c] = float32(g), float32(float64(beta[c])-float64(mean[c])*g)
	}
	return gain, bias
}

// SEWeights are the two 1x1 convolutions of a squeeze-excite gate.
type SEWeights struct {
	Reduce, ReduceBias []float32 // [Mid, In], [Mid]
	Expand, ExpandBias []float32 // [In, Mid], [In]
	// Hidden is the range between the two, behind the ReLU. Where it is known
	// (Hi > 0) and the weights have at most 8 bits, the gate of a quantised
	// tensor runs on integer kernels as well; else in float.
	Hidden quant.Range
}

// Network is an Arch ready to be written.
type Network struct {
	Arch, Space string // the Arch's key and the space's name
	Units       []Unit
	Labels      []string
	Mean, Std   []float32 // normalisation that the input expects, of RGB in [0,1]
	Resolution  int
	Metadata    map[string]string // added to the file's
}

// startsBlock says whether unit i is the first of its block.
func startsBlock(units []Unit, i int) bool {
	if i == 0 {
		return true
	}
	l, p := units[i].Layer, units[i-1].Layer
	return l.Stage < 0 || l.Stage != p.Stage || l.Block != p.Block
}
