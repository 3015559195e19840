package latency

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"hanas/space"
)

// Filling says which rows Fill added and how far its model is off.
type Filling struct {
	Keys []string `json:"keys"` // of the rows added, sorted
	Rows int      `json:"rows"` // that the models were fitted on
	// Weak are the added rows whose model saw fewer than minFill rows.
	Weak int `json:"weak"`
	// MAPE and Within10 judge rows that were left out of the fit, a fifth at a
	// time, of the operators and bits that rows were added for.
	MAPE     float64 `json:"mape"`
	Within10 float64 `json:"within_10"`
}

// Fill adds the rows that layers need and t lacks, priced by a roofline that is
// fitted to t's own rows of the same operator and bits (where those are few, of
// the same operator and form of numbers, or the same operator): a fixed cost, arithmetic, traffic
// of activations and of weights, none negative. Rows that are added are marked
// Modelled; the others stay as they are. Layers of operators of
// which t has no row at all are named in a *MissingError, and nothing is added.
func (t *Table) Fill(layers []space.Layer) (Filling, error) {
	var f Filling
	if !t.native() {
		return f, fmt.Errorf("latency: fill: table of %s has keys %q: only tables of single layers can be filled", t.Device, t.Keys)
	}
	models, err := t.fillModels()
	if err != nil {
		return f, err
	}
	added, used := map[string]Row{}, map[string]*fillModel{}
	var missing []string
	for _, l := range distinctKeys(layers) {
		key := l.Key()
		if _, ok := t.rows[key]; ok {
			continue
		}
		name, m := models.of(&l)
		if m == nil {
			missing = append(missing, key)
			continue
		}
		if len(m.ms) < minFill {
			f.Weak++
		}
		added[key], used[name] = Row{MeanMs: m.price(&l), TrafficBytes: Traffic(&l), Modelled: true}, m
	}
	if missing != nil {
		slices.Sort(missing)
		return f, &MissingError{Table: t.Device, Keys: missing}
	}
	for key, row := range added {
		if err := t.Set(key, row); err != nil {
			return f, fmt.Errorf("latency: fill: %w", err)
		}
		f.Keys = append(f.Keys, key)
	}
	slices.Sort(f.Keys)
	f.judge(used)
	return f, nil
}

// judge prices rows by models that were fitted without them.
func (f *Filling) judge(used map[string]*fillModel) {
	n, off, within := 0, 0.0, 0
	for _, m := range used {
		f.Rows += len(m.ms)
		for _, e := range m.leftOut() {
			n, off = n+1, off+e
			if e <= .1 {
				within++
			}
		}
	}
	if n > 0 {
		f.MAPE, f.Within10 = off/float64(n), float64(within)/float64(n)
	}
}

// minFill is the least number of rows that a model of some bits is fitted to;
// that of a whole operator takes what there is.
const minFill = 8

// fillModel prices the layers of one operator and one kind of bits.
type fillModel struct {
	x  [][]float64
	ms []float64
	w  []float64
}

// fillModels are by operator and bits, by operator and form, and by operator.
type fillModels map[string]*fillModel

func fillNames(l *space.Layer) [3]string {
	return [3]string{fmt.Sprintf("%s/w%d/a%d", l.Kind, l.WBits, l.ABits), fmt.Sprintf("%s/form%d", l.Kind, formOf(l)), string(l.Kind)}
}

// fillWork is what a layer asks for: 1, MMACs, MB of activations in and out,
// MB of weights.
func fillWork(l *space.Layer) []float64 {
	return []float64{1, float64(l.MACs()) / 1e6, float64(l.InBytes()) / 1e6, float64(l.OutBytes(l.ABits)) / 1e6, float64(l.WeightBytes()) / 1e6}
}

func (t *Table) fillModels() (fillModels, error) {
	all := fillModels{}
	for _, key := range t.RowKeys() {
		row := t.rows[key]
		if row.Modelled || !(row.MeanMs > 0) {
			continue
		}
		l, err := space.ParseLayerKey(key)
		if err != nil {
			return nil, fmt.Errorf("latency: fill: %w", err)
		}
		for _, name := range fillNames(&l) {
			m := all[name]
			if m == nil {
				m = &fillModel{}
				all[name] = m
			}
			m.x, m.ms = append(m.x, fillWork(&l)), append(m.ms, row.MeanMs)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("latency: fill: the table has no rows to learn from")
	}
	for _, m := range all {
		m.w = fitRows(m.x, m.ms)
	}
	return all, nil
}

// of is the narrowest model that has rows enough for l; nil = none.
func (all fillModels) of(l *space.Layer) (string, *fillModel) {
	names := fillNames(l)
	for _, name := range names {
		if m := all[name]; m != nil && len(m.ms) >= minFill {
			return name, m
		}
	}
	last := names[len(names)-1]
	return last, all[last]
}

// fitRows is least squares of the relative error over non-negative terms.
func fitRows(x [][]float64, ms []float64) []float64 {
	scaled := make([][]float64, len(x))
	for i, row := range x {
		scaled[i] = make([]float64, len(row))
		for j, v := range row {
			scaled[i][j] = v / ms[i]
		}
	}
	return nonNegativeFit(scaled, make([]float64, len(x[0])), 1e-9)
}

func (m *fillModel) price(l *space.Layer) float64 { return linear(m.w, fillWork(l)) }

func linear(w, x []float64) float64 {
	sum := 0.0
	for i, v := range w {
		sum += v * x[i]
	}
	return sum
}

// leftOut are the relative errors of rows that were left out of the fit.
func (m *fillModel) leftOut() []float64 {
	var out []float64
	for fold := range folds {
		var x [][]float64
		var ms []float64
		for i := range m.ms {
			if i%folds != fold {
				x, ms = append(x, m.x[i]), append(ms, m.ms[i])
			}
		}
		if len(ms) == 0 {
			continue
		}
		w := fitRows(x, ms)
		for i := fold; i < len(m.ms); i += folds {
			out = append(out, math.Abs(linear(w, m.x[i])/m.ms[i]-1))
		}
	}
	return out
}
