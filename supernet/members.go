package supernet

import (
	"fmt"
	"math"
	"math/rand/v2"

	"hanas/onnx"
	"hanas/space"
)

// member is one sub-network of a step.
type member struct {
	arch    space.Arch
	layers  []space.Layer
	session *session
	outs    [][]*onnx.Tensor // by micro-batch
	loss    float64
	slot    int // place in the pool; negative of those that are in every step
}

// members picks the step's sub-networks: the Trainer's own Arch, or largest,
// smallest and random. Bits are drawn once quantisation has begun; the largest
// stays in float, because it is the teacher.
func (t *Trainer) members(rng *rand.Rand, step, steps int) ([]*member, error) {
	sp := t.Net.Space
	from := max(0, int(math.Ceil(t.Set.FloatSteps*float64(steps))))
	low := 2
	if t.Set.Inherit {
		low = opened(t.widths, step, from, steps)
		if low < opened(t.widths, step-1, from, steps) {
			t.Net.inherit(low)
			t.guard.seen = 0 // the loss may rise now
		}
	}
	if step%t.Set.PoolSteps == 0 {
		t.closeSessions()
		clear(t.pool)
	}
	archs, slots := t.archs(rng, step, steps)
	out := make([]*member, len(archs))
	for i, a := range archs {
		bits := step >= from && (i > 0 || t.Arch != nil)
		if bits && t.Arch == nil {
			if t.Set.Plain > 0 && rng.Float64() < t.Set.Plain {
				bits = false
			} else {
				a = sp.RandomBits(a, rng)
			}
		}
		layers := sp.Layers(a)
		if bits {
			raise(layers, low)
		}
		n, err := t.session(sp.Topology(a), layers, i, bits)
		if err != nil {
			return nil, err
		}
		if !bits {
			for k := range layers {
				layers[k].WBits = 16 // float: neither weights nor activations are rounded
			}
		}
		n.set(t.Net, layers, t.Info.ImageHi())
		out[i] = &member{arch: a, layers: layers, session: n, outs: make([][]*onnx.Tensor, len(t.images)), slot: slots[i]}
	}
	return out, nil
}

// archs are the step's topologies, with their places in the pool.
func (t *Trainer) archs(rng *rand.Rand, step, steps int) ([]space.Arch, []int) {
	if t.Arch != nil {
		return []space.Arch{*t.Arch}, []int{-1}
	}
	sp := t.Net.Space
	archs, slots := []space.Arch{sp.Largest(), sp.Smallest()}, []int{-1, -1}
	if float64(step) < t.Set.Alone*float64(steps) {
		return archs[:1], slots
	}
	for i := range t.Set.Random {
		pick := t.attend(rng, i)
		archs = append(archs, t.topology(step/t.Set.PoolSteps, i, pick))
		slots = append(slots, i*t.Set.Pool+pick)
	}
	return archs, slots
}

// session finds or makes the loaded graph of a topology. Sessions are kept per
// place in the step, so that two members never share weights buffers.
func (t *Trainer) session(topology space.Arch, layers []space.Layer, place int, quantised bool) (*session, error) {
	key := fmt.Sprintf("%d/%v/%s", place, quantised, t.Net.Space.Key(topology))
	if n := t.sessions[key]; n != nil {
		return n, nil
	}
	n, err := t.Net.newSession(t.Backend, layers, graphSettings{batch: t.Set.MicroBatch, quantised: quantised, loss: true})
	if err != nil {
		return nil, err
	}
	t.sessions[key] = n
	return n, nil
}

func (t *Trainer) closeSessions() {
	for k, n := range t.sessions {
		n.runner.Close()
		delete(t.sessions, k)
	}
}
