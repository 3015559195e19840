package datasets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// table is one Parquet file: labels are read when it is opened, images by row
// group when they are asked for.
type table struct {
	path   string
	labels []int64
	paths  []string // of each image, when stored
	names  []string // of the classes, when the metadata has them

	bytesLeaf int
	groups    []int // first row of each row group

	mu     sync.Mutex
	cache  map[int][][]byte // images by row group
	recent []int            // groups in cache, oldest first
	held   int              // bytes in cache
}

// cacheBytes bounds the encoded images that a file keeps in memory.
const cacheBytes = 512 << 20

// openTable reads the schema and the labels.
func openTable(ctx context.Context, path string) (*table, error) {
	t := &table{path: path, cache: map[int][][]byte{}}
	err := t.read(func(r *file.Reader, size int64) error {
		cols, err := findColumns(r)
		if err != nil {
			return err
		}
		t.bytesLeaf = cols.bytes
		rows := int64(0)
		for g := range r.NumRowGroups() {
			n := r.MetaData().RowGroup(g).NumRows()
			if n < 0 || n > size-rows { // an image takes more than a byte
				return fmt.Errorf("row group %d claims %d rows in a file of %d bytes", g, n, size)
			}
			t.groups = append(t.groups, int(rows))
			rows += n
			if err := t.readLabels(ctx, r.RowGroup(g), cols); err != nil {
				return err
			}
			if int64(len(t.labels)) != rows {
				return fmt.Errorf("row group %d claims %d rows and has %d labels", g, n, int64(len(t.labels))-rows+n)
			}
		}
		if rows == 0 {
			return errors.New("has no rows")
		}
		t.names = classNames(r, cols.labelName)
		return nil
	})
	return t, err
}

// allocator refuses single allocations that a file of this size can hardly
// need: page headers may claim anything.
type allocator struct {
	memory.Allocator
	most int
}

func (a allocator) Allocate(n int) []byte {
	if n > a.most {
		panic(fmt.Sprintf("a page claims %d bytes", n))
	}
	return a.Allocator.Allocate(n)
}

func (a allocator) Reallocate(n int, b []byte) []byte {
	if n > a.most {
		panic(fmt.Sprintf("a page claims %d bytes", n))
	}
	return a.Allocator.Reallocate(n, b)
}

// read opens the file for one use. It reads Parquet's own columns and leaves
// an Arrow schema in the metadata alone: decoding that allocates what a
// damaged file says. The Parquet reader panics on some damaged files; that
// becomes an error here.
func (t *table) read(use func(r *file.Reader, size int64) error) (err error) {
	f, err := os.Open(t.path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged Parquet file: %v", p)
		}
	}()
	mem := allocator{memory.NewGoAllocator(), int(max(64<<20, 16*st.Size()))}
	r, err := file.NewParquetReader(f, file.WithReadProps(parquet.NewReaderProperties(mem)))
	if err != nil {
		return fmt.Errorf("not a Parquet file: %w", err)
	}
	return use(r, st.Size())
}

// image is the encoded image of a row. The bytes must not be changed.
func (t *table) image(ctx context.Context, row int) ([]byte, error) {
	g, _ := slices.BinarySearch(t.groups, row+1)
	g--
	t.mu.Lock()
	defer t.mu.Unlock()
	imgs, ok := t.cache[g]
	if !ok {
		var err error
		if imgs, err = t.load(ctx, g); err != nil {
			return nil, err
		}
	}
	k := row - t.groups[g]
	if k >= len(imgs) {
		return nil, fmt.Errorf("row group %d ends after %d rows", g, len(imgs))
	}
	return imgs[k], nil
}

// load reads the images of a row group into the cache, and drops the oldest
// groups when it holds too much.
func (t *table) load(ctx context.Context, g int) ([][]byte, error) {
	var imgs [][]byte
	err := t.read(func(r *file.Reader, _ int64) (err error) {
		imgs, err = byteArrays(ctx, r.RowGroup(g), t.bytesLeaf)
		return err
	})
	if err != nil {
		return nil, err
	}
	size := 0
	for _, b := range imgs {
		size += len(b)
	}
	for len(t.recent) > 0 && t.held+size > cacheBytes {
		old := t.recent[0]
		for _, b := range t.cache[old] {
			t.held -= len(b)
		}
		delete(t.cache, old)
		t.recent = t.recent[1:]
	}
	t.cache[g], t.held = imgs, t.held+size
	t.recent = append(t.recent, g)
	return imgs, nil
}
