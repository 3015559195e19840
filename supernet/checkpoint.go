package supernet

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"sort"

	"hanas/internal/atomicfile"
	"hanas/space"
)

// maxHeader bounds a safetensors header; the format's own limit is 100 MB.
const maxHeader = 100 << 20

// Tensors is named float data with shapes: the content of a checkpoint.
type Tensors struct {
	Metadata map[string]string
	Names    []string // in file order
	Shapes   map[string][]int
	Data     map[string][]float32
}

// NewTensors makes an empty checkpoint.
func NewTensors() *Tensors {
	return &Tensors{Metadata: map[string]string{}, Shapes: map[string][]int{}, Data: map[string][]float32{}}
}

// Add appends one tensor; data is shared.
func (t *Tensors) Add(name string, data []float32, shape ...int) {
	t.Names = append(t.Names, name)
	t.Shapes[name], t.Data[name] = shape, data
}

type tensorEntry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// WriteTensors writes a safetensors file (Hugging Face's format: u64 header
// length, JSON header, raw little-endian data) through a temporary file, so
// that a killed process leaves the old file or the new one, never half of one.
func WriteTensors(path string, t *Tensors) error {
	header := map[string]any{"__metadata__": t.Metadata}
	names := append([]string{}, t.Names...)
	sort.Strings(names)
	at := int64(0)
	for _, n := range names {
		end := at + int64(4*len(t.Data[n]))
		header[n] = tensorEntry{"F32", t.Shapes[n], [2]int64{at, end}}
		at = end
	}
	js, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("supernet: write %s: %w", path, err)
	}
	for len(js)%8 != 0 {
		js = append(js, ' ')
	}
	var buf bytes.Buffer
	buf.Grow(8 + len(js) + int(at))
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], uint64(len(js)))
	buf.Write(word[:])
	buf.Write(js)
	for _, n := range names {
		for _, v := range t.Data[n] {
			binary.LittleEndian.PutUint32(word[:4], math.Float32bits(v))
			buf.Write(word[:4])
		}
	}
	return writeAtomic(path, buf.Bytes())
}

func writeAtomic(path string, data []byte) error {
	if err := atomicfile.Write(path, data); err != nil {
		return fmt.Errorf("supernet: write %s: %w (is the disk full?)", path, err)
	}
	return nil
}

// ReadTensors reads a safetensors file of F32 tensors. Nothing is allocated
// that the file does not really hold.
func ReadTensors(path string) (*Tensors, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("supernet: %w", err)
	}
	t, err := parseTensors(data)
	if err != nil {
		return nil, fmt.Errorf("supernet: checkpoint %s: %w (train it again, or restore the file)", path, err)
	}
	return t, nil
}

func parseTensors(data []byte) (*Tensors, error) {
	if len(data) < 8 {
		return nil, io.ErrUnexpectedEOF
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader || n > uint64(len(data)-8) {
		return nil, fmt.Errorf("header claims %d bytes, file has %d", n, len(data))
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data[8:8+n], &raw); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	body := data[8+n:]
	t := NewTensors()
	names := make([]string, 0, len(raw))
	for name := range raw {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if name == "__metadata__" {
			if err := json.Unmarshal(raw[name], &t.Metadata); err != nil {
				return nil, fmt.Errorf("metadata: %w", err)
			}
			continue
		}
		values, shape, err := parseEntry(raw[name], body)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		t.Add(name, values, shape...)
	}
	return t, nil
}

func parseEntry(raw json.RawMessage, body []byte) ([]float32, []int, error) {
	var e tensorEntry
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, nil, err
	}
	if e.DType != "F32" {
		return nil, nil, fmt.Errorf("dtype %q (only F32 is read)", e.DType)
	}
	lo, hi := e.Offsets[0], e.Offsets[1]
	if lo < 0 || hi < lo || hi > int64(len(body)) {
		return nil, nil, fmt.Errorf("bytes [%d,%d) lie outside the file's %d", lo, hi, len(body))
	}
	n := int64(1)
	for _, d := range e.Shape {
		if d < 0 || (d > 0 && n > (hi-lo)/int64(d)) {
			return nil, nil, fmt.Errorf("shape %v does not fit %d bytes", e.Shape, hi-lo)
		}
		n *= int64(d)
	}
	if n*4 != hi-lo {
		return nil, nil, fmt.Errorf("shape %v does not fit %d bytes", e.Shape, hi-lo)
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[lo+int64(4*i):]))
	}
	return values, e.Shape, nil
}

// Tensors is the supernet's parameters as a checkpoint; data is shared. Its
// metadata hold the space, so that the file says all there is to know.
func (s *Supernet) Tensors() *Tensors {
	t := NewTensors()
	t.Metadata["space"], t.Metadata["space_hash"] = s.Space.Name, s.Space.Hash()
	js, err := json.Marshal(s.Space)
	if err != nil { // only floats that are not numbers, which Validate refuses
		panic("supernet: space: " + err.Error())
	}
	t.Metadata["space_json"] = string(js)
	if s.transforms {
		t.Metadata["kernels"] = "transform"
	}
	if s.steps {
		t.Metadata["steps"] = "learned"
	}
	for _, p := range s.params {
		t.Add(p.Name, p.Data, p.Shape...)
	}
	for _, layer := range slices.Sorted(maps.Keys(s.running)) {
		n := s.running[layer]
		t.Add(layer+runningMean, n.mean, len(n.mean))
		t.Add(layer+runningVar, n.variance, len(n.variance))
	}
	return t
}

// Load copies the parameters of a checkpoint into s. Every parameter must be
// there with its shape and be finite; other tensors (optimizer state) are
// left to the caller.
func (s *Supernet) Load(t *Tensors) error {
	if h := t.Metadata["space_hash"]; h != "" && h != s.Space.Hash() {
		return fmt.Errorf("supernet: checkpoint is of space %q (%s), not of %q (%s)", t.Metadata["space"], h, s.Space.Name, s.Space.Hash())
	}
	for _, p := range s.params {
		data, ok := t.Data[p.Name]
		if !ok {
			return fmt.Errorf("supernet: checkpoint lacks tensor %q", p.Name)
		}
		if fmt.Sprint(t.Shapes[p.Name]) != fmt.Sprint(p.Shape) {
			return fmt.Errorf("supernet: checkpoint tensor %q has shape %v, the space needs %v", p.Name, t.Shapes[p.Name], p.Shape)
		}
		for i, v := range data {
			if v != v || math.IsInf(float64(v), 0) {
				return fmt.Errorf("supernet: checkpoint tensor %q: value %d is %v", p.Name, i, v)
			}
		}
	}
	running, err := s.readRunning(t)
	if err != nil {
		return err
	}
	for _, p := range s.params {
		copy(p.Data, t.Data[p.Name])
	}
	s.running = running
	return nil
}

// Read makes a supernet of a space from a checkpoint file. A nil space is the
// one that the file says.
func Read(path string, sp *space.Space) (*Supernet, error) {
	t, err := ReadTensors(path)
	if err != nil {
		return nil, err
	}
	if sp == nil {
		if sp, err = t.space(); err != nil {
			return nil, fmt.Errorf("supernet: checkpoint %s: %w", path, err)
		}
	}
	s, err := New(sp, 0)
	if err != nil {
		return nil, err
	}
	if t.Metadata["kernels"] == "transform" {
		s.addTransforms()
	}
	if t.Metadata["steps"] == "learned" {
		s.addSteps()
	}
	return s, s.Load(t)
}

// space is the one in the metadata; checkpoints of earlier versions lack it.
func (t *Tensors) space() (*space.Space, error) {
	text := t.Metadata["space_json"]
	if text == "" {
		return nil, errors.New("it does not say its space (name the space, or train it again)")
	}
	sp := new(space.Space)
	if err := json.Unmarshal([]byte(text), sp); err != nil {
		return nil, fmt.Errorf("its space: %w", err)
	}
	return sp, sp.Validate()
}
