package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Type rules of matrix products and of resizing.

func inferGemm(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	a, b := c.In[0].Shape, c.In[1].Shape
	if a == nil || b == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	if len(a) != 2 || len(b) != 2 {
		return fmt.Errorf("needs matrices, has %v and %v", a, b)
	}
	m, k, k2, n := a[0], a[1], b[0], b[1]
	if c.int("transA") != 0 {
		m, k = k, m
	}
	if c.int("transB") != 0 {
		k2, n = n, k2
	}
	if k != k2 && k >= 0 && k2 >= 0 {
		return fmt.Errorf("inner sizes %d and %d differ", k, k2)
	}
	if c.has(2) && c.In[2].Shape != nil {
		s, err := broadcast(c.In[2].Shape, []int{m, n})
		if err != nil || !compatible(s, []int{m, n}) {
			return fmt.Errorf("input 2 %v does not broadcast to [%d %d]", c.In[2].Shape, m, n)
		}
	}
	return c.out(0, c.In[0].DType, []int{m, n})
}

func inferMatMul(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	a, b := c.In[0].Shape, c.In[1].Shape
	if a == nil || b == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	if len(a) == 0 || len(b) == 0 {
		return fmt.Errorf("needs vectors or matrices")
	}
	rows, cols := len(a) > 1, len(b) > 1 // a vector counts as a matrix, and its axis is dropped
	if !rows {
		a = []int{1, a[0]}
	}
	if !cols {
		b = []int{b[0], 1}
	}
	if x, y := a[len(a)-1], b[len(b)-2]; x != y && x >= 0 && y >= 0 {
		return fmt.Errorf("inner sizes %d and %d differ", x, y)
	}
	s, err := broadcast(a[:len(a)-2], b[:len(b)-2])
	if err != nil {
		return err
	}
	s = slices.Clone(s)
	if rows {
		s = append(s, a[len(a)-2])
	}
	if cols {
		s = append(s, b[len(b)-1])
	}
	if s == nil {
		s = []int{}
	}
	return c.out(0, c.In[0].DType, s)
}

// inferEinsum knows equations of letters; one with an ellipsis leaves the
// shape unknown.
func inferEinsum(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	equation := strings.ReplaceAll(c.attr("equation").S, " ", "")
	if strings.Contains(equation, ".") {
		return c.out(0, c.In[0].DType, nil)
	}
	left, right, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(c.In) {
		return fmt.Errorf("equation %q has %d terms for %d inputs", equation, len(terms), len(c.In))
	}
	sizes, uses := map[rune]int{}, map[rune]int{}
	for i, term := range terms {
		x := c.In[i].Shape
		if x == nil {
			return c.out(0, c.In[0].DType, nil)
		}
		if len(term) != len(x) {
			return fmt.Errorf("term %q does not fit input %d %v", term, i, x)
		}
		for k, letter := range term {
			old, seen := sizes[letter]
			if seen && old >= 0 && x[k] >= 0 && old != x[k] && old != 1 && x[k] != 1 {
				return fmt.Errorf("%q is %d and %d", letter, old, x[k])
			}
			if !seen || old < x[k] {
				sizes[letter] = x[k]
			}
			uses[letter]++
		}
	}
	if !explicit { // letters that occur once, in order
		for letter := range uses {
			if uses[letter] == 1 {
				right += string(letter)
			}
		}
		letters := []rune(right)
		slices.Sort(letters)
		right = string(letters)
	}
	out := []int{}
	for _, letter := range right {
		size, ok := sizes[letter]
		if !ok {
			return fmt.Errorf("equation %q makes %q from nothing", equation, letter)
		}
		out = append(out, size)
	}
	return c.out(0, c.In[0].DType, out)
}

// scaled is a size times a factor, rounded down.
func scaled(size int, factor float32) int {
	if size < 0 {
		return -1
	}
	return int(math.Floor(float64(size) * float64(factor)))
}

// inferResize takes the result's size from sizes (input 3) or scales (input 2);
// a policy that keeps the aspect ratio leaves the resized axes symbolic.
func inferResize(c *Inference) error {
	x := c.In[0].Shape
	if x == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	axes, given := c.list("axes")
	if !given {
		for i := range x {
			axes = append(axes, i)
		}
	}
	if _, err := normAxes(axes, len(x)); err != nil {
		return err
	}
	sizes := c.known(3)
	var scales []float32
	if t := c.constant(2); t != nil && t.DType == Float {
		scales = t.Floats()
	}
	if n := max(len(sizes), len(scales)); n > 0 && n != len(axes) || len(sizes) > 0 && len(scales) > 0 {
		return fmt.Errorf("%d sizes and %d scales for %d axes", len(sizes), len(scales), len(axes))
	}
	out := slices.Clone(x)
	for i, a := range axes {
		a = (a + len(x)) % len(x)
		switch {
		case len(sizes) > 0 && c.attr("keep_aspect_ratio_policy").S != "not_larger" && c.attr("keep_aspect_ratio_policy").S != "not_smaller":
			out[a] = sizes[i]
		case len(scales) > 0 && (scales[i] > 0 && scales[i] < maxSize):
			out[a] = scaled(x[a], scales[i])
		default:
			out[a] = -1
		}
	}
	return c.out(0, c.In[0].DType, out)
}
