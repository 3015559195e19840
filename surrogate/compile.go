package surrogate

import (
	"errors"
	"fmt"
	"math"

	"hanas/space"
)

// Genome is a sub-network as a search sees it: the image size, then for every
// stage its depth, then for every block kernel and expand ratio as one choice.
// Genes of blocks beyond the depth are 0.
type Genome [32]byte

// ErrNotAdditive says that a network's price is not the sum of its blocks'.
var ErrNotAdditive = errors.New("surrogate: the space or its price is not a sum of blocks")

// Price gives the latency of a network in ms. An error means that the network
// has no price, for example because a table has no rows of its image size.
type Price func(layers []space.Layer) (ms float64, err error)

// stage says where the genes of a stage are.
type stage struct {
	depths      []int
	blocks      int // the deepest
	first       int // number of its first block in the network
	kernels     int
	expands     int
	depthSlot   int // of the space; the block's slots follow at the given steps
	kernelSlots []int
	expandSlots []int
}

// cell is what a block, or the network around the blocks, adds to a cost. peak
// counts by its maximum.
type cell struct{ ms, macs, params, weights, peak float64 }

// Compiled is a space as arrays. It is immutable.
type Compiled struct {
	space       *space.Space
	resolutions []int // indices into the space's: those that have a price
	stages      []stage
	blocks      int
	widest      int    // most choices of a block
	base        []cell // a resolution
	cells       []cell // [resolution][block][choice]
	columns     layout
	price       Price
}

// Compile prices each block of sp at each image size that has a price at all.
// It fails with ErrNotAdditive where 64 random networks do not cost the sum of
// their blocks to within 1e-9.
func Compile(sp *space.Space, price Price) (*Compiled, error) {
	c := &Compiled{space: sp, price: price}
	if err := c.layOut(); err != nil {
		return nil, err
	}
	var last error // of the largest size, which tables have likelier
	for r := range sp.Resolutions {
		if _, err := c.whole(c.arch(r, c.least())); err == nil {
			c.resolutions = append(c.resolutions, r)
		} else {
			last = err
		}
	}
	if len(c.resolutions) == 0 {
		return nil, fmt.Errorf("surrogate: space %s: no image size has a price (another space's table?): %w", sp.Name, last)
	}
	c.base = make([]cell, len(c.resolutions))
	c.cells = make([]cell, len(c.resolutions)*c.blocks*c.widest)
	for r := range c.resolutions {
		if err := c.fill(r); err != nil {
			return nil, err
		}
	}
	return c, c.check()
}

// layOut finds the genes and refuses spaces with others.
func (c *Compiled) layOut() error {
	sp := c.space
	for n := range sp.Stages {
		st := &sp.Stages[n]
		s := stage{depths: st.Depths, first: c.blocks, kernels: len(st.Kernels), expands: len(st.Expands)}
		s.blocks = st.Depths[len(st.Depths)-1]
		c.blocks += s.blocks
		c.widest = max(c.widest, s.kernels*s.expands)
		c.stages = append(c.stages, s)
	}
	if genes := 1 + len(c.stages) + c.blocks; genes > len(Genome{}) || c.widest > math.MaxUint8 {
		return fmt.Errorf("%w: space %s has %d genes, at most %d fit", ErrNotAdditive, sp.Name, genes, len(Genome{}))
	}
	for i, sl := range sp.Slots() {
		switch sl.Kind {
		case space.SlotResolution:
		case space.SlotDepth:
			c.stages[sl.Stage].depthSlot = i
		case space.SlotKernel:
			c.stages[sl.Stage].kernelSlots = append(c.stages[sl.Stage].kernelSlots, i)
		case space.SlotExpand:
			c.stages[sl.Stage].expandSlots = append(c.stages[sl.Stage].expandSlots, i)
		default:
			if sl.Choices > 1 {
				return fmt.Errorf("%w: space %s chooses %s", ErrNotAdditive, sp.Name, sl.Name)
			}
		}
	}
	c.columns = newLayout(c)
	return nil
}

// depth and block are the positions of a stage's and a block's gene.
func (c *Compiled) depth(stage int) int { return 1 + stage }
func (c *Compiled) block(n int) int     { return 1 + len(c.stages) + n }

// least is the genome of all first choices.
func (c *Compiled) least() Genome { return Genome{} }

// Resolutions are the image sizes that have a price.
func (c *Compiled) Resolutions() []int {
	var sizes []int
	for _, r := range c.resolutions {
		sizes = append(sizes, c.space.Resolutions[r])
	}
	return sizes
}

// Space is the space that was compiled.
func (c *Compiled) Space() *space.Space { return c.space }

// Arch is the sub-network of a genome.
func (c *Compiled) Arch(g Genome) space.Arch { return c.arch(c.resolutions[g[0]], g) }

// arch is Arch with the image size by its index in the space.
func (c *Compiled) arch(resolution int, g Genome) space.Arch {
	genes := make([]byte, c.space.GeneCount())
	genes[0] = byte(resolution)
	for n := range c.stages {
		s := &c.stages[n]
		genes[s.depthSlot] = g[c.depth(n)]
		for b := range s.depths[g[c.depth(n)]] {
			choice := int(g[c.block(s.first+b)])
			genes[s.kernelSlots[b]], genes[s.expandSlots[b]] = byte(choice/s.expands), byte(choice%s.expands)
		}
	}
	a, err := c.space.New(genes)
	if err != nil { // the genes are made of this space's choices
		panic("surrogate: " + err.Error())
	}
	return a
}

// whole is the cost of a network without any table.
func (c *Compiled) whole(a space.Arch) (cell, error) {
	layers := c.space.Layers(a)
	ms, err := c.price(layers)
	if err == nil && (math.IsNaN(ms) || math.IsInf(ms, 0) || ms < 0) {
		err = fmt.Errorf("surrogate: the price of %s is %v ms", c.space.Key(a), ms)
	}
	costs := space.Cost(layers)
	return cell{ms, float64(costs.MACs), float64(costs.Params), float64(costs.WeightBytes), float64(costs.PeakActivationBytes)}, err
}

func (x cell) minus(y cell) cell {
	return cell{x.ms - y.ms, x.macs - y.macs, x.params - y.params, x.weights - y.weights, x.peak}
}

func (x *cell) add(y *cell) {
	x.ms, x.macs, x.params, x.weights, x.peak = x.ms+y.ms, x.macs+y.macs, x.params+y.params, x.weights+y.weights, max(x.peak, y.peak)
}

// fill finds what each choice of each block costs at resolution r, as the
// difference to the least network, or to one less deep for blocks beyond it.
func (c *Compiled) fill(r int) error {
	g := c.least()
	g[0] = byte(r)
	least, err := c.whole(c.Arch(g))
	if err != nil {
		return err
	}
	c.base[r] = least
	for n := range c.stages {
		s := &c.stages[n]
		g, before := g, least
		for d, depth := range s.depths {
			g[c.depth(n)] = byte(d)
			from := 0
			if d > 0 {
				from = s.depths[d-1]
				if depth-from != 1 {
					return fmt.Errorf("%w: the depths of stage %d skip one", ErrNotAdditive, n)
				}
			}
			for b := from; b < depth; b++ {
				if err := c.fillBlock(r, s, b, g, before); err != nil {
					return err
				}
			}
			if before, err = c.whole(c.Arch(g)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Compiled) fillBlock(r int, s *stage, b int, g Genome, before cell) error {
	for choice := range s.kernels * s.expands {
		g[c.block(s.first+b)] = byte(choice)
		cost, err := c.whole(c.Arch(g))
		if err != nil {
			return err
		}
		c.cells[(r*c.blocks+s.first+b)*c.widest+choice] = cost.minus(before)
	}
	return nil
}

// Cost is the latency in ms of a genome and its bytes: packed weights and the
// peak of the activations.
func (c *Compiled) Cost(g *Genome) (ms, bytes float64) {
	x := c.cost(g)
	return x.ms, x.weights + x.peak
}

// Takes is all that limits can be set on, of a genome.
func (c *Compiled) Takes(g *Genome) Limits {
	x := c.cost(g)
	return Limits{LatencyMS: x.ms, MemoryBytes: x.weights + x.peak, WeightBytes: x.weights, MACs: x.macs}
}

func (c *Compiled) cost(g *Genome) cell {
	r := int(g[0])
	sum := c.base[r]
	row := c.cells[r*c.blocks*c.widest:]
	for n := range c.stages {
		s := &c.stages[n]
		for b := s.first; b < s.first+s.depths[g[1+n]]; b++ {
			sum.add(&row[b*c.widest+int(g[1+len(c.stages)+b])])
		}
	}
	return sum
}

// check compares sums with whole networks.
func (c *Compiled) check() error {
	rng := newRand()
	for range 64 {
		g := c.Random(rng)
		want, err := c.whole(c.Arch(g))
		if err != nil {
			return err
		}
		got := c.cost(&g)
		for _, v := range [][2]float64{{got.ms, want.ms}, {got.macs, want.macs}, {got.params, want.params}, {got.weights, want.weights}, {got.peak, want.peak}} {
			if math.Abs(v[0]-v[1]) > 1e-9*math.Abs(v[1]) {
				return fmt.Errorf("%w: %s costs %v, its blocks add up to %v", ErrNotAdditive, c.space.Key(c.Arch(g)), want, got)
			}
		}
	}
	return nil
}
