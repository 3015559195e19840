package ref

import (
	"fmt"
)

// product adds a[m,k] b[k,n] to y[m,n].
func product(y, a, b []float64, m, k, n int) {
	for i := range m {
		row := y[i*n : (i+1)*n]
		for l := range k {
			v := a[i*k+l]
			if v == 0 {
				continue
			}
			for j, w := range b[l*n : (l+1)*n] {
				row[j] += v * w
			}
		}
	}
}

func matMul(c *call) error {
	a, b := c.in[0], c.in[1]
	vectorA, vectorB := len(a.shape) == 1, len(b.shape) == 1
	if vectorA {
		a = a.view(1, a.shape[0])
	}
	if vectorB {
		b = b.view(b.shape[0], 1)
	}
	ra, rb := len(a.shape), len(b.shape)
	m, k, n := a.shape[ra-2], a.shape[ra-1], b.shape[rb-1]
	if b.shape[rb-2] != k {
		return fmt.Errorf("inner sizes of %v and %v differ", a.shape, b.shape)
	}
	batch := broadcastShape(a.shape[:ra-2], b.shape[:rb-2])
	y := newArray(a.dtype, append(append([]int{}, batch...), m, n)...)
	at, bt := spread(a.shape[:ra-2], batch), spread(b.shape[:rb-2], batch)
	for i := range at {
		product(y.data[i*m*n:(i+1)*m*n], a.data[at[i]*m*k:], b.data[bt[i]*k*n:], m, k, n)
	}
	shape := append([]int{}, batch...)
	if !vectorA {
		shape = append(shape, m)
	}
	if !vectorB {
		shape = append(shape, n)
	}
	c.give(0, y.view(shape...))
	return nil
}

// gemm is alpha*op(a)*op(b) + beta*c.
func gemm(c *call) error {
	a, b := c.in[0], c.in[1]
	if c.node.IntOr("transA", 0) != 0 {
		a = permute(a, []int{1, 0})
	}
	if c.node.IntOr("transB", 0) != 0 {
		b = permute(b, []int{1, 0})
	}
	if len(a.shape) != 2 || len(b.shape) != 2 || a.shape[1] != b.shape[0] {
		return fmt.Errorf("matrices %v and %v do not fit", a.shape, b.shape)
	}
	m, k, n := a.shape[0], a.shape[1], b.shape[1]
	y := newArray(a.dtype, m, n)
	product(y.data, a.data, b.data, m, k, n)
	alpha, beta := float64(c.node.FloatOr("alpha", 1)), float64(c.node.FloatOr("beta", 1))
	var add *array
	if bias := c.arg(2); bias != nil {
		add = bias.broadcast([]int{m, n})
	}
	for i := range y.data {
		y.data[i] *= alpha
		if add != nil {
			y.data[i] += beta * add.data[i]
		}
	}
	c.give(0, y)
	return nil
}

// permute is Transpose.
func permute(x *array, perm []int) *array {
	shape, steps := make([]int, len(perm)), make([]int, len(perm))
	from := strides(x.shape)
	for i, p := range perm {
		shape[i], steps[i] = x.shape[p], from[p]
	}
	y := newArray(x.dtype, shape...)
	for i, p := range walk(shape, steps) {
		y.data[i] = x.data[p]
	}
	return y
}
