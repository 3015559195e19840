package golden

import "testing"

func TestFirstDifference(t *testing.T) {
	for _, c := range []struct{ want, got, diff string }{
		{"a\nb\n", "a\nb\n", ""},
		{"a\r\nb\r\n", "a\nb\n", ""},
		{"a\nb\n", "a\nc\n", `line 2: got "c", want "b"`},
		{"a", "a\nb", `line 2: got "b" after the end`},
		{"a\nb", "a", `line 2: ended, want "b"`},
	} {
		if got := firstDifference([]byte(c.want), []byte(c.got)); got != c.diff {
			t.Errorf("%q %q: %q, want %q", c.want, c.got, got, c.diff)
		}
	}
}
