package supernet

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Constants of the guard against divergence.
const (
	guardMemory = 0.9 // share of the old running mean that a step keeps: about ten steps count
	guardWarmup = 10  // steps before the running mean is judged
	guardFactor = 0.5 // of the learning rate, each time training goes back
)

// Diverged is the error of a training that cannot go on: a loss or gradient
// that is not finite, or a loss that has run away.
type Diverged struct {
	Step int    // from 1
	Arch string // of the sub-network, if one is to blame
	What string
}

func (d *Diverged) Error() string {
	where := fmt.Sprintf("step %d", d.Step)
	if d.Arch != "" {
		where += ": sub-network " + d.Arch
	}
	return "supernet: train: " + where + ": " + d.What
}

// Rollback tells that training went back to its last good state.
type Rollback struct {
	Step  int     `json:"step"`        // that failed
	To    int     `json:"to"`          // steps that are kept
	Rate  float64 `json:"rate_factor"` // of the schedule's rate from now on
	Cause string  `json:"cause"`
}

// guard watches the loss and keeps the last good state, which is that of the
// last checkpoint: a killed run that goes on from the file knows the same.
type guard struct {
	health
	good    int // steps made in the good state
	before  health
	weights [][]float32
	state   map[string][]float32
	pool    []attention
}

// health is what the guard has seen and decided; it is stored with a checkpoint.
type health struct {
	factor float64 // of the learning rate
	tries  int     // times that training went back from here, since it last got on
	mean   float64 // running mean of the largest sub-network's loss
	lowest float64 // of the running mean
	seen   int     // steps in it
}

// watch takes in the loss of a step. A network that knows nothing has a
// cross-entropy of ln(classes), so a running mean that rises by half of that,
// and by half of itself, has forgotten more than noise explains.
func (g *guard) watch(p Point, classes int) error {
	if g.seen == 0 {
		g.mean, g.lowest = p.Largest, math.Inf(1)
	}
	g.mean = guardMemory*g.mean + (1-guardMemory)*p.Largest
	if g.seen++; g.seen < guardWarmup {
		return nil
	}
	g.lowest = min(g.lowest, g.mean)
	if limit := max(1.5*g.lowest, g.lowest+math.Log(float64(max(classes, 2)))/2); g.mean > limit {
		return &Diverged{Step: p.Step, What: fmt.Sprintf("the largest sub-network's loss rose to %.3g from %.3g, means over ten steps", g.mean, g.lowest)}
	}
	return nil
}

// hold copies the present state as the last good one.
func (t *Trainer) hold(step int) {
	g := &t.guard
	if step > g.good {
		g.tries = 0
	}
	g.good, g.before = step, g.health
	g.pool = append(g.pool[:0], t.pool...)
	state := t.opt.State()
	if g.weights == nil {
		g.weights, g.state = make([][]float32, len(t.Net.params)), map[string][]float32{}
	}
	for i, p := range t.Net.params {
		g.weights[i] = append(g.weights[i][:0], p.Data...)
	}
	for name, v := range state {
		g.state[name] = append(g.state[name][:0], v...)
	}
}

// goBack restores the last good state at a lower rate. After Retries times
// without getting on it gives up, with cause.
func (t *Trainer) goBack(cause *Diverged) error {
	g := &t.guard
	tries := g.before.tries + 1
	if tries > t.Set.Retries {
		return fmt.Errorf("%w (%d times from step %d on, at last at %.3g of the rate: lower supernet.rate; the last good checkpoint is kept)",
			cause, tries, g.good, g.before.factor)
	}
	g.before.tries, g.before.factor = tries, g.before.factor*guardFactor
	g.health = g.before
	copy(t.pool, g.pool)
	for i, p := range t.Net.params {
		copy(p.Data, g.weights[i])
	}
	if err := t.opt.SetState(g.state); err != nil {
		return err
	}
	if t.OnRollback != nil {
		t.OnRollback(Rollback{Step: cause.Step, To: g.good, Rate: g.factor, Cause: cause.Error()})
	}
	if t.Checkpoint == "" {
		return nil
	}
	return t.save(g.good)
}

// text is what a checkpoint stores; parseHealth reads it, digit by digit.
func (h health) text() string {
	f := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	return strings.Join([]string{f(h.factor), strconv.Itoa(h.tries), f(h.mean), f(h.lowest), strconv.Itoa(h.seen)}, " ")
}

func parseHealth(text string) (health, error) {
	part := strings.Fields(text)
	if len(part) != 5 {
		return health{}, fmt.Errorf("guard %q: %d numbers, want 5", text, len(part))
	}
	v := make([]float64, len(part))
	var errs []error
	for i, p := range part {
		var err error
		v[i], err = strconv.ParseFloat(p, 64)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return health{}, fmt.Errorf("guard: %w", err)
	}
	if !(v[0] > 0 && v[0] <= 1) || v[1] < 0 || v[4] < 0 || slices.ContainsFunc(v, math.IsNaN) {
		return health{}, fmt.Errorf("guard %q is none that training writes", text)
	}
	return health{factor: v[0], tries: int(v[1]), mean: v[2], lowest: v[3], seen: int(v[4])}, nil
}

// everyClass refuses training images that lack a class, or have one too many.
func (t *Trainer) everyClass() error {
	k := t.Net.Space.Classes
	count := make([]int, k)
	labels := t.Images.Labels
	if t.Images.Located != nil {
		labels = t.Images.Located.Categories()
	}
	for i, label := range labels {
		if label < 0 || int(label) >= k {
			return fmt.Errorf("supernet: train: image %d has class %d, the space has classes 0 to %d", i, label, k-1)
		}
		count[label]++
	}
	missing := slices.Index(count, 0)
	if missing < 0 {
		return nil
	}
	name := strconv.Itoa(missing)
	if missing < len(t.Images.Classes) {
		name += " (" + t.Images.Classes[missing] + ")"
	}
	return fmt.Errorf("supernet: train: class %s has no training images (add some, or take the class out)", name)
}
