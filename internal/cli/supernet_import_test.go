package cli

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"hanas/internal/realdata"
	"hanas/torchfile/torchfiletest"
)

// Scripts that need the list of a published checkpoint's tensors.
func TestSupernetImport(t *testing.T) {
	list := realdata.Path(t, "ofa", "ofa_mbv3_d234_e346_k357_w1.0.state_dict.tsv")
	testscript.Run(t, scripts("testdata/realdata", map[string]string{"OFA_TENSORS": list}))
}

// ofa writes a checkpoint with random weights: ofa FILE.
func ofa(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ofa FILE")
	}
	tensors, err := torchfiletest.OnceForAll(ts.Getenv("OFA_TENSORS"), true)
	ts.Check(err)
	ts.Check(torchfiletest.Write(ts.MkAbs(args[0]), tensors, false))
}

// images writes noise in two class folders: images DIR COUNT.
func images(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: images DIR COUNT")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	for i := range n {
		dir := filepath.Join(ts.MkAbs(args[0]), fmt.Sprintf("class%d", i%2))
		ts.Check(os.MkdirAll(dir, 0o777))
		im := image.NewRGBA(image.Rect(0, 0, 80, 80))
		for k, u := range torchfiletest.Uniform(args[0]+strconv.Itoa(i), 80*80) {
			im.Set(k%80, k/80, color.Gray{uint8(128 + 100*u)})
		}
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.png", i)))
		ts.Check(err)
		ts.Check(png.Encode(f, im))
		ts.Check(f.Close())
	}
}
