package blocked

import (
	"fmt"

	"hanas/onnx"
)

// norm is a BatchNormalization node in training mode, read. With x the input
// less its mean, M values a channel and var their (biased) variance:
//
//	inv = 1/sqrt(var+eps)   y = gamma*inv*x + beta
//
// and for a gradient dy, with S0 = sum(dy) and S1 = sum(dy*x)*inv,
//
//	dbeta = S0   dgamma = S1   dx = gamma*inv*(dy - S0/M - x*inv*S1/M)
//
// (Ioffe & Szegedy 2015, section 3). Everything but dy and x is small, so dx is
// kept as factor*t with t = dy + P*x + Q: whoever takes it applies factor where
// that is cheap. The mean is taken off first: the variance as a difference of
// large sums would lose the digits of channels that vary little.
type norm struct {
	node        *onnx.Node
	gamma, beta val // [C, 1]
	m           int // values a channel
	inv         val // [C, 1]
	factor      val // gamma*inv
}

// normGrad is a gradient factor*t.
type normGrad struct {
	t, factor val // [C, M] and [C, 1]
}

func (t *tape) readNorm(n *onnx.Node, c, m int) (*norm, error) {
	if n.IntOr("training_mode", 0) != 1 {
		return nil, fmt.Errorf("blocked: %s %q: only training mode has a blocked form", n.Op, n.Name)
	}
	k := &norm{node: n, m: m}
	for i, dst := range []*val{&k.gamma, &k.beta} {
		v, err := t.asPlain(n.Inputs[1+i])
		if err != nil {
			return nil, err
		}
		if v.size() != c {
			return nil, fmt.Errorf("blocked: %s %q: parameter of %d elements for %d channels", n.Op, n.Name, v.size(), c)
		}
		*dst = t.view(v, c, 1)
	}
	return k, nil
}

// view is a reshape that gradients pass through.
func (t *tape) view(v val, shape ...int) val {
	w := t.reshape(v, shape...)
	if w.name != v.name && t.track(w, v) {
		t.back(func() error {
			if g, ok := t.take(w); ok {
				t.give(v, g)
			}
			return nil
		})
	}
	return w
}

// statistics fixes mean and variance [C, 1], and writes the node's running
// outputs.
func (t *tape) statistics(k *norm, mu, variance val) error {
	variance = t.unary("Relu", variance) // rounding must not make it negative
	eps := t.scalar(k.node.FloatOr("epsilon", 1e-5))
	k.inv = t.unary("Reciprocal", t.unary("Sqrt", t.add(variance, eps)))
	k.factor = t.mul(k.gamma, k.inv)
	momentum := k.node.FloatOr("momentum", 0.9)
	for i, now := range []val{mu, variance} {
		if len(k.node.Outputs) <= 1+i || k.node.Outputs[1+i] == "" {
			continue
		}
		out := t.reshape(now, now.size())
		if momentum != 0 {
			old, err := t.asPlain(k.node.Inputs[3+i])
			if err != nil {
				return err
			}
			out = t.add(t.scale(old, momentum), t.scale(out, 1-momentum))
		}
		t.setPlain(k.node.Outputs[1+i], out)
	}
	return nil
}

// backward gives the gradients of gamma and beta from dy's row sums and its
// products with the centred input, and returns P and Q.
func (k *norm) backward(t *tape, sum, product val) (p, q val) {
	dgamma := t.mul(k.inv, product)
	t.give(k.gamma, dgamma)
	t.give(k.beta, sum)
	share := -1 / float32(k.m)
	return t.scale(t.mul(k.inv, dgamma), share), t.scale(sum, share)
}

// center takes the mean [C, 1] off each row.
func (t *tape) center(x row) (centred row, mean val) {
	mean = t.scale(t.rowSum(x.v), 1/float32(x.columns()))
	return x.with(t.sub(x.v, mean)), mean
}

// fusedRelu is the Relu that alone reads the norm's result, if there is one.
func (t *tape) fusedRelu(n *onnx.Node) (relu bool, output string) {
	next := t.only(n.Outputs[0])
	if next == nil || next.Op != "Relu" || next.Domain != "" {
		return false, n.Outputs[0]
	}
	t.done[next] = true
	return true, next.Outputs[0]
}

// lowerNorm writes a norm whose input is any row.
func (t *tape) lowerNorm(n *onnx.Node) error {
	x, err := t.asRow(n.Inputs[0])
	if err != nil {
		return err
	}
	return t.normalise(n, x, false)
}

// normalise writes forward and backward of norm n over x. With toConv the
// gradient of x stays in two parts, for the convolution that made x.
func (t *tape) normalise(n *onnx.Node, x row, toConv bool) error {
	k, err := t.readNorm(n, x.c, x.columns())
	if err != nil {
		return err
	}
	xc, mean := t.center(x)
	if err := t.statistics(k, mean, t.scale(t.rowDot(xc, xc), 1/float32(k.m))); err != nil {
		return err
	}
	relu, name := t.fusedRelu(n)
	y := x.with(t.rowAffine(xc, k.factor, k.beta, relu))
	t.setRow(name, y)
	if !t.track(y.v, x.v, k.gamma, k.beta) {
		return nil
	}
	t.back(func() error {
		dy, ok := t.take(y.v)
		if !ok {
			return nil
		}
		if relu {
			dy = t.mul(dy, t.step(y.v))
		}
		p, q := k.backward(t, t.rowSum(dy), t.rowDot(x.with(dy), xc))
		if !t.tracked[x.v.name] {
			return nil
		}
		d := x.with(dy)
		g := t.rowCombine(xc, p, q, &d, false)
		if toConv {
			t.affine[x.v.name] = normGrad{t: g, factor: k.factor}
		} else {
			t.give(x.v, t.mul(g, k.factor))
		}
		return nil
	})
	return nil
}

// lowerConvNorm writes a convolution whose result is only normalised.
func (t *tape) lowerConvNorm(conv, bn *onnx.Node) error {
	c, err := t.readConv(conv)
	if err != nil {
		return err
	}
	t.done[bn] = true
	if c.kind == pointwise && c.stride == 1 && c.bias.name == "" && c.out.c >= 2*c.x.c {
		return t.expandNorm(c, bn)
	}
	return t.normalise(bn, t.convolve(c), true)
}

// expandNorm writes z = W x and its norm where z has many more channels than
// x. Then neither direction needs a pass over z for the norm: with x centred
// and G = x x',
//
//	mean(z) = 0 (W mean before)    var(z) = diag(W G W')/M
//	sum(dy*z) = rowsum(W * dy x')
//	dW = factor*(dy x' + P*(W G))
//	dx = (factor*W)' dy + W' ((factor*P)*W) x + W' (factor*Q)
func (t *tape) expandNorm(c *convolution, bn *onnx.Node) error {
	w := t.matrix(c)
	k, err := t.readNorm(bn, c.out.c, c.x.columns())
	if err != nil {
		return err
	}
	x, mean := t.center(c.x)
	gram := t.gemm(x.v, x.v, val{}, false, true)
	wg := t.gemm(w, gram, val{}, false, false)
	variance := t.scale(t.rowSum(t.mul(wg, w)), 1/float32(k.m))
	if err := t.statistics(k, t.gemm(w, mean, val{}, false, false), variance); err != nil {
		return err
	}
	relu, name := t.fusedRelu(bn)
	y := c.out
	y.v = t.gemm(t.mul(w, k.factor), x.v, k.beta, false, false)
	if relu {
		y.v = t.unary("Relu", y.v)
	}
	t.setRow(name, y)
	if !t.track(y.v, c.x.v, c.weight, k.gamma, k.beta) {
		return nil
	}
	t.back(func() error {
		dy, ok := t.take(y.v)
		if !ok {
			return nil
		}
		if relu {
			dy = t.mul(dy, t.step(y.v))
		}
		direct := t.gemm(dy, x.v, val{}, false, true)
		p, q := k.backward(t, t.rowSum(dy), t.rowSum(t.mul(w, direct)))
		if t.tracked[c.weight.name] {
			t.give(c.weight, t.mul(k.factor, t.add(direct, t.mul(p, wg))))
		}
		if t.tracked[c.x.v.name] {
			quad := t.gemm(w, t.mul(t.mul(k.factor, p), w), val{}, true, false)
			shift := t.gemm(w, t.mul(k.factor, q), val{}, true, false)
			small := t.gemm(quad, x.v, shift, false, false)
			t.give(c.x.v, t.gemm(t.mul(k.factor, w), dy, small, true, false))
		}
		return nil
	})
	return nil
}
