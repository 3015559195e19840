package stages

import (
	"slices"
	"testing"
)

func TestTuningNotes(t *testing.T) {
	before := .5
	got := tuningNotes([]checkedModel{
		{File: "plain.onnx", Top1Scored: .9},
		{File: "better.onnx", Top1Scored: .625, Inherited: &before, FineTuned: true},
		{File: "worse.onnx", Top1Scored: .5, Inherited: &before},
	})
	want := []string{
		"better.onnx was fine-tuned at its own bits: 62.5 % on the held-out images, 50.0 % as the supernet left it.",
		"worse.onnx was fine-tuned and scored no better than the 50.0 % that the supernet left it with, which ships.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
