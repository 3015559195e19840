package samples

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"hanas/internal/realdata"
	"hanas/space"
)

func TestImportDynasT(t *testing.T) {
	sp, err := space.Preset("ofa-mbv3-w1.0")
	must(t, err)
	files, _ := filepath.Glob(filepath.Join(realdata.Path(t, "dynast"), "*.csv"))
	total := 0
	var all []Sample
	for _, file := range files {
		rows, rep, err := ImportDynasT(file, sp)
		must(t, err)
		if rep.Rejected != 0 || rep.Rows != len(rows) || rep.Distinct != len(Distinct(rows)) {
			t.Errorf("%s: %+v", file, rep)
		}
		total += rep.Rows
		all = append(all, rows...)
		for _, s := range rows {
			if s.Accuracy < .7 || s.Accuracy > .78 || !strings.HasPrefix(s.Provenance, "imported: mbnv3") {
				t.Fatalf("%+v", s)
			}
		}
		path := filepath.Join(t.TempDir(), "s")
		w, err := Create(path, sp, Info{})
		must(t, err)
		must(t, w.Append(rows))
		must(t, w.Close())
		_, err = Verify(path, sp)
		must(t, err)
	}
	// On 2,373 rows of which these are most, others found 153 repeated networks,
	// mean deviation 0.015, median range 0.018, largest 0.096 points; the rows here are a part of those,
	// and copies within a file, which make those figures lower, are left out.
	// Root of the mean squared difference of the 158 pairs from two files, by the root of 2, as numpy has it:
	// 0.0213; a pooled deviation weighs networks with three files otherwise.
	n := NoiseOf(all)
	t.Logf("%+v", n)
	if math.Abs(n.StdPP-.0213) > .001 || n.MeanStdPP < .012 || n.MeanStdPP > .022 || n.MedianRange < .012 || n.MedianRange > .04 || n.MaxRange > .097 {
		t.Errorf("noise %+v, want about 0.02, about 0.03 and at most 0.096 points", n)
	}
	if total != 1819 {
		t.Errorf("%d rows, want 1819", total)
	}
}

const dynastRow = `"{'wid': None, 'ks': [5, 7, 5, 5, 3, 3, 3, 7, 5, 5, 3, 7, 7, 3, 3, 3, 5, 5, 5, 5], 'e': [4, 3, 4, 4, 4, 6, 3, 4, 4, 3, 4, 3, 3, 6, 6, 6, 4, 3, 4, 4], 'd': [2, 3, 2, 4, 3], 'r': [224]}",2022-11-01 05:40:09,5029656,0,255502624,`

func TestImportDynasTByHand(t *testing.T) {
	sp, err := space.Preset("ofa-mbv3-w1.0")
	must(t, err)
	text := strings.Join(dynastColumns, ",") + "\n" + dynastRow + "75\n" + dynastRow + "75.2\n" + dynastRow + "176\n" +
		strings.Replace(dynastRow, "5029656", "5029657", 1) + "75\n" + strings.Replace(dynastRow, "'d': [2", "'d': [5", 1) + "75\n" +
		strings.Replace(dynastRow, "[224]", "[224, 9]", 1) + "75\n" + strings.Replace(dynastRow, "[224]", "[]", 1) + "75\n"
	var rep ImportReport
	rows, err := readDynasT(strings.NewReader(text), sp, &rep)
	must(t, err)
	if rep.Rows != 7 || rep.Distinct != 1 || rep.Rejected != 5 || len(rep.Faults) != 5 || len(rows) != 2 || rows[1].Seed != 1 || math.Abs(Distinct(rows)[0].Accuracy-.751) > 1e-12 {
		t.Errorf("%+v, %+v", rep, rows)
	}
	for i, want := range []string{"line 4", "line 5", "line 6", "line 7", "line 8"} {
		if !strings.Contains(rep.Faults[i].Error(), want) {
			t.Errorf("%v does not name %s", rep.Faults[i], want)
		}
	}
	head := strings.Join(dynastColumns, ",") + "\n"
	if _, err := readDynasT(strings.NewReader(head+dynastRow+"0.75\n"), sp, &rep); err == nil || !strings.Contains(err.Error(), "percent") {
		t.Errorf("fractions are taken: %v", err)
	}
	rep = ImportReport{}
	rows, err = readDynasT(strings.NewReader(head+dynastRow+"75\n"+dynastRow+"76\n"+dynastRow+"NaN\n"), sp, &rep)
	if err != nil || len(rows) != 1 || rep.Rejected != 2 || !strings.Contains(rep.Faults[1].Error(), "contradicts") {
		t.Errorf("a contradiction: %+v %+v %v", rows, rep, err)
	}
	if _, err := readDynasT(strings.NewReader("a,b\n"), sp, &rep); err == nil {
		t.Error("another file is taken")
	}
	quick := quick(t)
	rep = ImportReport{}
	if _, err := readDynasT(strings.NewReader(text), quick, &rep); err != nil || rep.Rejected != 7 {
		t.Errorf("into another space: %+v, %v", rep, err)
	}
}

func FuzzImportDynasT(f *testing.F) {
	sp, err := space.Preset("ofa-mbv3-w1.0")
	must(f, err)
	f.Add(dynastRow + "75\n")
	f.Fuzz(func(t *testing.T, row string) {
		var rep ImportReport
		rows, err := readDynasT(strings.NewReader(strings.Join(dynastColumns, ",")+"\n"+row), sp, &rep)
		if err == nil && len(rows)+rep.Rejected > rep.Rows {
			t.Fatalf("%+v", rep)
		}
	})
}
