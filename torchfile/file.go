package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
)

var (
	errCut   = errors.New("the file ends too early or is damaged")
	errStack = errors.New("a value is missing: the pickle is damaged")
)

// File is what a container holds.
type File struct {
	Root any // the object that was saved: usually a *Dict
}

// Read reads a container from disk.
func Read(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("torchfile: read: %w", err)
	}
	f, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, path)
	}
	return f, nil
}

// Decode reads a container. The tensors of the result keep data, which must
// not change any more.
func Decode(data []byte) (*File, error) {
	container, decode := "torch container (before 1.6)", decodeLegacy
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		container, decode = "torch ZIP container", decodeZip
	}
	root, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("torchfile: %s: %w", container, err)
	}
	return &File{root}, nil
}

// shelf collects the storages that a pickle names.
type shelf map[string]*storage

// find is the storage of a persistent id: ("storage", class, key, device,
// count) and, in the older container, the view, which no file since 0.4 has.
func (s shelf) find(id Tuple) (any, error) {
	if len(id) < 5 || len(id) > 6 || id[0] != "storage" || len(id) == 6 && id[5] != nil {
		return nil, fmt.Errorf("persistent id %.80v, want a storage", id)
	}
	class, ok := id[1].(global)
	key, ok2 := id[2].(string)
	n, ok3 := count(id[4])
	dtype, known := storages[class]
	if !ok || !ok2 || !ok3 || !known {
		return nil, fmt.Errorf("persistent id %.80v, want a storage", id)
	}
	if old := s[key]; old != nil {
		if old.dtype != dtype || old.count != n {
			return nil, fmt.Errorf("storage %.40q is %d %s and %d %s", key, old.count, old.dtype, n, dtype)
		}
		return old, nil
	}
	s[key] = &storage{key: key, dtype: dtype, count: n}
	return s[key], nil
}

func noStorage(Tuple) (any, error) { return nil, errors.New("a storage before the object") }

// legacyMagic is the number that the older container begins with.
var legacyMagic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

// decodeLegacy reads five pickles (magic number, version, machine, object,
// storage keys) and behind them, for each key, a count and the numbers.
func decodeLegacy(data []byte) (any, error) {
	storages := shelf{}
	parts := make([]any, 5)
	at := 0
	for i := range parts {
		find := noStorage
		if i == 3 {
			find = storages.find
		}
		v, size, err := unpickle(data[at:], find)
		if magic, ok := v.(*big.Int); i == 0 && (err != nil || !ok || magic.Cmp(legacyMagic) != 0) {
			return nil, errors.New("it does not begin as torch.save does: not a PyTorch file")
		}
		if err != nil {
			return nil, fmt.Errorf("pickle %d at byte %d: %w", i+1, at, err)
		}
		parts[i], at = v, at+size
	}
	if machine, ok := parts[2].(*Dict); ok {
		if little, ok := machine.Get("little_endian"); ok && little != true {
			return nil, errors.New("its numbers are big-endian (save it again on a usual machine)")
		}
	}
	keys, ok := parts[4].(*List)
	if !ok {
		return nil, fmt.Errorf("its list of storages is %T: %w", parts[4], errCut)
	}
	for _, k := range keys.Items {
		key, _ := k.(string)
		s := storages[key]
		if s == nil || s.raw != nil {
			return nil, fmt.Errorf("storage %.40v is listed but not used once", k)
		}
		end := at + 8 + s.count*decoders[s.dtype].size
		if end > len(data) || binary.LittleEndian.Uint64(data[at:]) != uint64(s.count) {
			return nil, fmt.Errorf("byte %d: storage %.40q of %d %s: %w", at, key, s.count, s.dtype, errCut)
		}
		s.raw, at = data[at+8:end:end], end
	}
	if at != len(data) {
		return nil, fmt.Errorf("byte %d: %d bytes behind the last storage", at, len(data)-at)
	}
	return parts[3], storages.complete()
}

// decodeZip reads FOLDER/data.pkl and, for each key, FOLDER/data/KEY.
func decodeZip(data []byte) (any, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errCut, err)
	}
	entries := map[string]*zip.File{}
	folder := ""
	for _, e := range archive.File {
		entries[e.Name] = e
		if before, ok := strings.CutSuffix(e.Name, "/data.pkl"); ok && !strings.Contains(before, "/") {
			folder = before
		}
	}
	if folder == "" {
		return nil, errors.New("no NAME/data.pkl in it: not a PyTorch file")
	}
	pickle, err := stored(data, entries[folder+"/data.pkl"])
	if err != nil {
		return nil, err
	}
	if e := entries[folder+"/byteorder"]; e != nil {
		if order, err := stored(data, e); err != nil || string(order) != "little" {
			return nil, fmt.Errorf("its byte order is %.10q, want little (%v)", order, err)
		}
	}
	storages := shelf{}
	root, size, err := unpickle(pickle, storages.find)
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	if size != len(pickle) {
		return nil, fmt.Errorf("data.pkl: %d bytes behind its end", len(pickle)-size)
	}
	for key, s := range storages {
		e := entries[folder+"/data/"+key]
		if e == nil {
			return nil, fmt.Errorf("no data/%.40s in it: %w", key, errCut)
		}
		if s.raw, err = stored(data, e); err != nil {
			return nil, err
		}
	}
	return root, storages.complete()
}
