package loop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"hanas/search"
)

// record is the file of a loop: a line {"loop": key}, then a line an evaluation.
// A last line that a kill cut off is dropped.
type record struct {
	file  *os.File
	known map[string]search.Point
}

// entry is a line.
type entry struct {
	Loop       *string   `json:"loop,omitempty"`
	Genome     string    `json:"genome,omitempty"`
	Objectives []float64 `json:"objectives,omitempty"`
	Violation  float64   `json:"violation,omitempty"`
}

// mostLine bounds a line that is read.
const mostLine = 1 << 20

func openRecord(path, key string, objectives int) (*record, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("loop: %w", err)
	}
	r := &record{file: file, known: map[string]search.Point{}}
	if err := r.read(key, objectives); err != nil {
		file.Close()
		return nil, fmt.Errorf("loop: %s: %w", path, err)
	}
	return r, nil
}

// read takes the whole lines and cuts off the rest.
func (r *record) read(key string, objectives int) error {
	in := bufio.NewReaderSize(r.file, mostLine)
	var whole int64
	for n := 0; ; n++ {
		line, err := in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			return fmt.Errorf("line %d is longer than %d bytes: no record of a loop (choose another file)", n+1, mostLine)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := r.take(line, n, key, objectives); err != nil {
			return fmt.Errorf("line %d: %w", n+1, err)
		}
		whole += int64(len(line))
	}
	if err := r.file.Truncate(whole); err != nil {
		return err
	}
	if _, err := r.file.Seek(whole, io.SeekStart); err != nil {
		return err
	}
	if whole == 0 {
		return r.write(entry{Loop: &key})
	}
	return nil
}

func (r *record) take(line []byte, n int, key string, objectives int) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	var e entry
	if err := d.Decode(&e); err != nil {
		return fmt.Errorf("%w (no record of a loop; choose another file)", err)
	}
	switch {
	case n == 0 && (e.Loop == nil || *e.Loop != key):
		return fmt.Errorf("a record of another search (start a new file, or go on with the old settings)")
	case n > 0 && (e.Genome == "" || len(e.Objectives) != objectives):
		return fmt.Errorf("an evaluation of %d objectives, want %d (start a new file)", len(e.Objectives), objectives)
	case n > 0:
		r.known[e.Genome] = search.Point{Objectives: e.Objectives, Violation: e.Violation}
	}
	return nil
}

func (r *record) write(e entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := r.file.Write(append(text, '\n')); err != nil {
		return err
	}
	return r.file.Sync()
}

// Close closes the file.
func (r *record) Close() error { return r.file.Close() }

// remembered evaluates what the record does not know, and adds it.
func remembered[G comparable](p *Problem[G], r *record) func(context.Context, []G) ([]search.Point, error) {
	return func(ctx context.Context, genomes []G) ([]search.Point, error) {
		out := make([]search.Point, len(genomes))
		for i, g := range genomes { // one at a time: what is evaluated is kept
			name := p.Spell(g)
			known, ok := r.known[name]
			if !ok {
				points, err := p.Evaluate(ctx, []G{g})
				if err != nil {
					return nil, err
				}
				if len(points) != 1 {
					return nil, fmt.Errorf("%d points of one genome", len(points))
				}
				known = points[0]
				if err := r.write(entry{Genome: name, Objectives: known.Objectives, Violation: known.Violation}); err != nil {
					return nil, fmt.Errorf("loop: %s: %w", r.file.Name(), err)
				}
			}
			out[i] = known
		}
		return out, nil
	}
}
