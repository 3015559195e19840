// Package torchfiletest writes state dicts as PyTorch does, for tests: with
// random weights under the names of a published checkpoint, so that readers of
// it can be tested without the file.
//
// There is one type: Tensor. OnceForAll makes the tensors that a list of names
// and shapes asks for; Write puts them into a container.
package torchfiletest

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// Tensor is one entry of a state dict: Float, or one Long when Shape is empty.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// pickler writes protocol 2.
type pickler struct {
	bytes.Buffer
	legacy bool
}

func (p *pickler) text(s string) {
	p.WriteByte('X')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
}

func (p *pickler) number(n int) {
	p.WriteByte('J')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
}

func (p *pickler) numbers(v []int) {
	p.WriteByte('(')
	for _, n := range v {
		p.number(n)
	}
	p.WriteByte('t')
}

// tensor is _rebuild_tensor_v2(storage, offset, shape, strides, False, hooks).
func (p *pickler) tensor(key string, t Tensor) {
	class, n := "FloatStorage", len(t.Data)
	if len(t.Shape) == 0 {
		class, n = "LongStorage", 1
	}
	p.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
	p.text("storage")
	p.WriteString("ctorch\n" + class + "\n")
	p.text(key)
	p.text("cpu")
	p.number(n)
	if p.legacy {
		p.WriteByte('N')
	}
	p.WriteString("tQ")
	p.number(0)
	strides, step := make([]int, len(t.Shape)), 1
	for i := len(t.Shape) - 1; i >= 0; i-- {
		strides[i] = step
		step *= t.Shape[i]
	}
	p.numbers(t.Shape)
	p.numbers(strides)
	p.WriteString("\x89ccollections\nOrderedDict\n)RtR")
}

// dict is {"state_dict": OrderedDict(tensors)}.
func (p *pickler) dict(tensors []Tensor) {
	p.WriteString("\x80\x02}")
	p.text("state_dict")
	p.WriteString("ccollections\nOrderedDict\n)R(")
	for i, t := range tensors {
		p.text(t.Name)
		p.tensor(strconv.Itoa(i), t)
	}
	p.WriteString("us.")
}

func raw(t Tensor) []byte {
	if len(t.Shape) == 0 {
		return make([]byte, 8)
	}
	b := make([]byte, 0, 4*len(t.Data))
	for _, v := range t.Data {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// Write makes a file: the ZIP archive of today's PyTorch, or with legacy the
// row of pickles that it wrote before 1.6.
func Write(path string, tensors []Tensor, legacy bool) error {
	encode := archive
	if legacy {
		encode = row
	}
	data, err := encode(tensors)
	if err != nil {
		return fmt.Errorf("torchfiletest: %w", err)
	}
	return os.WriteFile(path, data, 0o666)
}

func archive(tensors []Tensor) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	put := func(name string, data []byte) error {
		w, err := z.CreateHeader(&zip.FileHeader{Name: "archive/" + name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	var p pickler
	p.dict(tensors)
	if err := put("data.pkl", p.Bytes()); err != nil {
		return nil, err
	}
	for i, t := range tensors {
		if err := put("data/"+strconv.Itoa(i), raw(t)); err != nil {
			return nil, err
		}
	}
	if err := put("version", []byte("3\n")); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func row(tensors []Tensor) ([]byte, error) {
	p := pickler{legacy: true}
	p.WriteString("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.") // the magic number
	p.WriteString("\x80\x02M\xe9\x03.")                                        // protocol 1001
	p.WriteString("\x80\x02}(")
	p.text("little_endian")
	p.WriteString("\x88u.")
	p.dict(tensors)
	p.WriteString("\x80\x02](")
	for i := range tensors {
		p.text(strconv.Itoa(i))
	}
	p.WriteString("e.")
	for _, t := range tensors {
		p.Write(binary.LittleEndian.AppendUint64(nil, uint64(max(1, len(t.Data)))))
		p.Write(raw(t))
	}
	return p.Bytes(), nil
}

// OnceForAll makes the tensors of a list of names and shapes (today's name,
// tab, 16x3x3x3 or scalar, and maybe tab, published name). Numbers depend on
// today's name alone, as in bench/ofa/ofa.py.
func OnceForAll(list string, published bool) ([]Tensor, error) {
	f, err := os.Open(list)
	if err != nil {
		return nil, fmt.Errorf("torchfiletest: %w", err)
	}
	defer f.Close()
	var out []Tensor
	for s := bufio.NewScanner(f); s.Scan(); {
		part := strings.Split(s.Text(), "\t")
		if strings.HasPrefix(part[0], "#") || len(part) < 2 {
			continue
		}
		t := Tensor{Name: part[0]}
		if published && len(part) > 2 {
			t.Name = part[2]
		}
		if part[1] != "scalar" {
			for _, d := range strings.Split(part[1], "x") {
				n, err := strconv.Atoi(d)
				if err != nil {
					return nil, fmt.Errorf("torchfiletest: %s: shape %q: %w", list, part[1], err)
				}
				t.Shape = append(t.Shape, n)
			}
			t.Data = fill(part[0], t.Shape)
		}
		out = append(out, t)
	}
	return out, nil
}

// fill keeps values and gradients of a deep network near 1.
func fill(name string, shape []int) []float32 {
	n, fan := 1, 1
	for i, d := range shape {
		n *= d
		if i > 0 {
			fan *= d
		}
	}
	base, scale := 0.0, 0.25
	switch {
	case strings.HasSuffix(name, "running_var"):
		base, scale = 1, .5
	case strings.HasSuffix(name, "bn.weight"):
		base = .6
	case strings.HasSuffix(name, "_matrix"):
		scale = .1
	case len(shape) > 1:
		scale = math.Sqrt(6 / float64(fan))
	}
	out := make([]float32, n)
	for i, u := range Uniform(name, n) {
		if strings.HasSuffix(name, "_matrix") && i%(fan+1) == 0 {
			u += 10 // on the diagonal: about 1
		}
		out[i] = float32(base + scale*u)
	}
	return out
}

// Uniform are n numbers in [-1, 1) of 24 bits that a name stands for: SplitMix64
// (Steele, Lea & Flood 2014) from the FNV-1a hash of the name.
func Uniform(name string, n int) []float64 {
	state := uint64(0xcbf29ce484222325)
	for _, c := range []byte(name) {
		state = (state ^ uint64(c)) * 0x100000001b3
	}
	out := make([]float64, n)
	for i := range out {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		out[i] = float64(int64(z>>40)-1<<23) / (1 << 23)
	}
	return out
}
