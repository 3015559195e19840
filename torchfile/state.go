package torchfile

import (
	"archive/zip"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

// stored is the content of an archive's entry, in place. PyTorch compresses
// nothing, so a compressed entry is refused rather than blown up.
func stored(data []byte, e *zip.File) ([]byte, error) {
	at, err := e.DataOffset()
	size := e.UncompressedSize64
	if err != nil || e.Method != zip.Store || at < 0 || at > int64(len(data)) || size > uint64(int64(len(data))-at) {
		return nil, fmt.Errorf("entry %.60q: %w, or compressed, which PyTorch never writes", e.Name, errCut)
	}
	raw := data[at : at+int64(size) : at+int64(size)]
	if crc32.ChecksumIEEE(raw) != e.CRC32 {
		return nil, fmt.Errorf("entry %.60q: its checksum is wrong: %w", e.Name, errCut)
	}
	return raw, nil
}

// complete holds every storage against its bytes.
func (s shelf) complete() error {
	for key, st := range s {
		if want := st.count * decoders[st.dtype].size; st.raw == nil || len(st.raw) != want {
			return fmt.Errorf("storage %.40q has %d bytes, want %d: %w", key, len(st.raw), want, errCut)
		}
	}
	return nil
}

// wrappers are the keys under which training scripts put the state dict.
var wrappers = []string{"state_dict", "state_dict_ema", "model", "net"}

// StateDict are the named tensors of the file in its order: of the object
// itself, or of the dict under "state_dict" as checkpoints have it. Entries
// that are no tensors are left out; a file without any tensor is an error.
func (f *File) StateDict() ([]*Tensor, error) {
	d, ok := f.Root.(*Dict)
	if !ok {
		return nil, fmt.Errorf("torchfile: state dict: the file holds a %T, want a dict of tensors", f.Root)
	}
	for _, w := range wrappers {
		if inner, ok := d.Get(w); ok {
			if inner, ok := inner.(*Dict); ok {
				d = inner
				break
			}
		}
	}
	var out []*Tensor
	at := map[string]int{}
	for i, k := range d.Keys {
		name, isText := k.(string)
		t, isTensor := d.Values[i].(*Tensor)
		if !isText || !isTensor {
			continue
		}
		named := *t
		named.Name = name
		if err := named.check(); err != nil {
			return nil, err
		}
		if _, twice := at[name]; twice {
			return nil, fmt.Errorf("torchfile: state dict: %.80q is in it twice", name)
		}
		at[name] = len(out)
		out = append(out, &named)
	}
	if len(out) == 0 {
		return nil, errors.New("torchfile: state dict: no tensor in it")
	}
	return slices.Clip(out), nil
}
