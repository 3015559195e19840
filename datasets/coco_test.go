package datasets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCOCORefuses: every fault is named, none is passed on.
func TestCOCORefuses(t *testing.T) {
	const good = `{"images":[{"id":7,"file_name":"a.jpg","width":10,"height":8}],
		"categories":[{"id":3,"name":"cat"}],
		"annotations":[{"id":1,"image_id":7,"category_id":3,"bbox":[1,2,3,4],"area":9,"iscrowd":0}]}`
	s, err := ParseCOCO([]byte(good))
	if err != nil || len(s.Objects) != 1 || s.Objects[0].Box != (Box{1, 2, 3, 4}) || s.Objects[0].Area != 9 {
		t.Fatalf("the good file: %+v, %v", s, err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"image_id":7`, `"image_id":8`, "image_id 8"},
		{`"image_id":7,`, ``, "missing"},
		{`"category_id":3`, `"category_id":4`, "category_id 4"},
		{`[1,2,3,4]`, `[1,2,3]`, "3 numbers"},
		{`[1,2,3,4]`, `[1,2,-3,4]`, "negative"},
		{`[1,2,3,4]`, `[1,2,30,4]`, "outside"},
		{`[1,2,3,4]`, `[-5,2,3,4]`, "outside"},
		{`[1,2,3,4]`, `[1,NaN,3,4]`, "NaN: a box or score is not a number"},
		{`[1,2,3,4]`, `[1,2,-Infinity,4]`, "Infinity: a box or score is not a number"},
		{`[1,2,3,4]`, `[1,2,1e400,4]`, "1e400"},
		{`[1,2,3,4]`, `[1e308,1e308,1e308,4]`, "finite"},
		{`[1,2,3,4]`, `null`, "0 numbers"},
		{`"file_name"`, `"id":7},{"id":7,"file_name"`, "size"},
		{`"area":9`, `"area":-9`, "area"},
		{`"width":10`, `"width":0`, "size"},
		{`{"id":3,"name":"cat"}`, `{"id":3},{"id":3}`, "twice"},
		{`"images":[`, `"images":[],"x":[`, "0 images"},
		{`]}`, ``, "not an instances file"},
	} {
		_, err := ParseCOCO([]byte(strings.Replace(good, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v, want an error with %q", c.new, c.old, err, c.want)
		}
	}
	for _, bad := range []string{
		`[{"image_id":7,"category_id":3,"bbox":[1,2,3,4],"score":NaN}]`,
		`[{"image_id":7,"category_id":3,"bbox":[1,2,3,-4],"score":1}]`,
		`[{"image_id":8,"category_id":3,"bbox":[1,2,3,4],"score":1}]`,
		`[{"image_id":7,"category_id":1,"bbox":[1,2,3,4],"score":1}]`,
		`[{"image_id":7,"category_id":3,"bbox":[1,2,3,4]}]`, `{}`,
	} {
		if _, err := ParseDetections([]byte(bad), s); err == nil {
			t.Errorf("results %s are accepted", bad)
		}
	}
}

func FuzzParseCOCO(f *testing.F) {
	f.Add([]byte(`{"images":[{"id":7,"width":10,"height":8}],"categories":[{"id":3}],"annotations":[{"image_id":7,"category_id":3,"bbox":[1,2,3,4]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseCOCO(data)
		if err != nil {
			return
		}
		for _, o := range s.Objects {
			if o.Image >= len(s.Images) || o.Category >= len(s.Categories) || o.Box.W < 0 {
				t.Fatalf("accepted %+v", o)
			}
		}
	})
}

// TestCOCOImagesStayInTheirFolder: names with gaps and other alphabets are found, and none
// leads out of the folder.
func TestCOCOImagesStayInTheirFolder(t *testing.T) {
	root := filepath.Join(t.TempDir(), "Bilder für Prüfung")
	for _, file := range []string{"val/höhle 1.png", "secret.png"} {
		path := filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := writePNG(path, Example{Image: make([]byte, 3*8*8), W: 8, H: 8}); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"höhle 1.png": "", "../secret.png": "leaves the folder", "/etc/passwd": "leaves the folder",
		"../val/../secret.png": "leaves the folder", "none.png": "no image", "": "leaves the folder",
	} {
		s := &Scenes{Images: []Scene{{ID: 1, File: name, Width: 8, Height: 8}}}
		_, err := s.Load(t.Context(), filepath.Join(root, "val"), 0)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}
