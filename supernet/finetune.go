package supernet

import (
	"context"
	"slices"
	"strings"

	"hanas/space"
)

// Subnet is a sub-network's own weights, cut out of the shared ones: to be
// trained alone and written, by the same code. It has the space's name and
// Archs, and the parameters of arch alone; another Arch of it is an error.
func (s *Supernet) Subnet(arch space.Arch) (*Supernet, error) {
	sub := &Supernet{Space: s.Space, index: map[string]*Param{}}
	for _, l := range s.Space.Layers(arch) {
		views, err := s.views(l)
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			p := &Param{Name: v.spec.name, Shape: slices.Clone(v.spec.shape), Data: make([]float32, v.size()), Decay: v.param.Decay}
			v.slice(p.Data)
			sub.params = append(sub.params, p)
			sub.index[p.Name] = p
		}
	}
	if s.steps {
		sub.addSteps()
		for _, p := range sub.params {
			if own := s.index[p.Name]; own != nil && strings.Contains(p.Name, ".weight.step") {
				copy(p.Data, own.Data)
			}
		}
	}
	return sub, nil
}

// FineTune trains t.Net's weights of one arch alone at its own bits, with
// quantisation steps trained too unless FixedSteps says no, and gives them; t.Net itself stays. Its
// graph is that of the sandwich's members: the file differs in the pooled means,
// which it rounds to 8 bits.
func (t *Trainer) FineTune(ctx context.Context, arch space.Arch) (*Supernet, error) {
	sub, err := t.Net.Subnet(arch)
	if err != nil {
		return nil, err
	}
	alone := *t
	alone.Net, alone.Arch = sub, &arch
	alone.Set.Steps, alone.Set.FloatSteps, alone.Set.Distil = !t.Set.FixedSteps, -1, 0
	if err := alone.Run(ctx); err != nil {
		return nil, err
	}
	return sub, nil
}
