package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// openList reads a text file that says what images show: lines of "image label",
// as ImageNet's val_map.txt (label = class index), or one of ILSVRC's own forms
// (listForms). Images lie beside the file, or in the folder beside
// it that the file is named after (val_map.txt: val), or where ILSVRC puts them. Class names come from a
// synsets.txt beside it, one a line; without one they are the indices.
//
// A list has no splits of its own: all of it is Test, in its order, and Train
// and Val are empty, unless their counts ask for some of it.
func openList(ctx context.Context, s Settings) (*Set, error) {
	name := "list " + filepath.Base(s.Path)
	f := &files{name: name}
	dir := filepath.Dir(s.Path)
	if err := f.readList(s.Path); err != nil {
		return nil, err
	}
	if f.classes == nil {
		if err := f.readClasses(filepath.Join(dir, "synsets.txt")); err != nil {
			return nil, err
		}
	}
	if s.Train == 0 && s.Val == 0 {
		return f.testOnly(ctx, s)
	}
	s.Path = dir
	return fileSet(ctx, name, s, []*files{f})
}

// testOnly is the set whose images are all in Test.
func (f *files) testOnly(ctx context.Context, s Settings) (*Set, error) {
	n := f.Len()
	if s.Test > n {
		return nil, fmt.Errorf("datasets: %s: %d test images asked for, %d there (lower the count)", f.name, s.Test, n)
	}
	if s.Test > 0 {
		n = s.Test
	}
	h := sha256.New()
	if err := hashFiles(ctx, h, filepath.Dir(s.Path), f.items[:n]); err != nil {
		return nil, fmt.Errorf("datasets: %s: %w", f.name, err)
	}
	none := subset{f, f.name + " (unused)", nil}
	return &Set{
		Train: none, Val: none, Test: subset{f, f.name + " test", count(n)},
		Info: Info{Name: f.name, Digest: hex.EncodeToString(h.Sum(nil))},
	}, nil
}

// maxClasses bounds a label in a file: ImageNet-21K has 21,841.
const maxClasses = 1 << 16

// findImage finds a relative path below one of the roots; paths that leave
// them are refused.
func findImage(rel string, roots []string) (string, error) {
	if !filepath.IsLocal(rel) {
		return "", fmt.Errorf("path %q leaves the folder of the list", rel)
	}
	for _, root := range roots {
		path := filepath.Join(root, rel)
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("no image %q in %s", rel, strings.Join(roots, " or "))
}

// readClasses names the classes from a file of one name a line, or by index.
func (f *files) readClasses(path string) error {
	most := 0
	for _, it := range f.items {
		most = max(most, it.label)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		for c := range most + 1 {
			f.classes = append(f.classes, strconv.Itoa(c))
		}
		return nil
	}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		f.classes = append(f.classes, strings.TrimSpace(line))
	}
	if most >= len(f.classes) {
		return fmt.Errorf("datasets: list: label %d, but %s names %d classes", most, path, len(f.classes))
	}
	return nil
}

// count is 0..n-1.
func count(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
