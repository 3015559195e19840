package datasets

import (
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
