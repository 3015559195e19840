// Package golden compares what a test got with a file on record.
//
//	golden.Compare(t, "testdata/plan.txt", got)
//
// Run a test with -update to write the files anew; their diff is the review.
package golden

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write golden files anew instead of comparing with them")

// Compare fails the test if got is not what the file holds. Line ends of
// Windows count as line ends.
func Compare(t testing.TB, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run the test with -update to write it)", err)
	}
	if diff := firstDifference(want, got); diff != "" {
		t.Errorf("%s: %s (if that is meant, run the test with -update)", file, diff)
	}
}

// firstDifference shows the first line that differs; "" if none does.
func firstDifference(want, got []byte) string {
	w := bytes.Split(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")), []byte("\n"))
	g := bytes.Split(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), []byte("\n"))
	for i := range max(len(w), len(g)) {
		switch {
		case i >= len(w):
			return fmt.Sprintf("line %d: got %q after the end", i+1, g[i])
		case i >= len(g):
			return fmt.Sprintf("line %d: ended, want %q", i+1, w[i])
		case !bytes.Equal(w[i], g[i]):
			return fmt.Sprintf("line %d: got %q, want %q", i+1, g[i], w[i])
		}
	}
	return ""
}

// Update says whether the test runs with -update, for what is not a whole file.
func Update() bool { return *update }
