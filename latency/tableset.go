package latency

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hanas/space"
)

// TableSet is the tables of one device, each for one image size. A network at
// a size between two of them is interpolated row by row.
type TableSet struct {
	Device string
	sized  []sizedTable // by resolution
}

type sizedTable struct {
	resolution int // 0 = any
	table      *Table
}

// Price is what a network costs on a device.
type Price struct {
	Ms           float64
	EnergyMJ     float64 // 0 = unknown
	Provenance   string
	Interpolated int // rows that lie between two tables
}

// Open reads a device's tables from the first of dirs that has each file. A
// table written by Profile or Table.Write is read in its own format.
func (d *Device) Open(dirs []string) (*TableSet, error) {
	set := &TableSet{Device: d.Name}
	var lacking []string
	for _, ref := range d.Tables {
		t, err := openTable(ref, d.Name, dirs)
		if errors.Is(err, fs.ErrNotExist) {
			lacking = append(lacking, ref.File)
			continue
		}
		if err != nil {
			return nil, err
		}
		set.Add(t, ref.Resolution)
	}
	if len(set.sized) == 0 {
		return nil, fmt.Errorf("latency: device %s: no table: none of %s in %s (%s; `hanas latency import --device %s FILE…` installs them)",
			d.Name, strings.Join(lacking, ", "), strings.Join(dirs, ", "), d.Source, d.Name)
	}
	return set, nil
}

func openTable(ref TableRef, device string, dirs []string) (*Table, error) {
	name := strings.TrimSuffix(ref.File, filepath.Ext(ref.File))
	own := []string{name + ".csv", name + arrowExt}
	for _, dir := range dirs {
		for _, file := range append(own, ref.File) {
			at := filepath.Join(dir, file)
			if _, err := os.Stat(at); err != nil {
				continue
			}
			if slices.Contains(own, file) {
				return ReadTable(at)
			}
			return Import(at, ref.Format, device)
		}
	}
	return nil, fs.ErrNotExist
}

// Add puts a table into the set; resolution 0 = rows of any size.
func (s *TableSet) Add(t *Table, resolution int) {
	s.sized = append(s.sized, sizedTable{resolution, t})
	slices.SortStableFunc(s.sized, func(a, b sizedTable) int { return a.resolution - b.resolution })
}

// Tables are the tables of the set in the order of their resolution.
func (s *TableSet) Tables() []*Table {
	var out []*Table
	for _, t := range s.sized {
		out = append(out, t.table)
	}
	return out
}

// Price sums a network's rows. Where the set has a table of the network's
// image size the sum is exact; between two sizes each row is interpolated
// over the area of its feature map (MACs grow with it), and the provenance
// says so. It does not extrapolate. A *MissingError names all rows that lack.
func (s *TableSet) Price(layers []space.Layer) (Price, error) {
	if len(layers) == 0 {
		return Price{}, errors.New("latency: price: no layers")
	}
	size := layers[0].InSize
	above := -1
	for i, t := range s.sized {
		if t.resolution == 0 || t.resolution == size {
			ms, mj, err := t.table.Sum(layers)
			return Price{Ms: ms, EnergyMJ: mj, Provenance: fmt.Sprintf("modelled: sum of %s rows of %s%s", t.table.Provenance, s.Device, from(t.table))}, err
		}
		if above < 0 && t.resolution > size {
			above = i
		}
	}
	if above < 1 {
		var have []string
		for _, t := range s.sized {
			have = append(have, fmt.Sprint(t.resolution))
		}
		return Price{}, fmt.Errorf("latency: tables of %s hold image sizes %s, the network reads %d (sizes between them are interpolated, none is extrapolated)",
			s.Device, strings.Join(have, ", "), size)
	}
	return s.between(s.sized[above-1], s.sized[above], layers)
}

func from(t *Table) string {
	if t.Source == "" {
		return ""
	}
	return " (" + t.Source + ")"
}

// between interpolates a network's rows between the tables of two sizes.
func (s *TableSet) between(lo, hi sizedTable, layers []space.Layer) (Price, error) {
	low, lowParts, errLow := lo.rows(layers)
	high, highParts, errHigh := hi.rows(layers)
	if err := joinMissing(errLow, errHigh); err != nil {
		return Price{}, err
	}
	parts := partSizes(layers)
	if len(low) != len(parts) || len(high) != len(parts) {
		return Price{}, fmt.Errorf("latency: tables of %s: rows of spelling %q cannot be interpolated", s.Device, lo.table.Keys)
	}
	p := Price{Provenance: fmt.Sprintf("modelled: interpolated between %s rows of %s at %d and %d", lo.table.Provenance, s.Device, lo.resolution, hi.resolution)}
	known := true
	for i := range parts {
		a, b, x := lowParts[i], highParts[i], parts[i]
		if a == b { // one feature map at both sizes: two measurements of the same row
			a, b, x = float64(lo.resolution*lo.resolution), float64(hi.resolution*hi.resolution), float64(layers[0].InSize*layers[0].InSize)
		}
		w := (x - a) / (b - a)
		if w > 0 && w < 1 {
			p.Interpolated++
		}
		p.Ms += low[i].MeanMs*(1-w) + high[i].MeanMs*w
		p.EnergyMJ += low[i].EnergyMJ*(1-w) + high[i].EnergyMJ*w
		known = known && low[i].EnergyMJ > 0 && high[i].EnergyMJ > 0
	}
	if !known {
		p.EnergyMJ = 0
	}
	return p, nil
}

// rows are a network's rows in a table of another image size, and the areas of
// their feature maps.
func (t sizedTable) rows(layers []space.Layer) ([]Row, []float64, error) {
	at, err := space.Resize(layers, t.resolution)
	if err != nil {
		return nil, nil, err
	}
	rows, err := t.table.lookup(at)
	return rows, partSizes(at), err
}

// partSizes are the areas of the feature maps that the parts of a network read.
func partSizes(layers []space.Layer) []float64 {
	var out []float64
	for _, p := range partsOf(layers) {
		out = append(out, float64(p.first.InSize*p.first.InSize))
	}
	return out
}

// joinMissing makes one error of two.
func joinMissing(a, b error) error {
	var x, y *MissingError
	if errors.As(a, &x) && errors.As(b, &y) {
		all := append(slices.Clone(x.Keys), y.Keys...)
		slices.Sort(all)
		return &MissingError{x.Table, slices.Compact(all), x.All && y.All}
	}
	return errors.Join(a, b)
}
