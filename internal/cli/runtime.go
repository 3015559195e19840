package cli

import (
	"context"

	"hanas/internal/progress"
	"hanas/onnx/ort"
)

// openORT loads ONNX Runtime, which it fetches where there is none, and tells c
// what it does. The caller closes it.
func openORT(ctx context.Context, c *progress.Console) (*ort.Runtime, error) {
	return ort.Open(ctx, ort.Options{Fetch: true, Log: func(line string) { c.Log("", line) }})
}
