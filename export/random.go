package export

import (
	"math/rand/v2"

	"hanas/onnx/quant"
	"hanas/space"
)

// Random gives layers random weights, and tensors the ranges that such weights
// keep them in: the topology of a network whose weights nobody has here, to be
// counted, timed or opened by other programs. The same seed gives the same
// network. What it answers means nothing.
func Random(name string, layers []space.Layer, seed uint64) *Network {
	rng := rand.New(rand.NewPCG(seed, 0x4e7))
	n := &Network{Arch: name, Space: "random", Resolution: layers[0].InSize}
	x := quant.Range{Lo: -2, Hi: 2}
	block := x
	for i, l := range layers {
		u := randomUnit(l, rng)
		if i == 0 || layers[i-1].Stage != l.Stage || layers[i-1].Block != l.Block {
			block = x
		}
		u.In = x
		switch {
		case l.Act == "relu" || l.Act == "relu6":
			u.Out = quant.Range{Lo: 0, Hi: 4}
		case l.Act == "hswish":
			u.Out = quant.Range{Lo: -.375, Hi: 4}
		case l.Kind == space.SE || l.Kind == space.Pool:
			u.Out = x
		case l.Kind == space.Add:
			u.Out = quant.Range{Lo: x.Lo + block.Lo, Hi: x.Hi + block.Hi}
		default:
			u.Out = quant.Range{Lo: -4, Hi: 4}
		}
		x = u.Out
		n.Units = append(n.Units, u)
	}
	return n
}
