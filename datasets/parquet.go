package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// openParquet reads images stored as the Hugging Face hub stores them: one
// file, or a folder (or its "data" folder) of files named after their split
// (train-*.parquet, test-*.parquet, validation-*.parquet).
func openParquet(ctx context.Context, s Settings) (*Set, error) {
	name := "parquet " + filepath.Base(s.Path)
	groups, err := parquetFiles(s.Path)
	if err != nil {
		return nil, fmt.Errorf("datasets: parquet: %w", err)
	}
	var p pools
	h := sha256.New()
	var all []*rows
	for i, dst := range []*Dataset{&p.train, &p.val, &p.test} {
		if len(groups[i]) == 0 {
			continue
		}
		r := &rows{name: name}
		for _, path := range groups[i] {
			if err := r.add(ctx, path); err != nil {
				return nil, fmt.Errorf("datasets: parquet: %s: %w", path, err)
			}
			if err := hashFile(h, path, fmt.Sprintf("%d %s", i, filepath.Base(path))); err != nil {
				return nil, fmt.Errorf("datasets: parquet: %w", err)
			}
		}
		*dst = r
		all = append(all, r)
	}
	if err := nameClasses(all); err != nil {
		return nil, fmt.Errorf("datasets: parquet: %s: %w", s.Path, err)
	}
	set, err := split(name, p, s)
	if err != nil {
		return nil, err
	}
	set.Info.Digest = hex.EncodeToString(h.Sum(nil))
	return set, nil
}

// parquetFiles lists the files for train, val and test.
func parquetFiles(root string) (groups [3][]string, err error) {
	st, err := os.Stat(root)
	if err != nil {
		return groups, fmt.Errorf("%w (the path must be a .parquet file or a folder of them)", err)
	}
	if !st.IsDir() {
		groups[0] = []string{root}
		return groups, nil
	}
	var found []string
	for _, pattern := range []string{"*.parquet", "data/*.parquet", "*/*.parquet"} {
		if found, err = filepath.Glob(filepath.Join(escapeGlob(root), pattern)); err != nil || len(found) > 0 {
			break
		}
	}
	if err != nil || len(found) == 0 {
		return groups, fmt.Errorf("%s: no .parquet file in it or in its data folder", root)
	}
	sort.Strings(found)
	for _, f := range found {
		base := strings.ToLower(filepath.Base(f))
		switch {
		case strings.HasPrefix(base, "test"):
			groups[2] = append(groups[2], f)
		case strings.HasPrefix(base, "val"):
			groups[1] = append(groups[1], f)
		default:
			groups[0] = append(groups[0], f)
		}
	}
	if len(groups[0]) == 0 { // only a test file: everything is drawn from it
		groups[0], groups[1], groups[2] = append(groups[1], groups[2]...), nil, nil
	}
	return groups, nil
}

// escapeGlob quotes the characters that Glob gives a meaning.
func escapeGlob(p string) string {
	return strings.NewReplacer("[", `\[`, "*", `\*`, "?", `\?`).Replace(p)
}

// rows is a data set of the rows of some files.
type rows struct {
	name    string
	files   []*table
	starts  []int // first row of each file
	n       int
	classes []string
}

func (r *rows) add(ctx context.Context, path string) error {
	t, err := openTable(ctx, path)
	if err != nil {
		return err
	}
	r.files = append(r.files, t)
	r.starts = append(r.starts, r.n)
	r.n += len(t.labels)
	return nil
}

func (r *rows) Len() int          { return r.n }
func (r *rows) Classes() []string { return r.classes }

// find is where row i is.
func (r *rows) find(i int) (t *table, row int) {
	k := sort.SearchInts(r.starts, i+1) - 1
	return r.files[k], i - r.starts[k]
}

// Label is the class index of row i.
func (r *rows) Label(i int) (int, bool) {
	t, row := r.find(i)
	return int(t.labels[row]), true
}

func (r *rows) At(ctx context.Context, i int) (Example, error) {
	if i < 0 || i >= r.n {
		return Example{}, outOfRange(r.name, i, r.n)
	}
	t, row := r.find(i)
	data, err := t.image(ctx, row)
	if err == nil {
		var ex Example
		if ex, err = Decode(data); err == nil {
			ex.Label = int(t.labels[row])
			return ex, nil
		}
	}
	return Example{}, fmt.Errorf("datasets: %s: %s: row %d: %w", r.name, t.path, row, err)
}

// nameClasses names the labels of all splits: by the files' own metadata, else
// by the folders that the stored paths have if each label has one of its own,
// else by number.
func nameClasses(all []*rows) error {
	most := int64(0)
	var names []string
	folders := map[int64]string{}
	consistent := true
	for _, r := range all {
		for _, t := range r.files {
			if len(t.names) > 0 {
				names = t.names
			}
			for row, label := range t.labels {
				if label < 0 || label >= maxClasses {
					return fmt.Errorf("row %d has label %d (need 0 to %d)", row, label, maxClasses-1)
				}
				most = max(most, label)
				dir := ""
				if row < len(t.paths) {
					dir = path.Base(path.Dir(t.paths[row]))
				}
				if had, ok := folders[label]; ok && had != dir || dir == "" || dir == "." || dir == "/" {
					consistent = false
				}
				folders[label] = dir
			}
		}
	}
	if names == nil && consistent && distinct(folders) && len(folders) == int(most)+1 {
		names = make([]string, most+1)
		for label, dir := range folders {
			names[label] = dir
		}
	}
	if names == nil {
		for c := range most + 1 {
			names = append(names, strconv.FormatInt(c, 10))
		}
	}
	if int(most) >= len(names) {
		return fmt.Errorf("label %d, but the metadata names %d classes", most, len(names))
	}
	for _, r := range all {
		r.classes = names
	}
	return nil
}

func distinct(m map[int64]string) bool {
	var v []string
	for _, s := range m {
		v = append(v, s)
	}
	slices.Sort(v)
	return len(slices.Compact(v)) == len(m)
}
