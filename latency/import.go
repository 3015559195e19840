package latency

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hanas/space"
)

// Import reads a table of somebody else; Formats names the spellings. device
// is what the file's figures were measured on: the files do not say.
func Import(path, formatName, device string) (*Table, error) {
	f, err := formatOf(formatName)
	if err != nil {
		return nil, err
	}
	if f.read == nil {
		return nil, fmt.Errorf("latency: import %s: format %q is this program's own (read it with ReadTable)", path, f.name)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("latency: import: %w", err)
	}
	t := &Table{Header: Header{Device: device, Provenance: Imported, Source: filepath.Base(path), Keys: f.name}}
	if err := f.read(data, t); err != nil {
		return nil, fmt.Errorf("latency: import %s as %s: %w", path, f.name, err)
	}
	if err := t.checkUnits(); err != nil {
		return nil, fmt.Errorf("latency: import %s as %s: %w", path, f.name, err)
	}
	if t.Len() == 0 {
		return nil, fmt.Errorf("latency: import %s as %s: no rows", path, f.name)
	}
	return t, nil
}

// readYAML reads the two-level YAML of Once-for-All's and NSGANetV2's tables:
//
//	Conv-input:224x224x3-output:112x112x24:
//	  count: 491
//	  mean: 4.08
//	  std: 0.02      (or var)
//
// It reads that shape only, so a full YAML parser is not needed.
func readYAML(data []byte, t *Table) error {
	key, row := "", Row{}
	store := func() error {
		if key == "" {
			return nil
		}
		if row.MeanMs < 0 {
			return fmt.Errorf("%s: no mean", key)
		}
		return t.Set(key, row)
	}
	line := 0
	for text := range bytes.Lines(data) {
		line++
		s := strings.TrimRight(string(text), " \r\n")
		var err error
		switch {
		case s == "" || strings.HasPrefix(s, "#"):
		case !strings.HasPrefix(s, " "):
			if err = store(); err != nil {
				break
			}
			name, ok := strings.CutSuffix(s, ":")
			if !ok || name == "" {
				err = fmt.Errorf("want a key that ends in a colon, not %.60q", s)
			}
			key, row = name, Row{MeanMs: -1}
		default:
			err = row.setYAML(strings.TrimSpace(s), key)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	return store()
}

func (r *Row) setYAML(field, key string) error {
	name, text, ok := strings.Cut(field, ": ")
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if !ok || err != nil || key == "" {
		return fmt.Errorf("want \"name: number\" under a key, not %.60q", field)
	}
	if !(v >= 0 && v < 1e12) {
		return fmt.Errorf("%s is %g", name, v)
	}
	switch name {
	case "mean":
		r.MeanMs = v
	case "std":
		r.StdMs = v
	case "var":
		r.StdMs = math.Sqrt(v)
	case "count":
		r.Count = int(v)
	default:
		return fmt.Errorf("unknown field %q (known: count, mean, std, var)", name)
	}
	return nil
}

// part is a piece of a network as block-wise tables price it: a single layer,
// or a block with its layers.
type part struct {
	first, last *space.Layer
	expand      bool // a block with an expand layer
	dw, se      *space.Layer
	add         bool
}

// block says whether the part is an inverted bottleneck.
func (p *part) block() bool { return p.dw != nil }

// partsOf splits a network into blocks and the layers around them.
func partsOf(layers []space.Layer) []part {
	var out []part
	for i := range layers {
		l := &layers[i]
		if i == 0 || l.Stage < 0 || l.Stage != layers[i-1].Stage || l.Block != layers[i-1].Block {
			out = append(out, part{first: l})
		}
		p := &out[len(out)-1]
		p.last = l
		if l.Stage < 0 {
			continue
		}
		switch {
		case l.Kind == space.Depthwise:
			p.dw = l
		case l.Kind == space.Pointwise && p.dw == nil:
			p.expand = true
		case l.Kind == space.SE:
			p.se = l
		case l.Kind == space.Add:
			p.add = true
		}
	}
	return out
}

func flag(v bool) int {
	if v {
		return 1
	}
	return 0
}

// floatOnly refuses networks with low bits: a table of float kernels would
// price them silently as float.
func floatOnly(layers []space.Layer) error {
	for _, l := range layers {
		if l.WBits != 0 && l.WBits != 16 || l.ABits != 16 {
			return fmt.Errorf("layer %s has %d/%d bits, the table prices float only", l.Name, l.WBits, l.ABits)
		}
	}
	return nil
}

// sizes spells input and output shapes: "-input:HxWxC-output:hxwxc".
func sizes(in, out *space.Layer) string {
	return fmt.Sprintf("-input:%dx%dx%d-output:%dx%dx%d", in.InSize, in.InSize, in.In, out.OutSize, out.OutSize, out.Out)
}
