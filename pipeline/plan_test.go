package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiffSettings(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{`1`, `1`, ""},
		{`1`, `2`, "1 → 2"},
		{`{"a":1,"b":{"c":[2,4]}}`, `{"a":1,"b":{"c":[2,4,8]}}`, "b.c: [2,4] → [2,4,8]"},
		{`{"a":1}`, `{"b":1}`, "a: 1 → null|b: null → 1"},
		{`[{"a":1},7]`, `[{"a":2},8]`, "[0].a: 1 → 2|[1]: 7 → 8"},
		{`{"a":1,"b":1,"c":1,"d":1,"e":1}`, `{"a":2,"b":2,"c":2,"d":2,"e":2}`, "a: 1 → 2|b: 1 → 2|c: 1 → 2|and 2 more"},
		{``, `1`, "settings changed"},
		{`""`, `"` + strings.Repeat("x", 60) + `"`, `"" → "` + strings.Repeat("x", 39) + "…"},
	} {
		if got := strings.Join(diffSettings([]byte(c.before), []byte(c.after)), "|"); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.before, c.after, got, c.want)
		}
	}
}

func TestStamp(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a")
	stamps := map[string]bool{}
	for _, text := range []string{"1", "22"} {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		for _, what := range []string{file, dir} {
			one, err := Stamp(what)
			two, _ := Stamp(what)
			if err != nil || one != two {
				t.Errorf("%s: %s, then %s, %v", what, one, two, err)
			}
			stamps[one] = true
		}
	}
	if len(stamps) != 4 {
		t.Errorf("%d stamps, want 4 different ones", len(stamps))
	}
	if _, err := Stamp(filepath.Join(dir, "b")); err == nil {
		t.Error("no error for a file that is not there")
	}
}
