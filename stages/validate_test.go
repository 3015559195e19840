package stages

import (
	"strings"
	"testing"
)

// TestRewriting counts the images whose answer a level changes, either way.
func TestRewriting(t *testing.T) {
	normal := score{Value: 0.5, Right: []bool{true, false, true, false}}
	basic := score{Value: 0.5, Right: []bool{true, true, false, false}}
	got := compareLevels(normal, basic)
	if got.Changed == nil || *got.Changed != 2 || got.Top1 != 0.5 {
		t.Errorf("%+v, want 2 changed of equal accuracy", got)
	}
	if d := compareLevels(score{Value: 0.3}, score{Value: 0.25}); d.Changed != nil || d.Top1 != 0.25 {
		t.Errorf("of a detector: %+v", d)
	}
	models := []checkedModel{{Top1: 0.5, Images: 4, Rewriting: got}, {Top1: 0.75, Images: 4, Rewriting: compareLevels(normal, normal)}, {}}
	notes := rewritingNotes(models)
	if len(notes) != 1 || !strings.Contains(notes[0], "2 of 8 answers") {
		t.Errorf("notes %q", notes)
	}
	if rewritingNotes(models[2:]) != nil {
		t.Error("a note of nothing measured")
	}
}

// TestPaceOfATableFromElsewhere: an imported table has no pace, and validation
// none to tell.
func TestPaceOfATableFromElsewhere(t *testing.T) {
	if p := paceOf(3, 0); p != 0 {
		t.Errorf("pace %g", p)
	}
	if p := paceOf(3, 2); p != 1.5 {
		t.Errorf("pace %g, want 1.5", p)
	}
}
