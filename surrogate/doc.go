// Package surrogate turns a predictor and a price of whole networks into
// arrays that a search reads without building a layer or a key: a sub-network
// is a [Genome] of 32 bytes, its latency, MACs and bytes are sums of one cell a
// block, and its accuracy is a row of a batch that the predictor's ONNX graph
// takes.
//
//	c, err := surrogate.Compile(sp, price)         // checks that the price is a sum of blocks
//	judge := surrogate.NewJudge(c, predictor, surrogate.Limits{LatencyMS: 35})
//	result, err := nsga2.Run(ctx, judge.Problem(), nsga2.Settings{Evaluations: 50_000}, nil)
//	arch := c.Arch(result.Front.Points[0].Genome)
//
// It serves spaces whose genes are image size, depth, kernel and expand ratio,
// such as Once-for-All's: what a block costs then depends on the image size and
// on itself alone. [ErrNotAdditive] says that a space or a price is none of
// those.
package surrogate
