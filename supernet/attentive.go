package supernet

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"

	"hanas/space"
)

// Attentive sampling (Wang et al. 2021, AttentiveNAS): of two candidates the
// one that does worse, or better, for its size is trained. How a topology of
// the pool does is what its steps have shown, the mean of its losses, beside
// the line that losses follow over the logarithm of the MACs.

// attentions are the settings by name: the sign of the residual that wins.
var attentions = map[string]float64{"": 0, "worst": 1, "best": -1}

const attentionMemory = 0.8 // share of the old mean that a step keeps

// attention is what is known of a topology of the pool.
type attention struct {
	Loss float64 `json:"loss"`
	MACs float64 `json:"log_macs"`
	Seen int     `json:"seen"`
}

// topology is a random one of the pool.
func (t *Trainer) topology(generation, i, pick int) space.Arch {
	seed := t.Set.Seed ^ uint64(generation)<<32 ^ uint64(i)<<24 ^ uint64(pick)
	return t.Net.Space.Random(rand.New(rand.NewPCG(seed, 0xa2c4)))
}

// attend picks the topology of the i-th random sub-network. One that was never
// trained comes first.
func (t *Trainer) attend(rng *rand.Rand, i int) int {
	pick := rng.IntN(t.Set.Pool)
	sign := attentions[t.Set.Attentive]
	if sign == 0 {
		return pick
	}
	other := rng.IntN(t.Set.Pool)
	a, b := t.pool[i*t.Set.Pool+pick], t.pool[i*t.Set.Pool+other]
	if a.Seen == 0 || b.Seen == 0 {
		if b.Seen < a.Seen {
			return other
		}
		return pick
	}
	slope := t.slope()
	if sign*((b.Loss-slope*b.MACs)-(a.Loss-slope*a.MACs)) > 0 {
		return other
	}
	return pick
}

// slope is the least-squares change of the loss with log MACs over the pool.
func (t *Trainer) slope() float64 {
	var n, x, y, xx, xy float64
	for _, a := range t.pool {
		if a.Seen > 0 {
			n, x, y, xx, xy = n+1, x+a.MACs, y+a.Loss, xx+a.MACs*a.MACs, xy+a.MACs*a.Loss
		}
	}
	if d := n*xx - x*x; n > 2 && d > 1e-9 {
		return (n*xy - x*y) / d
	}
	return 0
}

// observe takes in the losses of a step's random sub-networks.
func (t *Trainer) observe(members []*member) {
	for _, m := range members {
		if m.slot < 0 || t.Set.Attentive == "" {
			continue
		}
		a := &t.pool[m.slot]
		if a.Seen == 0 {
			a.Loss, a.MACs = m.loss, math.Log(float64(space.Cost(m.layers).MACs))
		}
		a.Loss = attentionMemory*a.Loss + (1-attentionMemory)*m.loss
		a.Seen++
	}
}

// attentionText is what a checkpoint stores; setAttention reads it.
func (t *Trainer) attentionText() (string, error) {
	if t.Set.Attentive == "" {
		return "", nil
	}
	text, err := json.Marshal(t.pool)
	return string(text), err
}

func (t *Trainer) setAttention(text string) error {
	if t.Set.Attentive == "" {
		return nil
	}
	var pool []attention
	if err := json.Unmarshal([]byte(text), &pool); err != nil {
		return fmt.Errorf("attention: %w", err)
	}
	if len(pool) != len(t.pool) {
		return fmt.Errorf("attention of %d topologies, not %d", len(pool), len(t.pool))
	}
	copy(t.pool, pool)
	return nil
}
