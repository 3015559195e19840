package onnx

import (
	"fmt"
	"math"
	"slices"
)

// Type rules of the operators that work element by element.

const (
	minFloat = -math.MaxFloat32
	maxFloat = math.MaxFloat32
)

func inferSame(c *Inference) error { return c.out(0, c.In[0].DType, c.In[0].Shape) }

func inferClip(c *Inference) error {
	if err := c.optionalScalars(1); err != nil {
		return err
	}
	return inferSame(c)
}

// optionalScalars wants the inputs from i on, where present, to be scalars of
// input 0's type.
func (c *Inference) optionalScalars(i int) error {
	for ; i < len(c.In); i++ {
		v := c.In[i]
		if v.Name == "" {
			continue
		}
		if len(v.Shape) > 1 || len(v.Shape) == 1 && v.Shape[0] > 1 {
			return fmt.Errorf("input %d must be a scalar", i)
		}
		if v.DType != c.In[0].DType && v.DType != Undefined && c.In[0].DType != Undefined {
			return fmt.Errorf("input %d is %v, input 0 is %v", i, v.DType, c.In[0].DType)
		}
	}
	return nil
}

func inferCast(c *Inference) error {
	to := DType(c.int("to"))
	if !to.known() {
		return fmt.Errorf("cannot cast to type %d", c.int("to"))
	}
	return c.out(0, to, c.In[0].Shape)
}

func inferNot(c *Inference) error {
	if err := c.needType(0, Bool); err != nil {
		return err
	}
	return inferSame(c)
}

func inferDropout(c *Inference) error {
	if err := c.out(1, Bool, c.In[0].Shape); err != nil {
		return err
	}
	return inferSame(c)
}

// broadcastAll is the shape of all inputs together.
func (c *Inference) broadcastAll() (s []int, err error) {
	s = c.In[0].Shape
	for _, in := range c.In[1:] {
		if s, err = broadcast(s, in.Shape); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func inferBroadcast(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	return inferPow(c)
}

// inferPow is inferBroadcast with an exponent of any type.
func inferPow(c *Inference) error {
	s, err := c.broadcastAll()
	if err != nil {
		return err
	}
	return c.out(0, c.In[0].DType, s)
}

func inferCompare(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	s, err := c.broadcastAll()
	if err != nil {
		return err
	}
	return c.out(0, Bool, s)
}

func inferLogic(c *Inference) error {
	for i := range c.In {
		if err := c.needType(i, Bool); err != nil {
			return err
		}
	}
	return inferCompare(c)
}

func inferWhere(c *Inference) error {
	if err := c.needType(0, Bool); err != nil {
		return err
	}
	if err := c.needType(2, c.In[1].DType); err != nil && c.In[1].DType != Undefined {
		return err
	}
	s, err := c.broadcastAll()
	if err != nil {
		return err
	}
	return c.out(0, c.In[1].DType, s)
}

// broadcast is NumPy's rule. A symbolic size gives way to any size but 1:
// there the other side must be 1 or that size when the graph runs.
func broadcast(a, b []int) ([]int, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	if slices.Equal(a, b) {
		return a, nil
	}
	n := max(len(a), len(b))
	out := make([]int, n)
	at := func(s []int, i int) int {
		if k := len(s) - n + i; k >= 0 {
			return s[k]
		}
		return 1
	}
	for i := range out {
		x, y := at(a, i), at(b, i)
		switch {
		case x == y || y == 1:
			out[i] = x
		case x == 1 || x == -1:
			out[i] = y
		case y == -1:
			out[i] = x
		default:
			return nil, fmt.Errorf("shapes %v and %v do not broadcast", a, b)
		}
	}
	return out, nil
}
