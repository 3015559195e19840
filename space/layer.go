package space

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind names an operator.
type Kind string

// The operators that networks are made of.
const (
	Conv      Kind = "conv"      // k×k convolution over all channels
	Pointwise Kind = "pointwise" // 1×1 convolution
	Depthwise Kind = "depthwise" // k×k convolution, one channel at a time
	Linear    Kind = "linear"    // fully connected, with bias
	SE        Kind = "se"        // squeeze-excite: mean, reduce, relu, expand, hard sigmoid, multiply
	Pool      Kind = "pool"      // global average pool
	Add       Kind = "add"       // residual: adds the block's input
)

// Layer is one operator with its exact shapes and bits. Feature maps are
// square. Layer is comparable; with Name, Stage, Block and From cleared (see Shape)
// it identifies a row of a latency table as Key does.
type Layer struct {
	// Name is unique in the network and the same in every Arch that has the
	// layer: "stem", "s1.b0.expand", "s1.b0.dw", "s1.b0.se", "s1.b0.project",
	// "s1.b0.add", "head", "pool", "mix", "classifier"; of a detector "d1.lateral",
	// "d1.dw", "d1.predict".
	Name            string
	Kind            Kind
	Stage, Block    int // from 0; Stage is -1 outside the stages, Block counts inside its stage
	In, Out         int // channels
	InSize, OutSize int // height = width
	Kernel, Stride  int
	Groups          int
	Mid             int    // channels between the two halves of an SE, else 0
	Act             string // after the layer: "", "relu", "relu6" or "hswish"
	NoNorm          bool   // a convolution that has neither batch norm nor bias
	From            string // the layer whose output it reads, by name; "" = the one before
	WBits           int    // bits of the weights, 0 where there are none
	ABits           int    // bits of the layer's input tensor; 16 = kept in float on a CPU
}

// Shape is the layer without its place in the network: a map key that is equal
// exactly when Key is, without building a string.
func (l Layer) Shape() Layer {
	l.Name, l.Stage, l.Block, l.From = "", 0, 0, ""
	return l
}

// Key is the name of the layer's row in a latency table: readable, stable and
// complete but for the layer's place in the network, e.g.
// "depthwise/in:96x16x16/out:96x8x8/k5/s2/relu/w4/a8". ParseLayerKey reads it.
func (l Layer) Key() string {
	b := make([]byte, 0, 72)
	b = append(b, l.Kind...)
	b = appendShape(append(b, "/in:"...), l.In, l.InSize)
	b = appendShape(append(b, "/out:"...), l.Out, l.OutSize)
	b = strconv.AppendInt(append(b, "/k"...), int64(l.Kernel), 10)
	b = strconv.AppendInt(append(b, "/s"...), int64(l.Stride), 10)
	if l.Groups != l.usualGroups() {
		b = strconv.AppendInt(append(b, "/g"...), int64(l.Groups), 10)
	}
	if l.Mid != 0 {
		b = strconv.AppendInt(append(b, "/mid"...), int64(l.Mid), 10)
	}
	if l.Act != "" {
		b = append(append(b, '/'), l.Act...)
	}
	if l.NoNorm {
		b = append(b, "/nonorm"...)
	}
	b = strconv.AppendInt(append(b, "/w"...), int64(l.WBits), 10)
	b = strconv.AppendInt(append(b, "/a"...), int64(l.ABits), 10)
	return string(b)
}

func appendShape(b []byte, channels, size int) []byte {
	b = strconv.AppendInt(b, int64(channels), 10)
	b = strconv.AppendInt(append(b, 'x'), int64(size), 10)
	return strconv.AppendInt(append(b, 'x'), int64(size), 10)
}

func (l Layer) usualGroups() int {
	if l.Kind == Depthwise {
		return l.In
	}
	return 1
}

// maxSize bounds the numbers of a parsed key, so that products of them stay
// inside an int64.
const maxSize = 1 << 20

// ParseLayerKey reads what Layer.Key writes; Name is empty and Stage and Block
// are 0. It accepts nothing that Key would spell differently.
func ParseLayerKey(key string) (Layer, error) {
	fail := func(why string) (Layer, error) {
		return Layer{}, fmt.Errorf("space: layer key %q: %s (want e.g. depthwise/in:96x16x16/out:96x8x8/k5/s2/relu/w4/a8)", key, why)
	}
	parts := strings.Split(key, "/")
	l := Layer{Kind: Kind(parts[0])}
	switch l.Kind {
	case Conv, Pointwise, Depthwise, Linear, SE, Pool, Add:
	default:
		return fail("unknown kind")
	}
	l.Groups = -1
	for _, p := range parts[1:] {
		if !l.setField(p) {
			return fail("cannot read " + strconv.Quote(p))
		}
	}
	if l.Groups == -1 {
		l.Groups = l.usualGroups()
	}
	if l.Key() != key {
		return fail("a field is missing, repeated or out of order")
	}
	if l.In < 1 || l.Out < 1 || l.InSize < 1 || l.OutSize < 1 || l.Kernel < 1 || l.Stride < 1 || l.Groups < 1 {
		return fail("a size is zero")
	}
	return l, nil
}

// keyActs are the activations that a key may name.
var keyActs = []string{"relu", "relu6", "hswish"}

func (l *Layer) setField(p string) bool {
	var x, y int
	for _, act := range keyActs {
		if p == act {
			l.Act = act
			return true
		}
	}
	switch {
	case p == "nonorm":
		l.NoNorm = true
		return true
	case strings.HasPrefix(p, "in:"):
		return sizes(p[3:], &l.In, &l.InSize, &y) && l.InSize == y
	case strings.HasPrefix(p, "out:"):
		return sizes(p[4:], &l.Out, &l.OutSize, &x) && l.OutSize == x
	case strings.HasPrefix(p, "mid"):
		return sizes(p[3:], &l.Mid)
	case p == "":
		return false
	}
	field := map[byte]*int{'k': &l.Kernel, 's': &l.Stride, 'g': &l.Groups, 'w': &l.WBits, 'a': &l.ABits}[p[0]]
	return field != nil && sizes(p[1:], field)
}

// sizes reads numbers joined by 'x'.
func sizes(text string, into ...*int) bool {
	parts := strings.Split(text, "x")
	if len(parts) != len(into) {
		return false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || n > maxSize {
			return false
		}
		*into[i] = n
	}
	return true
}
