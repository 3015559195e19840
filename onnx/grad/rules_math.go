package grad

import (
	"fmt"
	"math"

	"hanas/onnx"
)

func negRule(c *Context) error {
	c.Give(0, c.neg(c.Grad[0]))
	return nil
}

func absRule(c *Context) error {
	c.Give(0, c.mul(c.Grad[0], c.Op("Sign", c.In[:1])))
	return nil
}

// y' = 1/(2y)
func sqrtRule(c *Context) error {
	c.Give(0, c.div(c.scale(c.Grad[0], 0.5), c.Out[0]))
	return nil
}

func expRule(c *Context) error {
	c.Give(0, c.mul(c.Grad[0], c.Out[0]))
	return nil
}

func logRule(c *Context) error {
	c.Give(0, c.div(c.Grad[0], c.In[0]))
	return nil
}

// y' = -y^2
func reciprocalRule(c *Context) error {
	c.Give(0, c.neg(c.mul(c.Grad[0], c.mul(c.Out[0], c.Out[0]))))
	return nil
}

// y' = 2/sqrt(pi) * exp(-x^2)
func erfRule(c *Context) error {
	bell := c.Op("Exp", []onnx.Value{c.neg(c.mul(c.In[0], c.In[0]))})
	c.Give(0, c.mul(c.scale(c.Grad[0], 2/math.Sqrt(math.Pi)), bell))
	return nil
}

// y' = 1 - y^2
func tanhRule(c *Context) error {
	c.Give(0, c.mul(c.Grad[0], c.sub(c.num(1), c.mul(c.Out[0], c.Out[0]))))
	return nil
}

// y' = y(1-y)
func sigmoidRule(c *Context) error {
	c.Give(0, c.mul(c.Grad[0], c.mul(c.Out[0], c.sub(c.num(1), c.Out[0]))))
	return nil
}

// inside is 1 where y, which lies in [0,1], is at neither end.
func (c *Context) inside(y onnx.Value) onnx.Value {
	return c.step(c.mul(y, c.sub(c.num(1), y)))
}

// y' = alpha between the flat parts.
func hardSigmoidRule(c *Context) error {
	alpha := float64(c.Node.FloatOr("alpha", 0.2))
	c.Give(0, c.mul(c.scale(c.Grad[0], alpha), c.inside(c.Out[0])))
	return nil
}

// y = x*h(x) with h = HardSigmoid(x; 1/6, 1/2). Between the flat parts of h,
// x*h' = x/6 = h - 1/2, so y' = h + (h - 1/2) there and h elsewhere.
func hardSwishRule(c *Context) error {
	h := c.Op("HardSigmoid", c.In[:1], onnx.Float32("alpha", 1./6), onnx.Float32("beta", 0.5))
	d := c.add(h, c.mul(c.sub(h, c.num(0.5)), c.inside(h)))
	c.Give(0, c.mul(c.Grad[0], d))
	return nil
}

// The gradient at 0 is 0.
func reluRule(c *Context) error {
	c.Give(0, c.mul(c.Grad[0], c.step(c.Out[0])))
	return nil
}

func leakyReluRule(c *Context) error {
	alpha := float64(c.Node.FloatOr("alpha", 0.01))
	d := c.add(c.scale(c.step(c.In[0]), 1-alpha), c.num(alpha))
	c.Give(0, c.mul(c.Grad[0], d))
	return nil
}

// clipRule lets the gradient pass where the value does: bounds included, as in
// PyTorch's clamp. The bounds may be inputs, and have gradients themselves
// (the sum over what they hold back).
func clipRule(c *Context) error {
	x, g := c.In[0], c.Grad[0]
	if c.Needs(0) {
		c.Give(0, c.mul(g, c.indicator("Equal", x, c.Out[0])))
	}
	for i, op := range []string{1: "Less", 2: "Greater"} {
		if op != "" && c.Needs(i) {
			c.Give(i, c.mul(g, c.indicator(op, x, c.In[i])))
		}
	}
	return nil
}

func castRule(c *Context) error {
	d := c.In[0].DType()
	if d == c.Grad[0].DType() {
		return pass(c)
	}
	c.Give(0, c.Op("Cast", c.Grad[:1], onnx.Int("to", int(d))))
	return nil
}

// dropoutRule knows the inference form, in which everything passes.
func dropoutRule(c *Context) error {
	if len(c.In) > 2 && !c.In[2].IsZero() {
		t := c.Const(2)
		if t == nil || t.DType != onnx.Bool || onnx.View[bool](t)[0] {
			return fmt.Errorf("training mode is not supported (multiply with a mask that is an input)")
		}
	}
	return pass(c)
}

func addRule(c *Context) error {
	c.Give(0, c.Grad[0])
	c.Give(1, c.Grad[0])
	return nil
}

func subRule(c *Context) error {
	c.Give(0, c.Grad[0])
	if c.Needs(1) {
		c.Give(1, c.neg(c.Grad[0]))
	}
	return nil
}

func mulRule(c *Context) error {
	for i := range 2 {
		if c.Needs(i) {
			c.Give(i, c.mul(c.Grad[0], c.In[1-i]))
		}
	}
	return nil
}

func divRule(c *Context) error {
	ga := c.div(c.Grad[0], c.In[1])
	c.Give(0, ga)
	if c.Needs(1) {
		c.Give(1, c.neg(c.mul(ga, c.Out[0])))
	}
	return nil
}

// powRule differentiates the base: p*x^(p-1). The exponent is a constant as far
// as this rule goes.
func powRule(c *Context) error {
	x, p := c.In[0], c.In[1]
	if c.Needs(1) {
		return fmt.Errorf("has no gradient with respect to the exponent (write Exp(p*Log(x)))")
	}
	if t := c.Const(1); t != nil && t.DType == onnx.Float && t.Len() == 1 && t.Floats()[0] == 2 {
		c.Give(0, c.mul(c.Grad[0], c.scale(x, 2)))
		return nil
	}
	if p.DType() != onnx.Float {
		p = c.Op("Cast", []onnx.Value{p}, onnx.Int("to", int(onnx.Float)))
	}
	d := c.mul(p, c.Op("Pow", []onnx.Value{x, c.sub(p, c.num(1))}))
	c.Give(0, c.mul(c.Grad[0], d))
	return nil
}

// extremeRule, of Max and Min, gives the gradient to the operand that was
// taken; of equal ones to the first.
func extremeRule(c *Context) error {
	rest := c.Grad[0]
	for i, x := range c.In {
		if i == len(c.In)-1 {
			c.Give(i, rest)
			break
		}
		part := c.mul(rest, c.indicator("Equal", x, c.Out[0]))
		c.Give(i, part)
		rest = c.sub(rest, part)
	}
	return nil
}

func whereRule(c *Context) error {
	for i := 1; i < 3; i++ {
		if !c.Needs(i) {
			continue
		}
		in := []onnx.Value{c.In[0], c.num(0), c.num(0)}
		in[i] = c.Grad[0]
		c.Give(i, c.Op("Where", in))
	}
	return nil
}
