// Package eval scores networks: accuracy over images and time of a run.
//
// An Evaluator holds images ready for the graph and scores any number of
// networks on them; Result is one score, with Wilson and ClopperPearson for
// its uncertainty; Latency times a network and gives Stats.
//
//	e, err := eval.New(images, eval.Settings{Batch: 64})
//	res, err := e.Run(ctx, runner)
//	lo, hi := eval.Wilson(res.Correct1, res.N)
//
// The same code scores a sub-network before it is exported and the file after.
package eval
