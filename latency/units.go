package latency

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hanas/space"
)

// Mixed units show as rows that are about a thousand times off from rows of
// the same operator and about the same size. In the published tables that we
// know no row is further than a factor of 30 from the median of its neighbours.
const (
	unitFactor     = 200
	unitNeighbours = 10 // nearest in size, that a row is held against
	unitRows       = 8  // of an operator, to judge at all
)

// sizedRow is a row with what it works on.
type sizedRow struct {
	key      string
	log, off float64 // of the time; from its neighbours
	size     float64
}

// checkUnits is an error if some rows seem to be in another unit than the rest.
func (t *Table) checkUnits() error {
	groups := map[string][]sizedRow{}
	for _, key := range t.RowKeys() {
		if kind, size := t.sizeOf(key); size > 0 && t.rows[key].MeanMs > 0 {
			groups[kind] = append(groups[kind], sizedRow{key: key, log: math.Log(t.rows[key].MeanMs), size: size})
		}
	}
	var odd []string
	for _, rows := range groups {
		for _, r := range apart(rows) {
			if math.Abs(r.off) > math.Log(unitFactor) {
				odd = append(odd, fmt.Sprintf("%s: %g ms, %.3g times its neighbours", r.key, t.rows[r.key].MeanMs, math.Exp(r.off)))
			}
		}
	}
	if odd == nil {
		return nil
	}
	slices.Sort(odd)
	more := ""
	if n := len(odd) - 5; n > 0 {
		more = fmt.Sprintf("\n  and %d more", n)
	}
	return fmt.Errorf("mixed units: rows of the same operator and size differ a thousand times (ms and us?):\n  %s%s", strings.Join(odd[:min(5, len(odd))], "\n  "), more)
}

// apart holds every row against the median of those nearest in size.
func apart(rows []sizedRow) []sizedRow {
	if len(rows) < unitRows {
		return nil
	}
	slices.SortStableFunc(rows, func(a, b sizedRow) int { return cmp.Compare(a.size, b.size) })
	for i := range rows {
		lo := max(0, min(i-unitNeighbours/2, len(rows)-unitNeighbours-1))
		var near []float64
		for j := lo; j < min(len(rows), lo+unitNeighbours+1); j++ {
			if j != i {
				near = append(near, rows[j].log)
			}
		}
		slices.Sort(near)
		rows[i].off = rows[i].log - near[len(near)/2]
	}
	return rows
}

var shapesInKey = regexp.MustCompile(`(?:input|output):(\d+)x(\d+)x(\d+)`)

// sizeOf groups a row by its operator and tells how much it works on: MACs and
// bytes of a layer, elements of a block's input and output. 0 = unknown.
func (t *Table) sizeOf(key string) (kind string, size float64) {
	if t.native() {
		l, err := space.ParseLayerKey(key)
		if err != nil {
			return "", 0
		}
		return string(l.Kind), float64(l.MACs()) + float64(Traffic(&l))
	}
	var f [7]int
	if n, err := fmt.Sscanf(key, "(%d, %d, %d, %d, %d, %d, %d)", &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6]); n == 7 && err == nil && f[6] > 0 {
		return fmt.Sprintf("conv %t", f[6] > 1), float64(f[0]/f[6]*f[1]*f[3]*f[3]) * float64(f[2]*f[2])
	}
	for _, m := range shapesInKey.FindAllStringSubmatch(key, 2) {
		volume := 1.0
		for _, text := range m[1:] {
			n, _ := strconv.Atoi(text) // digits; too many give 0 or the largest
			volume *= float64(n)
		}
		size += volume
	}
	kind, _, _ = strings.Cut(key, "-")
	return kind, size
}
