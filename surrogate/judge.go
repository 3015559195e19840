package surrogate

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"hanas/predictor"
	"hanas/search"
	"hanas/space"
)

// layout says which columns of a predictor's input each gene sets to 1.
type layout struct {
	width   int     // columns of a row, three costs at the end included
	size    int     // first column of the image size, -1 = none
	depth   []int   // first column, by stage; -1 = none
	blocks  [][]int // columns by block: kernel then expand ratio, first ones, -1 = none
	expands []int   // by block: expand ratios of its stage
}

func newLayout(c *Compiled) layout {
	l := layout{width: c.space.FeatureCount(), size: -1}
	at := 0
	l.depth = make([]int, len(c.stages))
	for _, sl := range c.space.Slots() {
		first := at
		if sl.Choices == 1 {
			first = -1
		} else {
			at += sl.Choices
		}
		switch sl.Kind {
		case space.SlotResolution:
			l.size = first
		case space.SlotDepth:
			l.depth[sl.Stage] = first
		case space.SlotKernel:
			l.blocks = append(l.blocks, []int{first, -1})
			l.expands = append(l.expands, c.stages[sl.Stage].expands)
		case space.SlotExpand:
			l.blocks[len(l.blocks)-1][1] = first
		}
	}
	return l
}

// row writes the features of a genome, as Space.Features has them.
func (c *Compiled) row(dst []float32, g *Genome, cost *cell) {
	clear(dst)
	set := func(first, choice int) {
		if first >= 0 {
			dst[first+choice] = 1
		}
	}
	l := &c.columns
	set(l.size, c.resolutions[g[0]])
	for n := range c.stages {
		s := &c.stages[n]
		set(l.depth[n], int(g[c.depth(n)]))
		for b := s.first; b < s.first+s.depths[g[c.depth(n)]]; b++ {
			choice := int(g[c.block(b)])
			set(l.blocks[b][0], choice/s.expands)
			set(l.blocks[b][1], choice%s.expands)
		}
	}
	for i, v := range [3]float64{cost.macs, cost.params, cost.weights} {
		dst[l.width-3+i] = float32(math.Log10(v / 1e6))
	}
}

// Limits are hard upper bounds; 0 = none. A candidate beyond them loses against
// any within them.
type Limits struct {
	LatencyMS   float64
	MemoryBytes float64 // packed weights and the peak of the activations
	WeightBytes float64 // packed weights
	MACs        float64
}

// exceeded is by how much limits are, as shares of them.
func (l *Limits) exceeded(c *cell) (sum float64) {
	for _, b := range [...][2]float64{{c.ms, l.LatencyMS}, {c.weights + c.peak, l.MemoryBytes}, {c.weights, l.WeightBytes}, {c.macs, l.MACs}} {
		if b[1] > 0 {
			sum += max(0, b[0]/b[1]-1)
		}
	}
	return sum
}

// Judge evaluates genomes on all cores.
type Judge struct {
	*Compiled
	predictor *predictor.Predictor
	limits    Limits
	rows      []*predictor.Rows // one a worker, kept from batch to batch
}

// NewJudge joins a compiled space, a predictor of the same space and limits. A
// Judge belongs to one search at a time.
func NewJudge(c *Compiled, p *predictor.Predictor, limits Limits) *Judge {
	return &Judge{c, p, limits, make([]*predictor.Rows, runtime.GOMAXPROCS(0))}
}

// Problem is the search for low error at low latency within the limits. The
// least and the largest network are its seeds.
func (j *Judge) Problem() *search.Problem[Genome] {
	largest := Genome{byte(len(j.resolutions) - 1)}
	for n := range j.stages {
		s := &j.stages[n]
		largest[j.depth(n)] = byte(len(s.depths) - 1)
		for b := range s.blocks {
			largest[j.block(s.first+b)] = byte(s.kernels*s.expands - 1)
		}
	}
	return &search.Problem[Genome]{
		Objectives: []string{"error", "latency_ms"},
		Seeds:      []Genome{j.least(), largest},
		Random:     j.Random,
		Mutate:     j.Mutate,
		Crossover:  j.Crossover,
		Evaluate:   j.points,
	}
}

// points evaluates a batch; it allocates one array for all objectives.
func (j *Judge) points(ctx context.Context, genomes []Genome) ([]search.Point, error) {
	points := make([]search.Point, len(genomes))
	objectives := make([]float64, 2*len(genomes))
	for i := range points {
		points[i].Objectives = objectives[2*i : 2*i+2 : 2*i+2]
	}
	workers := min(len(j.rows), len(genomes))
	if workers == 0 {
		return points, nil
	}
	share := func(w int) error {
		from, to := w*len(genomes)/workers, (w+1)*len(genomes)/workers
		return j.share(ctx, w, genomes[from:to], points[from:to])
	}
	errs := make(chan error, workers)
	for w := 1; w < workers; w++ {
		go func() { errs <- share(w) }()
	}
	first := share(0) // here: another goroutine would have to be woken for it
	for range workers - 1 {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return points, first
}

// share evaluates what one worker has to.
func (j *Judge) share(ctx context.Context, worker int, genomes []Genome, points []search.Point) error {
	if r := j.rows[worker]; r == nil || r.Len() != len(genomes) {
		j.rows[worker] = j.predictor.NewRows(len(genomes))
	}
	rows, width := j.rows[worker], j.columns.width
	for i := range genomes {
		cost := j.cost(&genomes[i])
		j.row(rows.Features()[i*width:(i+1)*width], &genomes[i], &cost)
		p := &points[i]
		p.Objectives[1] = cost.ms
		p.Violation = j.limits.exceeded(&cost)
	}
	mean, _, err := rows.Run(ctx)
	if err != nil {
		return err
	}
	for i, m := range mean {
		if m != m || math.IsInf(float64(m), 0) {
			return fmt.Errorf("surrogate: the predicted accuracy of %s is %v (fit the predictor again)", j.space.Key(j.Arch(genomes[i])), m)
		}
		points[i].Objectives[0] = 1 - float64(m)
	}
	return nil
}
