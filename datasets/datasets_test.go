package datasets_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hanas/datasets"
	"hanas/datasets/datasetstest"
	"hanas/internal/realdata"
)

// write makes a file below a folder of the test.
func write(t *testing.T, root, name string, data []byte) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// plain is a PNG of one colour.
func plain(t testing.TB, w, h int, c color.Color) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tree makes a folder of classes of images whose red channel numbers them.
func tree(t *testing.T, parts []string, perClass int) string {
	t.Helper()
	root := t.TempDir()
	n := 0
	for _, part := range parts {
		for _, class := range []string{"cat", "ant", "bee"} {
			for k := range perClass {
				n++
				write(t, root, filepath.Join(part, class, fmt.Sprintf("%02d.png", k)), plain(t, 10, 8, color.NRGBA{uint8(n), 9, 200, 255}))
			}
		}
	}
	return root
}

func TestSuite(t *testing.T) {
	flat, parted := tree(t, []string{""}, 12), tree(t, []string{"train", "val", "test"}, 4)
	list := tree(t, []string{"val"}, 3)
	write(t, list, "val_map.txt", []byte("cat/00.png 2\n# comment\n\nant/01.png\t0\nbee/02.png,1\n"))
	for name, s := range map[string]datasets.Settings{
		"glyphs":  {Train: 200, Val: 72, Test: 36},
		"flat":    {Kind: "folder", Path: flat, Val: 6, Test: 6, Size: 16},
		"parted":  {Kind: "folder", Path: parted, Size: 16},
		"list":    {Kind: "list", Path: filepath.Join(list, "val_map.txt"), Train: 1, Val: 1, Test: 1, Size: 16},
		"parquet": {Kind: "parquet", Path: writeParquet(t, parquetRows(t, 40)), Val: 8, Test: 8},
	} {
		t.Run(name, func(t *testing.T) {
			for k, split := range []string{"train", "val", "test"} {
				t.Run(split, func(t *testing.T) {
					datasetstest.Run(t, func() (datasets.Dataset, error) {
						set, err := datasets.Open(t.Context(), s)
						if err != nil {
							return nil, err
						}
						return []datasets.Dataset{set.Train, set.Val, set.Test}[k], nil
					})
				})
			}
		})
	}
}

func TestCIFAR(t *testing.T) {
	dir := realdata.Path(t, "cifar10")
	open := func() *datasets.Set {
		set, err := datasets.Open(t.Context(), datasets.Settings{Kind: "parquet", Path: dir, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	set := open()
	if set.Train.Len() != 45000 || set.Val.Len() != 5000 || set.Test.Len() != 5000 {
		t.Errorf("splits are %d, %d, %d", set.Train.Len(), set.Val.Len(), set.Test.Len())
	}
	want := "airplane automobile bird cat deer dog frog horse ship truck"
	if got := strings.Join(set.Info.Classes, " "); got != want {
		t.Errorf("classes are %q", got)
	}
	// The published statistics of CIFAR-10's training images.
	for c, published := range [3][2]float64{{0.4914, 0.2470}, {0.4822, 0.2435}, {0.4465, 0.2616}} {
		if math.Abs(float64(set.Info.Mean[c])-published[0]) > 0.02 || math.Abs(float64(set.Info.Std[c])-published[1]) > 0.02 {
			t.Errorf("channel %d: mean %.4f, std %.4f, published %v", c, set.Info.Mean[c], set.Info.Std[c], published)
		}
	}
	datasetstest.Run(t, func() (datasets.Dataset, error) { return open().Val, nil })
}

func TestImageNetList(t *testing.T) {
	path := realdata.Path(t, "imagenet/val_map.txt")
	set, err := datasets.Open(t.Context(), datasets.Settings{
		Kind: "list", Path: path, Test: 12, Size: 176, Resize: 201,
		Mean: [3]float32{.5, .5, .5}, Std: [3]float32{.5, .5, .5},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Info.Classes) != 1000 || set.Info.Classes[0] != "n01440764" || set.Test.Len() != 12 || set.Train.Len() != 0 {
		t.Errorf("%d classes, %d test images", len(set.Info.Classes), set.Test.Len())
	}
	im, err := set.Load(t.Context(), set.Test, 2)
	if err != nil {
		t.Fatal(err)
	}
	if im.Size != 176 || len(im.Pixels) != 12*3*176*176 {
		t.Errorf("images are of side %d", im.Size)
	}
}

func TestSplitsShareNothing(t *testing.T) {
	root := tree(t, []string{""}, 20)
	reds := func(ds datasets.Dataset) (out []byte) {
		for i := range ds.Len() {
			ex, err := ds.At(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, ex.Image[0])
		}
		return out
	}
	var vals [][]byte
	for seed := range uint64(4) {
		set, err := datasets.Open(t.Context(), datasets.Settings{Kind: "folder", Path: root, Val: 11, Test: 13, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		vals = append(vals, reds(set.Val))
		all := slices.Concat(reds(set.Train), reds(set.Val), reds(set.Test))
		slices.Sort(all)
		if len(all) != 60 || len(slices.Compact(all)) != 60 {
			t.Errorf("seed %d: splits of %d, %d, %d images share some", seed, set.Train.Len(), set.Val.Len(), set.Test.Len())
		}
	}
	if bytes.Equal(vals[0], vals[1]) && bytes.Equal(vals[1], vals[2]) {
		t.Error("the seed does not change what is held out")
	}
}

func TestDigest(t *testing.T) {
	root := tree(t, []string{""}, 10)
	base := datasets.Settings{Kind: "folder", Path: root, Val: 5}
	digest := func(change func(*datasets.Settings)) string {
		s := base
		change(&s)
		set, err := datasets.Open(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return set.Info.Digest
	}
	first := digest(func(*datasets.Settings) {})
	if again := digest(func(*datasets.Settings) {}); again != first || len(first) != 64 {
		t.Errorf("digest %q, then %q", first, again)
	}
	for name, change := range map[string]func(*datasets.Settings){
		"seed": func(s *datasets.Settings) { s.Seed = 1 }, "val": func(s *datasets.Settings) { s.Val = 6 },
		"size": func(s *datasets.Settings) { s.Size = 24 },
	} {
		if digest(change) == first {
			t.Errorf("the digest does not depend on %s", name)
		}
	}
	write(t, root, "ant/00.png", plain(t, 10, 8, color.NRGBA{250, 9, 200, 255}))
	if digest(func(*datasets.Settings) {}) == first {
		t.Error("the digest does not depend on the content of an image")
	}
}

func TestBadInput(t *testing.T) {
	good := plain(t, 8, 8, color.White)
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, image.NewRGBA(image.Rect(0, 0, 64, 64)), nil); err != nil {
		t.Fatal(err)
	}
	bomb := plain(t, 8, 8, color.White)
	bomb = hugeHeader(bomb, 60000, 60000)
	wide := hugeHeader(plain(t, 8, 8, color.White), 8000, 8000)
	for name, c := range map[string]struct {
		files map[string][]byte
		want  string
	}{
		"empty class":   {map[string][]byte{"a/1.png": good, "b/readme.txt": nil}, "holds no .jpg"},
		"no classes":    {map[string][]byte{"1.png": good}, "no class folders"},
		"empty image":   {map[string][]byte{"a/1.png": good, "b/2.png": {}, "c/3.png": good}, "b/2.png: image is empty"},
		"cut image":     {map[string][]byte{"a/1.jpg": photo.Bytes()[:photo.Len()-20], "b/2.png": good, "c/3.png": good}, "a/1.jpg: jpeg of"},
		"no image":      {map[string][]byte{"a/1.jpg": []byte("hello"), "b/2.png": good, "c/3.png": good}, "a/1.jpg: not a whole"},
		"bomb":          {map[string][]byte{"a/1.png": bomb, "b/2.png": good, "c/3.png": good}, "a/1.png: png header claims 60000x60000"},
		"quiet bomb":    {map[string][]byte{"a/1.png": wide, "b/2.png": good, "c/3.png": good}, "claims 8000x8000 pixels in"},
		"other classes": {map[string][]byte{"train/a/1.png": good, "train/b/1.png": good, "val/a/1.png": good}, "must be equal"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, data := range c.files {
				write(t, root, file, data)
			}
			err := openAll(t, datasets.Settings{Kind: "folder", Path: root, Val: 1, Test: 1})
			if err == nil || !strings.Contains(filepath.ToSlash(err.Error()), c.want) {
				t.Errorf("error is %v, want %q in it", err, c.want)
			}
		})
	}
}

// openAll opens a set and decodes all of it.
func openAll(t *testing.T, s datasets.Settings) error {
	set, err := datasets.Open(t.Context(), s)
	if err != nil {
		return err
	}
	for _, ds := range []datasets.Dataset{set.Train, set.Val, set.Test} {
		if _, err := set.Load(t.Context(), ds, 2); err != nil {
			return err
		}
	}
	return nil
}

func TestBadSettings(t *testing.T) {
	root := tree(t, []string{""}, 3)
	write(t, root, "bad.txt", []byte("cat/00.png 0\ncat/01.png many\n"))
	write(t, root, "gone.txt", []byte("cat/77.png 0\n"))
	write(t, root, "away.txt", []byte("../../etc/passwd 0\n"))
	write(t, root, "label.txt", []byte("cat/00.png 99999999\n"))
	list := func(name string) datasets.Settings {
		return datasets.Settings{Kind: "list", Path: filepath.Join(root, name)}
	}
	for want, s := range map[string]datasets.Settings{
		`unknown kind "mnist" (known: folder, glyphs, list, parquet, scenes)`: {Kind: "mnist"},
		"none may be negative":        {Val: -1},
		"size 4, resize 4":            {Size: 4},
		"size 32, resize 16":          {Resize: 16},
		"difficulty 9":                {Difficulty: 9},
		"std > 0 in every channel":    {Std: [3]float32{1, 0, 1}},
		"must be a folder of class":   {Kind: "folder", Path: filepath.Join(root, "absent")},
		"leave none of 9":             {Kind: "folder", Path: root, Val: 9},
		"100 train images asked":      {Kind: "folder", Path: root, Train: 100},
		"must be a .parquet file":     {Kind: "parquet", Path: filepath.Join(root, "absent")},
		"no .parquet file in it":      {Kind: "parquet", Path: root},
		"not a Parquet file":          {Kind: "parquet", Path: filepath.Join(root, "bad.txt")},
		`line 2: label "many"`:        list("bad.txt"),
		`line 1: no image "cat/77`:    list("gone.txt"),
		"leaves the folder":           list("away.txt"),
		`line 1: label "99999999"`:    list("label.txt"),
		"absent.txt: no such file or": list("absent.txt"),
	} {
		_, err := datasets.Open(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error is %v, want %q in it", s, err, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "datasets: ") {
			t.Errorf("error %v does not name the package", err)
		}
	}
}
