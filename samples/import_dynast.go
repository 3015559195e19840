package samples

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hanas/space"
)

// ImportReport counts what an import found.
type ImportReport struct {
	Rows     int     `json:"rows"`
	Distinct int     `json:"distinct"`
	Rejected int     `json:"rejected"`
	Faults   []error `json:"-"` // of rejected rows, with line numbers; at most 20
}

// dynastColumns are the columns of DyNAS-T's result files.
var dynastColumns = []string{"Sub-network", "Date", "Model Parameters", "Latency (ms)", "MACs", "Top-1 Acc (%)"}

// ImportDynasT reads a result file of DyNAS-T: measured sub-networks of
// Once-for-All's MobileNetV3, for the space "ofa-mbv3-w1.0". A row whose
// parameters or MACs differ from the space's is rejected, and so is one whose
// accuracy contradicts an earlier one of the same sub-network. Repeats are kept,
// numbered in Seed. A file whose accuracies are fractions is refused: the
// column is in percent.
func ImportDynasT(path string, sp *space.Space) ([]Sample, ImportReport, error) {
	var rep ImportReport
	f, err := os.Open(path)
	if err != nil {
		return nil, rep, fmt.Errorf("samples: import: %w", err)
	}
	defer f.Close()
	rows, err := readDynasT(f, sp, &rep)
	if err != nil {
		return nil, rep, fmt.Errorf("samples: import %s: %w", path, err)
	}
	for i := range rows {
		rows[i].Provenance = importedFrom + filepath.Base(path)
	}
	return rows, rep, nil
}

func readDynasT(r io.Reader, sp *space.Space, rep *ImportReport) ([]Sample, error) {
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil || !slices.Equal(head, dynastColumns) {
		return nil, fmt.Errorf("line 1: columns are %q, want %q", head, dynastColumns)
	}
	var out []Sample
	fractions := 0
	for {
		fields, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err // csv names the line
		}
		rep.Rows++
		s, err := dynastSample(fields, sp)
		if err != nil {
			line, _ := in.FieldPos(0)
			rep.reject(fmt.Errorf("line %d: %w", line, err))
			continue
		}
		if s.Accuracy <= .01 {
			fractions++
		}
		out = append(out, s)
	}
	if len(out) > 0 && fractions == len(out) {
		return nil, fmt.Errorf("no top-1 is above 1: these are fractions, want percent (multiply the column by 100)")
	}
	out, faults := NumberRepeats(out)
	for _, f := range faults {
		rep.reject(f)
	}
	rep.Distinct = len(Distinct(out))
	return out, nil
}

// reject counts a row that is not taken.
func (rep *ImportReport) reject(fault error) {
	rep.Rejected++
	if len(rep.Faults) < 20 {
		rep.Faults = append(rep.Faults, fault)
	}
}

func dynastSample(fields []string, sp *space.Space) (Sample, error) {
	a, err := dynastArch(fields[0], sp)
	if err != nil {
		return Sample{}, err
	}
	s := New(sp, a)
	params, errP := strconv.ParseInt(fields[2], 10, 64)
	macs, errM := strconv.ParseInt(fields[4], 10, 64)
	top1, errT := strconv.ParseFloat(fields[5], 64)
	if err := errors.Join(errP, errM, errT); err != nil {
		return Sample{}, err
	}
	if params != s.Params || macs != s.MACs {
		return Sample{}, fmt.Errorf("%d parameters and %d MACs, the space says %d and %d", params, macs, s.Params, s.MACs)
	}
	if !(top1 >= 0 && top1 <= 100) {
		return Sample{}, fmt.Errorf("top-1 is %g %%", top1)
	}
	s.Accuracy = top1 / 100
	return s, nil
}

// dynastArch reads "{'wid': None, 'ks': [5, …], 'e': […], 'd': […], 'r': [224]}":
// kernels and expand ratios of as many blocks as the stages can have, depths of
// the stages. The space's first, fixed stage is not part of it.
func dynastArch(text string, sp *space.Space) (space.Arch, error) {
	lists := map[space.SlotKind][]float64{}
	for kind, name := range map[space.SlotKind]string{space.SlotKernel: "ks", space.SlotExpand: "e", space.SlotDepth: "d", space.SlotResolution: "r"} {
		_, rest, _ := strings.Cut(text, "'"+name+"': [")
		inside, _, ok := strings.Cut(rest, "]")
		if !ok {
			return space.Arch{}, fmt.Errorf("no list %q in %.80q", name, text)
		}
		for _, f := range strings.Split(inside, ",") {
			v, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
			if err != nil {
				return space.Arch{}, fmt.Errorf("list %q: %w", name, err)
			}
			lists[kind] = append(lists[kind], v)
		}
	}
	var draft []byte
	for _, slot := range sp.Slots() {
		want, listed := slot.Values[len(slot.Values)-1], lists[slot.Kind]
		if slot.Stage > 0 && slot.Kind != space.SlotWidth && listed != nil || slot.Kind == space.SlotResolution {
			if len(listed) == 0 {
				return space.Arch{}, fmt.Errorf("no value left for %s", slot.Name)
			}
			want, lists[slot.Kind] = listed[0], listed[1:]
		}
		i := slices.Index(slot.Values, want)
		if i < 0 {
			return space.Arch{}, fmt.Errorf("%s is %g, the space has %v", slot.Name, want, slot.Values)
		}
		draft = append(draft, byte(i))
	}
	for kind, rest := range lists {
		if len(rest) > 0 {
			return space.Arch{}, fmt.Errorf("%d values of %s too many for the space", len(rest), kind)
		}
	}
	return sp.New(draft)
}
