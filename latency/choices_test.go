package latency

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"hanas/internal/realdata"
)

// numbers reads a torch file that holds a list of numbers, or of lists of
// numbers, flattened: of the pickle only the opcodes of numbers and lists.
func numbers(t *testing.T, path string) []float64 {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "data.pkl") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out, err := pickledNumbers(data)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return out
	}
	t.Fatalf("%s has no data.pkl", path)
	return nil
}

func pickledNumbers(data []byte) ([]float64, error) {
	size := map[byte]int{0x80: 1, 'q': 1, 'r': 4, 'h': 1, 'j': 4, 'K': 1, 'M': 2, 'J': 4, 'G': 8, ']': 0, '(': 0, 'e': 0, 'a': 0, '.': 0}
	var out []float64
	for at := 0; at < len(data); {
		op := data[at]
		n, ok := size[op]
		if !ok || at+1+n > len(data) {
			return nil, fmt.Errorf("opcode %q", op)
		}
		arg := data[at+1 : at+1+n]
		at += 1 + n
		switch op {
		case 'K':
			out = append(out, float64(arg[0]))
		case 'M':
			out = append(out, float64(binary.LittleEndian.Uint16(arg)))
		case 'J':
			out = append(out, float64(int32(binary.LittleEndian.Uint32(arg))))
		case 'G':
			out = append(out, math.Float64frombits(binary.BigEndian.Uint64(arg)))
		}
	}
	return out, nil
}

// helpNets are the FBNet-space networks of HELP (Lee et al. 2021): 22 places of
// 9 operators.
func helpNets(t *testing.T) (dir string, archs [][]int) {
	t.Helper()
	dir = realdata.Path(t, "help_fbnet")
	all := numbers(t, filepath.Join(dir, "arch.pt"))
	for i := 0; i+22 <= len(all); i += 22 {
		a := make([]int, 22)
		for p := range a {
			a[p] = int(all[i+p])
		}
		archs = append(archs, a)
	}
	if len(archs) != 5000 {
		t.Fatalf("%d networks", len(archs))
	}
	return dir, archs
}

// TestChoicesOnHELP fits 3,000 networks, drawn at random, and judges by the
// other 2,000: exact on devices whose figures are sums of a table, better than
// plain least squares on the noisy ones, as good where there is nothing to
// gain (titan_rtx_32 is a sum with noise of its own).
func TestChoicesOnHELP(t *testing.T) {
	dir, archs := helpNets(t)
	rng := rand.New(rand.NewPCG(3000, 5000))
	order := rng.Perm(len(archs))
	shuffled := make([][]int, len(archs))
	for i, j := range order {
		shuffled[i] = archs[j]
	}
	archs = shuffled
	for _, r := range []struct {
		device string
		limit  float64 // of the MAPE relative to plain least squares; 0 = exact
	}{{"raspi4", 0}, {"fpga", 0}, {"titan_rtx_32", 1.01}, {"gold_6226", 1}, {"samsung_s7", .7}} {
		raw := numbers(t, filepath.Join(dir, r.device+".pt"))
		ms := make([]float64, len(raw))
		for i, j := range order {
			ms[i] = raw[j]
		}
		if len(ms) != len(archs) {
			t.Fatalf("%s: %d times", r.device, len(ms))
		}
		const n = 3000
		m, err := FitChoices(archs[:n], ms[:n], 9)
		if err != nil {
			t.Fatal(err)
		}
		got, plain := m.mape(archs[n:], ms[n:]), plainLeastSquares(archs[:n], ms[:n]).mape(archs[n:], ms[n:])
		t.Logf("%-14s pull %6g robust %5t: MAPE %.4f %%, plain least squares %.4f %%", r.device, m.Pull, m.Robust, 100*got, 100*plain)
		if r.limit == 0 && got > 1e-4 || r.limit > 0 && got > r.limit*plain {
			t.Errorf("%s: MAPE %g, plain least squares %g", r.device, got, plain)
		}
	}
}

// plainLeastSquares is what a table fitted without weights and pairs gives.
func plainLeastSquares(archs [][]int, ms []float64) *ChoiceModel {
	const choices = 9
	n := 1 + len(archs[0])*choices
	apply := func(v []float64) []float64 {
		out := make([]float64, n)
		for _, a := range archs {
			dot := v[0]
			for p, c := range a {
				dot += v[1+p*choices+c]
			}
			out[0] += dot
			for p, c := range a {
				out[1+p*choices+c] += dot
			}
		}
		for j := range out {
			out[j] += 1e-6 * v[j]
		}
		return out
	}
	right := make([]float64, n)
	for i, a := range archs {
		right[0] += ms[i]
		for p, c := range a {
			right[1+p*choices+c] += ms[i]
		}
	}
	w := conjugateGradients(apply, right)
	return &ChoiceModel{Offset: w[0], choices: choices, single: w[1:]}
}

// TestChoicesFindPairs: times with a known pair effect are predicted better
// with pairs.
func TestChoicesFindPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	var archs [][]int
	var ms []float64
	for range 800 {
		a := make([]int, 6)
		v := 5.0
		for p := range a {
			a[p] = rng.IntN(4)
			v += float64(a[p]) * .3
			if p > 0 && a[p] == 2 && a[p-1] == 2 {
				v -= 1
			}
		}
		archs, ms = append(archs, a), append(ms, v)
	}
	m, err := FitChoices(archs[:600], ms[:600], 4)
	if err != nil {
		t.Fatal(err)
	}
	if got, single := m.mape(archs[600:], ms[600:]), fitRobust(archs[:600], ms[:600], 4, math.Inf(1), false).mape(archs[600:], ms[600:]); got > .2*single || m.Pull > 100 {
		t.Errorf("MAPE %g with pairs (pull %g), %g without", got, m.Pull, single)
	}
	if _, err := FitChoices(archs, ms[:3], 4); err == nil {
		t.Error("fewer times than networks")
	}
	if _, err := FitChoices(archs, ms, 3); err == nil {
		t.Error("a choice beyond the last")
	}
}
