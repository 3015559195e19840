package main

import (
	"context"
	"fmt"
	"strings"

	"hanas/predictor"
	"hanas/search"
	"hanas/space"
	"hanas/surrogate"
)

// spell writes space, table and predictor as plain arrays; each cell is the
// difference of two whole networks.
func spell(c *surrogate.Compiled, m *predictor.Model) *networksQuestion {
	sp := c.Space()
	q := &networksQuestion{Sizes: len(c.Resolutions()), Limits: limits}
	for _, st := range sp.Stages {
		q.Depths, q.Choices = append(q.Depths, st.Depths), append(q.Choices, len(st.Kernels)*len(st.Expands))
	}
	for size := range q.Sizes {
		base := surrogate.Genome{byte(size)}
		least, _ := c.Cost(&base)
		q.Base = append(q.Base, least)
		var cells [][]float64
		block := 0
		for st, depths := range q.Depths {
			for b := range depths[len(depths)-1] {
				with, without := at(depths, b+1), at(depths, max(b, depths[0]))
				var row []float64
				for choice := range q.Choices[st] {
					g, h := base, base
					g[1+st], h[1+st] = with, without
					g[1+len(q.Depths)+block] = byte(choice)
					ms, _ := c.Cost(&g)
					before, _ := c.Cost(&h)
					row = append(row, ms-before)
				}
				cells, block = append(cells, row), block+1
			}
		}
		q.Cells = append(q.Cells, cells)
	}
	q.Columns = columns(sp, c.Resolutions())
	graph := m.Graph.Graph
	for i := 1; graph.Initializer(fmt.Sprintf("w%d", i)) != nil; i++ {
		w := graph.Initializer(fmt.Sprintf("w%d", i))
		rows, width := w.Floats(), w.Shape[1]
		var matrix [][]float32
		for ; len(rows) > 0; rows = rows[width:] {
			matrix = append(matrix, rows[:width])
		}
		q.W, q.B = append(q.W, matrix), append(q.B, graph.Initializer(fmt.Sprintf("b%d", i)).Floats())
	}
	for _, x := range graph.Initializers { // the builder numbers its constants
		if strings.HasPrefix(x.Name, "base") {
			q.Add = x.Tensor.Floats()[0]
		}
	}
	return q
}

// at is the depth gene of the least depth that is at least n.
func at(depths []int, n int) byte {
	for i, d := range depths {
		if d >= n {
			return byte(i)
		}
	}
	return byte(len(depths) - 1)
}

// columns are those of the predictor's input: of each block's kernels and
// expand ratios as choices, nine a block, then of the image sizes.
func columns(sp *space.Space, sizes []int) [][]int {
	first := map[[3]any]int{}
	n := 0
	for _, sl := range sp.Slots() {
		if sl.Choices > 1 {
			first[[3]any{sl.Kind, sl.Stage, sl.Block}] = n
			n += sl.Choices
		}
	}
	var out [][]int
	for st, stage := range sp.Stages {
		for b := range stage.Depths[len(stage.Depths)-1] {
			for choice := range 9 {
				var set []int
				if k, ok := first[[3]any{space.SlotKernel, st, b}]; ok {
					set = append(set, k+choice/len(stage.Expands))
				}
				if e, ok := first[[3]any{space.SlotExpand, st, b}]; ok {
					set = append(set, e+choice%len(stage.Expands))
				}
				out = append(out, set)
			}
		}
	}
	for _, size := range sizes {
		for i, r := range sp.Resolutions {
			if r == size {
				out = append(out, []int{first[[3]any{space.SlotResolution, -1, -1}] + i})
			}
		}
	}
	return out
}

// checks are 50 networks as this project's own code sees them, not by arrays.
func checks(ctx context.Context, c *surrogate.Compiled, p *predictor.Predictor) ([]networkCheck, error) {
	rng := search.NewRand(9)
	var out []networkCheck
	for range 50 {
		g := c.Random(rng)
		mean, _, err := p.Predict(ctx, []space.Arch{c.Arch(g)})
		if err != nil {
			return nil, err
		}
		ms, _ := c.Cost(&g)
		x := networkCheck{Accuracy: mean[0], MS: ms}
		for _, v := range g {
			x.Genome = append(x.Genome, int(v))
		}
		out = append(out, x)
	}
	return out, nil
}
