// Package realdata finds the real data that tests read: measured accuracies,
// latency tables, images, trained networks. They are not in the repository; a
// test without them skips.
//
//	csv := realdata.Path(t, "dynast")
package realdata

import (
	"os"
	"path/filepath"
	"testing"
)

// Path is a file or folder of the data, which lie in $HANAS_TESTDATA, or else in
// ../shared/data beside the repository. Where it is missing the test skips.
func Path(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("HANAS_TESTDATA")
	if root == "" {
		root = beside(t)
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no real data: %v (set HANAS_TESTDATA)", err)
	}
	return path
}

// beside is shared/data beside the folder that go.mod is in.
func beside(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	return filepath.Join(filepath.Dir(dir), "shared", "data")
}
