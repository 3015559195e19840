package ref

import (
	"fmt"
	"slices"
	"strings"

	"hanas/onnx"
)

// einsum sums products over all letters that the result does not have. It
// visits every combination of all letters: cost is the product of all sizes.
func einsum(c *call) error {
	equation := strings.ReplaceAll(c.node.StrOr("equation", ""), " ", "")
	left, result, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if strings.Contains(equation, ".") || len(terms) != len(c.in) {
		return fmt.Errorf("equation %q with %d operands is not supported", equation, len(c.in))
	}
	letters, sizes := letterSizes(terms, c.in)
	if !explicit { // the letters that occur once, in alphabetical order
		for _, l := range slices.Sorted(slices.Values(letters)) {
			if strings.Count(left, string(l)) == 1 {
				result += string(l)
			}
		}
	}
	var shape []int
	for _, l := range result {
		shape = append(shape, sizes[slices.Index(letters, l)])
	}
	y := newArray(c.in[0].dtype, shape...)
	at := make([][]int, len(c.in))
	for i, term := range terms {
		at[i] = walk(sizes, letterSteps(term, letters, c.in[i].shape))
	}
	for k, p := range walk(sizes, letterSteps(result, letters, shape)) {
		v := 1.0
		for i, x := range c.in {
			v *= x.data[at[i][k]]
		}
		y.data[p] += v
	}
	c.give(0, y)
	return nil
}

// letterSizes lists the letters in order of appearance with their sizes.
func letterSizes(terms []string, in []*array) (letters []rune, sizes []int) {
	for i, term := range terms {
		if len(term) != len(in[i].shape) {
			panic(fault(fmt.Sprintf("term %q does not fit operand %v", term, in[i].shape)))
		}
		for k, l := range term {
			n := in[i].shape[k]
			j := slices.Index(letters, l)
			switch {
			case j < 0:
				letters, sizes = append(letters, l), append(sizes, n)
			case sizes[j] == 1:
				sizes[j] = n
			case n != 1 && n != sizes[j]:
				panic(fault(fmt.Sprintf("letter %q is %d and %d", l, sizes[j], n)))
			}
		}
	}
	newArray(onnx.Float, sizes...) // a fault if there are too many combinations
	return letters, sizes
}

// letterSteps are the distances that each letter moves in an array of a term:
// a letter that stands twice walks the diagonal.
func letterSteps(term string, letters []rune, shape []int) []int {
	steps := make([]int, len(letters))
	for k, s := range strides(shape) {
		if shape[k] != 1 {
			steps[slices.Index(letters, rune(term[k]))] += s
		}
	}
	return steps
}
