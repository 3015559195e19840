package predictor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"hanas/onnx"
	"hanas/samples"
	"hanas/space"
)

// onBaseSuffix marks kinds that learn what a base does not say.
const onBaseSuffix = " on base"

// Transfer learns from rows with the help of base, a predictor of the same space
// that learned from other rows: every kind competes twice, once alone and once
// on base, learning only by how much a network differs from base's prediction.
// It is meant for bits as in APQ (T. Wang et al., CVPR 2020, section 3.3): base
// learned from many cheap samples at the highest bits, in which no bits vary, so
// that it does not see them; rows are the few that were scored at lower bits. The
// graph holds both and depends on no other file.
func Transfer(ctx context.Context, engine onnx.Engine, sp *space.Space, base *Model, rows []samples.Sample, set Settings) (*Model, error) {
	alone, err := Fit(ctx, engine, sp, rows, set)
	if err != nil {
		return nil, err
	}
	rest, offset, err := differences(ctx, engine, sp, base, samples.Distinct(rows))
	if err != nil {
		return nil, err
	}
	m, err := fitOn(ctx, engine, sp, rest, offset, set)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(alone.Report.CrossValidated)
	for kind, metrics := range m.Report.CrossValidated {
		all[kind+onBaseSuffix] = metrics
	}
	m.Report.Kind += onBaseSuffix
	best := alone
	if all[m.Report.Kind].RMSEpp < all[alone.Report.Kind].RMSEpp {
		if best, err = added(base, m); err != nil {
			return nil, fmt.Errorf("predictor: transfer: %w", err)
		}
		best.Report.Base = base.Report.Rows
	}
	best.Report.CrossValidated = all
	return best, best.record()
}

// ReadModel reads a predictor file to transfer from. What it is of is checked
// when it is loaded into an engine.
func ReadModel(path string, sp *space.Space) (*Model, error) {
	g, err := onnx.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("predictor: %w", err)
	}
	if h := g.Meta("hanas.space_hash"); h != sp.Hash() {
		return nil, fmt.Errorf("predictor: %s is of space %q, not of %q (fit one on samples of this space)", path, g.Meta("hanas.space"), sp.Name)
	}
	m := &Model{Graph: g}
	if err := json.Unmarshal([]byte(g.Meta("hanas.fit")), &m.Report); err != nil {
		return nil, fmt.Errorf("predictor: %s: metadata hanas.fit: %w", path, err)
	}
	return m, nil
}

// differences are rows with what base does not say in place of their accuracy,
// and what it says.
func differences(ctx context.Context, engine onnx.Engine, sp *space.Space, base *Model, rows []samples.Sample) ([]samples.Sample, []float64, error) {
	var archs []space.Arch
	for i, r := range rows {
		a, err := sp.Parse(r.Arch)
		if err != nil {
			return nil, nil, fmt.Errorf("predictor: transfer: row %d: %w", i+1, err)
		}
		archs = append(archs, a)
	}
	said, err := base.predict(ctx, engine, sp, archs)
	if err != nil {
		return nil, nil, fmt.Errorf("predictor: transfer: base: %w", err)
	}
	rest := slices.Clone(rows)
	for i := range rest {
		rest[i].Accuracy -= said[i]
	}
	return rest, said, nil
}

// added is the model whose accuracy is base's and m's together; its deviation is
// m's, which was scaled to the error of the sum.
func added(base, m *Model) (*Model, error) {
	g, b := m.Graph.Clone(), base.Graph.Clone()
	prefix(g.Graph, "rest.")
	prefix(b.Graph, "base.")
	sum := &onnx.Node{Name: "sum", Op: "Add", Inputs: []string{"base.accuracy", "rest.accuracy"}, Outputs: []string{"accuracy"}}
	std := slices.IndexFunc(g.Graph.Outputs, func(v onnx.ValueInfo) bool { return v.Name == "rest.std" })
	mean := slices.IndexFunc(g.Graph.Outputs, func(v onnx.ValueInfo) bool { return v.Name == "rest.accuracy" })
	if std < 0 || mean < 0 {
		return nil, errors.New("a predictor without accuracy and std")
	}
	g.Graph.Outputs[std].Name, g.Graph.Outputs[mean].Name = "std", "accuracy"
	same := &onnx.Node{Name: "std", Op: "Identity", Inputs: []string{"rest.std"}, Outputs: []string{"std"}}
	g.Graph.Nodes = slices.Concat(b.Graph.Nodes, g.Graph.Nodes, []*onnx.Node{sum, same})
	g.Graph.Initializers = append(g.Graph.Initializers, b.Graph.Initializers...)
	g.Graph.Values = nil
	return &Model{g, m.Report}, nil
}

// prefix renames every value but the input "features", and every node.
func prefix(g *onnx.Graph, with string) {
	rename := func(names []string) {
		for i, n := range names {
			if n != "" && n != "features" {
				names[i] = with + n
			}
		}
	}
	for _, n := range g.Nodes {
		n.Name = with + n.Name
		rename(n.Inputs)
		rename(n.Outputs)
	}
	for i := range g.Initializers {
		g.Initializers[i].Name = with + g.Initializers[i].Name
	}
	for i := range g.Outputs {
		g.Outputs[i].Name = with + g.Outputs[i].Name
	}
}
