package supernet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckpointRoundTrip(t *testing.T) {
	sp := testSpace(t)
	a, _ := New(sp, 1)
	b, _ := New(sp, 2)
	path := filepath.Join(t.TempDir(), "net.safetensors")
	if err := WriteTensors(path, a.Tensors()); err != nil {
		t.Fatal(err)
	}
	read, err := ReadTensors(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Load(read); err != nil {
		t.Fatal(err)
	}
	for i, p := range a.Params() {
		for k, v := range p.Data {
			if b.Params()[i].Data[k] != v {
				t.Fatalf("%s[%d] differs after the round trip", p.Name, k)
			}
		}
	}
}

// A truncated file is refused at every length, and names itself.
func TestTruncatedCheckpoint(t *testing.T) {
	tensors := NewTensors()
	tensors.Add("a", []float32{1, 2, 3}, 3)
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := WriteTensors(path, tensors); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(path)
	for n := range data {
		if _, err := parseTensors(data[:n]); err == nil {
			t.Fatalf("a file cut to %d of %d bytes was read", n, len(data))
		}
	}
	os.WriteFile(path, data[:20], 0o644)
	if _, err := ReadTensors(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("error does not name the file: %v", err)
	}
}

func TestLoadRefusesForeignTensors(t *testing.T) {
	sp := testSpace(t)
	s, _ := New(sp, 1)
	for name, spoil := range map[string]func(*Tensors){
		"lacks tensor": func(c *Tensors) { delete(c.Data, "stem.weight") },
		"has shape":    func(c *Tensors) { c.Shapes["stem.weight"] = []int{1} },
		"is NaN":       func(c *Tensors) { c.Data["stem.gamma"] = append([]float32{nan()}, c.Data["stem.gamma"][1:]...) },
		"is of space":  func(c *Tensors) { c.Metadata["space_hash"] = "other" },
	} {
		c := s.Tensors()
		spoil(c)
		if err := s.Load(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want an error with %q, got %v", name, err)
		}
	}
}

func nan() float32 { z := float32(0); return z / z }

func FuzzParseTensors(f *testing.F) {
	tensors := NewTensors()
	tensors.Add("a", []float32{1, 2, 3}, 3)
	path := filepath.Join(f.TempDir(), "x.safetensors")
	WriteTensors(path, tensors)
	data, _ := os.ReadFile(path)
	f.Add(data)
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := parseTensors(data); err == nil {
			for _, n := range c.Names {
				if 4*len(c.Data[n]) > len(data) {
					t.Fatalf("tensor %q is larger than the file", n)
				}
			}
		}
	})
}

// A space that claims gigabytes is refused by what the file holds.
func TestCheckpointOfAHugeSpace(t *testing.T) {
	net, _ := New(tinySpace(t), 1)
	path := filepath.Join(t.TempDir(), "net.safetensors")
	for _, c := range []struct{ old, new, want string }{
		{`"head_widths":[16]`, `"head_widths":[16384]`, `tensor "head.weight" has shape [16 16 1 1], the space needs [16384 16 1 1]`},
		{`"widths":[8,16]`, `"widths":[8,16384]`, "s1.b0.project.weight"},
		{`"depths":[1,2]`, `"depths":[1,2,16]`, `lacks tensor "s0.b2`},
		{`"classes":4`, `"classes":-4`, "classes: -4 is outside"},
		{`"stages":`, `"stages":3,"x":`, "its space"},
	} {
		file := net.Tensors()
		text := file.Metadata["space_json"]
		delete(file.Metadata, "space_hash") // a forger would leave it out
		file.Metadata["space_json"] = strings.Replace(text, c.old, c.new, 1)
		if file.Metadata["space_json"] == text {
			t.Fatalf("%s is not in %s", c.old, text)
		}
		if err := WriteTensors(path, file); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
