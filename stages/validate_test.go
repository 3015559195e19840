package stages

import "testing"

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
