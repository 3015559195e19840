package datasets

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// imageExtensions are the files that count as images.
var imageExtensions = map[string]bool{".jpg": true, ".jpeg": true, ".png": true, ".webp": true}

// files is a data set of image files.
type files struct {
	name    string
	items   []item
	classes []string
}

type item struct {
	path  string
	label int
}

func (f *files) Len() int          { return len(f.items) }
func (f *files) Classes() []string { return f.classes }

// Name is the file's name, without its folder.
func (f *files) Name(i int) string { return filepath.Base(f.items[i].path) }

// Label is the class index of image i.
func (f *files) Label(i int) (int, bool) { return f.items[i].label, true }

func (f *files) At(ctx context.Context, i int) (Example, error) {
	if i < 0 || i >= len(f.items) {
		return Example{}, outOfRange(f.name, i, len(f.items))
	}
	if err := ctx.Err(); err != nil {
		return Example{}, fmt.Errorf("datasets: %s: stopped: %w", f.name, err)
	}
	data, err := readLimited(f.items[i].path)
	if err != nil {
		return Example{}, fmt.Errorf("datasets: %s: %w", f.name, err)
	}
	ex, err := Decode(data)
	if err != nil {
		return Example{}, fmt.Errorf("datasets: %s: %s: %w", f.name, f.items[i].path, err)
	}
	ex.Label = f.items[i].label
	return ex, nil
}

// maxFile bounds one image file: 256 MB.
const maxFile = 256 << 20

func readLimited(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > maxFile {
		return nil, fmt.Errorf("%s: has %d bytes, an image may have %d", path, st.Size(), maxFile)
	}
	return os.ReadFile(path)
}

// openFolder reads root/<class>/*.jpg, with or without train, val and test
// folders above the classes. Classes are the folder names in alphabetic order,
// as torchvision's ImageFolder has them.
func openFolder(ctx context.Context, s Settings) (*Set, error) {
	name := "folder " + filepath.Base(s.Path)
	entries, err := os.ReadDir(s.Path)
	if err != nil {
		return nil, fmt.Errorf("datasets: folder: %w (the path must be a folder of class folders)", err)
	}
	part := func(names ...string) (*files, error) {
		for _, e := range entries {
			if e.IsDir() && slices.Contains(names, e.Name()) {
				return classFolders(ctx, name, filepath.Join(s.Path, e.Name()))
			}
		}
		return nil, nil
	}
	train, err := part("train")
	if err != nil {
		return nil, err
	}
	if train == nil {
		train, err = classFolders(ctx, name, s.Path)
		if err != nil {
			return nil, err
		}
		return fileSet(ctx, name, s, []*files{train})
	}
	val, err := part("val", "validation", "valid")
	if err != nil {
		return nil, err
	}
	test, err := part("test")
	if err != nil {
		return nil, err
	}
	return fileSet(ctx, name, s, []*files{train, val, test})
}

// fileSet splits the parts train, val, test (the last two may be nil or
// missing) and hashes them.
func fileSet(ctx context.Context, name string, s Settings, parts []*files) (*Set, error) {
	var p pools
	h := sha256.New()
	for i, f := range parts {
		if f == nil {
			continue
		}
		if !slices.Equal(f.classes, parts[0].classes) {
			return nil, fmt.Errorf("datasets: %s: part %d has classes %s, part 0 has %s (they must be equal)", name, i,
				abbreviate(f.classes), abbreviate(parts[0].classes))
		}
		*[]*Dataset{&p.train, &p.val, &p.test}[i] = f
		if err := hashFiles(ctx, h, s.Path, f.items); err != nil {
			return nil, fmt.Errorf("datasets: %s: %w", name, err)
		}
	}
	set, err := split(name, p, s)
	if err != nil {
		return nil, err
	}
	set.Info.Digest = hex.EncodeToString(h.Sum(nil))
	return set, nil
}

func abbreviate(names []string) string {
	if len(names) > 8 {
		return fmt.Sprintf("%s, ... (%d)", strings.Join(names[:8], ", "), len(names))
	}
	return strings.Join(names, ", ")
}

// hashFull is how much of a file is hashed at each of its ends. Compressed
// images that differ at all differ there or in length; hashing all of a large
// set would take longer than using it.
const hashFull = 64 << 10

// hashFiles adds names, labels, lengths and content (of long files: both ends).
func hashFiles(ctx context.Context, h hash.Hash, root string, items []item) error {
	for _, it := range items {
		if err := ctx.Err(); err != nil {
			return err
		}
		rel, err := filepath.Rel(root, it.path)
		if err != nil {
			rel = it.path
		}
		if err := hashFile(h, it.path, fmt.Sprintf("%s %d", filepath.ToSlash(rel), it.label)); err != nil {
			return err
		}
	}
	return nil
}

func hashFile(h hash.Hash, path, title string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "%s %d\n", title, st.Size())
	if _, err := io.CopyN(h, f, hashFull); err == io.EOF {
		return nil
	} else if err != nil {
		return err
	}
	if _, err := f.Seek(max(hashFull, st.Size()-hashFull), io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(h, f)
	return err
}

// classFolders lists root/<class>/**. A class without images is an error: it
// is nearly always a wrong path or an interrupted download.
func classFolders(ctx context.Context, name, root string) (*files, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("datasets: %s: %w", name, err)
	}
	f := &files{name: name}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		before := len(f.items)
		err := filepath.WalkDir(filepath.Join(root, e.Name()), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && imageExtensions[strings.ToLower(filepath.Ext(path))] {
				f.items = append(f.items, item{path, len(f.classes)})
			}
			return cmp.Or(err, ctx.Err())
		})
		if err != nil {
			return nil, fmt.Errorf("datasets: %s: %w", name, err)
		}
		if len(f.items) == before {
			return nil, fmt.Errorf("datasets: %s: class folder %s holds no .jpg, .png or .webp image", name, filepath.Join(root, e.Name()))
		}
		f.classes = append(f.classes, e.Name())
	}
	if len(f.classes) == 0 {
		return nil, fmt.Errorf("datasets: %s: %s has no class folders (expected <class>/<image>.jpg)", name, root)
	}
	return f, nil
}
