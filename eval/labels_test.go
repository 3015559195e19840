package eval

import (
	"strings"
	"testing"

	"hanas/datasets"
)

// TestCategoriesOf: classes find their categories by name in any order, and what
// does not match is refused.
func TestCategoriesOf(t *testing.T) {
	s := &datasets.Scenes{Categories: []datasets.Category{{ID: 9, Name: "Hund"}, {ID: 4, Name: "cat"}, {ID: 5, Name: "fish"}}}
	for _, c := range []struct {
		labels      []string
		class, want int
		fault       string
	}{
		{nil, 2, 2, ""},
		{nil, 3, 0, "the annotations have 3 categories"},
		{[]string{"cat", "Hund"}, 0, 1, ""},
		{[]string{"cat", "Hund"}, 1, 0, ""},
		{[]string{"cat", "Hund"}, 2, 0, "it has 2 labels"},
		{[]string{"cat", "dog"}, 0, 0, `class 1 of the network is "dog"`},
	} {
		at, err := categoriesOf(c.labels, s)
		got := 0
		if err == nil {
			got, err = at(c.class)
		}
		if c.fault == "" && (err != nil || got != c.want) || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("class %d of %q: category %d, %v, want %d, %q", c.class, c.labels, got, err, c.want, c.fault)
		}
	}
}
