package samples

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"hanas/internal/arrowframe"
	"hanas/space"
)

// Writer appends to a store. Every full batch goes to the file at once; up to
// BatchRows-1 rows wait in memory until Close. One goroutine at a time.
type Writer struct {
	path  string
	file  *os.File
	space *space.Space
	info  Info
	codec *codec
	wait  []Sample // rows of the batch that is not full yet
	seen  map[measurement]struct{}
	archs map[string]struct{}
	err   error // a failed write: the file may hold part of a batch
	sync  func() error
}

// Create begins a store at path, which must not exist. The space, version and
// batch size of info are filled in.
func Create(path string, sp *space.Space, info Info) (*Writer, error) {
	return create(path, sp, info, memory.DefaultAllocator)
}

func create(path string, sp *space.Space, info Info, mem memory.Allocator) (*Writer, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("samples: create: %w (Resume continues a store)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("samples: create: %w", err)
	}
	w, err := begin(file, sp, info, mem)
	if err == nil {
		_, err = file.Write(w.codec.head)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("samples: create %s: %w", path, err)
	}
	return w, nil
}

func begin(file *os.File, sp *space.Space, info Info, mem memory.Allocator) (*Writer, error) {
	info = info.forSpace(sp)
	if info.BatchRows < 1 || info.BatchRows > maxBatchRows {
		return nil, fmt.Errorf("batch rows %d is outside [1, %d]", info.BatchRows, maxBatchRows)
	}
	c, err := newCodec(info.schema(), mem)
	if err != nil {
		return nil, err
	}
	return &Writer{path: file.Name(), file: file, space: sp, info: info, codec: c, seen: map[measurement]struct{}{}, archs: map[string]struct{}{}, sync: file.Sync}, nil
}

// Resume opens a store to append to it, or begins it when there is none. What
// a crash left behind the last whole batch is cut off. The samples already in
// the store are returned in order. A store of another space, supernet or data
// set is refused and left as it is.
func Resume(path string, sp *space.Space, info Info) (*Writer, []Sample, error) {
	return resume(path, sp, info, memory.DefaultAllocator)
}

func resume(path string, sp *space.Space, info Info, mem memory.Allocator) (*Writer, []Sample, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("samples: resume: %w", err)
	}
	w, rows, err := recoverStore(file, sp, info, mem)
	if err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("samples: resume %s: %w", path, err)
	}
	return w, rows, nil
}

func recoverStore(file *os.File, sp *space.Space, info Info, mem memory.Allocator) (*Writer, []Sample, error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, nil, err
	}
	d, err := decode(data, mem)
	if d.info.Version != 0 { // the schema is whole
		if err := d.info.Compatible(info.forSpace(sp)); err != nil {
			return nil, nil, err
		}
		info.BatchRows = d.info.BatchRows // a store keeps the size it began with
	}
	w, fail := begin(file, sp, info, mem)
	if fail != nil {
		return nil, nil, fail
	}
	if err != nil && !errors.Is(err, arrowframe.ErrCut) {
		return nil, nil, fmt.Errorf("%w (only a cut end can be continued; restore the file or remove it)", err)
	}
	switch n := min(len(data), len(w.codec.head)); {
	case d.info.Version == 0 && !bytes.Equal(data[:n], w.codec.head[:n]): // cut inside the schema
		return nil, nil, errors.New("the file begins otherwise than a store of this space does (remove it)")
	case d.info.Version != 0 && !bytes.HasPrefix(data, w.codec.head):
		return nil, nil, errors.New("its schema differs from what is to be written: an older program or other hashes (start a new file)")
	}
	return w, d.samples, w.rewind(d)
}

// rewind cuts the file behind the last full batch. A last batch that is not
// full goes back into memory: it was written by Close, and a longer store has
// its rows in a full batch.
func (w *Writer) rewind(d decoded) error {
	end := len(w.codec.head)
	rows := 0
	for i, b := range d.batches {
		if b.Rows != w.info.BatchRows {
			if i != len(d.batches)-1 || b.Rows > w.info.BatchRows {
				return fmt.Errorf("batch %d has %d rows, want %d", i, b.Rows, w.info.BatchRows)
			}
			break
		}
		end, rows = b.End, rows+b.Rows
	}
	if i, err := w.admit(d.samples); err != nil {
		return fmt.Errorf("row %d: %w", i, err)
	}
	w.wait = append(w.wait, d.samples[rows:]...)
	if err := w.file.Truncate(int64(end)); err != nil {
		return err
	}
	if _, err := w.file.WriteAt(w.codec.head, 0); err != nil { // whole again where it was cut
		return err
	}
	_, err := w.file.Seek(0, io.SeekEnd)
	return err
}

// measurement is what a store has once: an Arch, evaluated with a seed. An
// import numbers the repeats of an Arch in the seed.
type measurement struct {
	arch string
	seed uint64
}

func (s *Sample) measurement() measurement { return measurement{s.Arch, s.Seed} }

// admit checks samples and remembers their keys; of a faulty one it gives the
// place and remembers none.
func (w *Writer) admit(batch []Sample) (int, error) {
	if i, err := checkAll(batch, w.space); err != nil {
		return i, err
	}
	for i := range batch {
		s := &batch[i]
		if _, dup := w.seen[s.measurement()]; dup {
			w.forget(batch[:i])
			return i, fmt.Errorf("%s is in the store already, with seed %d", s.Arch, s.Seed)
		}
		w.seen[s.measurement()] = struct{}{}
		w.archs[s.Arch] = struct{}{}
	}
	return 0, nil
}

// Append adds samples in order. Either all are accepted or, when one is
// faulty or in the store already, none. Many at once are checked on all cores.
func (w *Writer) Append(batch []Sample) error {
	if w.err != nil {
		return w.err
	}
	if i, err := w.admit(batch); err != nil {
		return fmt.Errorf("samples: append to %s: sample %d: %w", w.path, i, err)
	}
	w.wait = append(w.wait, batch...)
	written := 0
	for len(w.wait)-written >= w.info.BatchRows {
		if err := w.flush(w.wait[written : written+w.info.BatchRows]); err != nil {
			return err
		}
		written += w.info.BatchRows
	}
	w.wait = append(w.wait[:0], w.wait[written:]...)
	return nil
}

// flush writes rows as one batch.
func (w *Writer) flush(rows []Sample) error {
	frame, err := w.codec.batch(rows)
	if err == nil {
		_, err = w.file.Write(frame)
	}
	if err != nil {
		w.err = fmt.Errorf("samples: write %s: %w", w.path, err)
	}
	return w.err
}

// forget takes back what admit remembered.
func (w *Writer) forget(batch []Sample) {
	for _, s := range batch {
		delete(w.seen, s.measurement())
	}
	clear(w.archs)
	for m := range w.seen {
		w.archs[m.arch] = struct{}{}
	}
}

// Has says whether the store holds an Arch key.
func (w *Writer) Has(key string) bool {
	_, ok := w.archs[key]
	return ok
}

// Rows is the number of samples, those in memory included.
func (w *Writer) Rows() int { return len(w.seen) }

// Info is what the store belongs to.
func (w *Writer) Info() Info { return w.info }

// Close writes the rows that wait and the end mark, and syncs the file.
func (w *Writer) Close() error {
	if w.err == nil && len(w.wait) > 0 {
		w.flush(w.wait) // its error is kept in w.err
	}
	err := w.err
	if err == nil {
		_, err = w.file.Write([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0})
	}
	if err == nil {
		err = w.sync()
	}
	err = errors.Join(err, w.file.Close())
	if err != nil && w.err == nil {
		err = fmt.Errorf("samples: close %s: %w", w.path, err)
	}
	w.err = errors.Join(w.err, fs.ErrClosed)
	return err
}
