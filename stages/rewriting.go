package stages

import (
	"context"
	"fmt"
	"math"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/report"
)

// rewriting is what ONNX Runtime's rewriting of a graph changes about a file. At
// its default level, which scores and ships, it joins operators into integer
// kernels; at Basic they run as the file has them, on dequantised values, and a
// value on the border of two codes may fall to the other side.
type rewriting struct {
	Top1    float64 `json:"top1_basic"`        // test images, at Basic
	Changed *int    `json:"changed,omitempty"` // images that one level answers rightly and the other not; absent of detectors
}

// rewritten scores model at Basic beside normal, its score at the default level.
func (e *Env) rewritten(ctx context.Context, model *onnx.Model, images scorer, normal score) (*rewriting, error) {
	rt, err := e.ort(ctx)
	if err != nil {
		return nil, err
	}
	r, err := rt.Engine(ort.Settings{Threads: 1, Level: ort.Basic})(model)
	if err != nil {
		return nil, fmt.Errorf("at level basic: %w", err)
	}
	defer r.Close()
	basic, err := images.Score(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("at level basic: %w", err)
	}
	return compareLevels(normal, basic), nil
}

// compareLevels holds two scores on the same images against each other.
func compareLevels(normal, basic score) *rewriting {
	out := &rewriting{Top1: basic.Value}
	if normal.Right == nil {
		return out
	}
	changed := 0
	for i, right := range normal.Right {
		if right != basic.Right[i] {
			changed++
		}
	}
	out.Changed = &changed
	return out
}

// figure is the score at Basic for the page; none where it was not measured.
func (r *rewriting) figure() report.Figure {
	if r == nil {
		return report.Figure{}
	}
	return report.Fig(r.Top1, report.Measured)
}

// rewritingNotes tell what the levels change in all files together.
func rewritingNotes(models []checkedModel) []string {
	changed, images, worst := 0, 0, 0.0
	for _, m := range models {
		if m.Rewriting == nil || m.Rewriting.Changed == nil {
			continue
		}
		changed, images = changed+*m.Rewriting.Changed, images+m.Images
		worst = max(worst, math.Abs(m.Rewriting.Top1-m.Top1))
	}
	if images == 0 {
		return nil
	}
	return []string{fmt.Sprintf("Files are scored at ONNX Runtime's default level of graph rewriting. At its level Basic, where every operator runs as the file has it, "+
		"%d of %d answers on test images turn from right to wrong or back; a file's accuracy moves by %.2f points at most.", changed, images, 100*worst)}
}
