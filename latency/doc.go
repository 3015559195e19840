// Package latency answers how long a network takes on a device. A Table holds
// one row per operator and shape, profiled here, imported or modelled; an
// Estimator sums rows over a network's layers and corrects the sum with a few
// coefficients fitted on whole networks.
//
//	t, err := latency.Profile(ctx, engine, sp.DistinctLayers(), build, latency.Settings{Device: "this machine"})
//	err = t.Write("lut.csv")
//	c, err := t.Fit(measured) // whole networks with their times
//	est := latency.NewEstimator(t, c)
//	ms, provenance, err := est.Estimate(sp.Layers(arch))
//	fast, err := est.Index(sp) // for searches: about a microsecond an Arch
//
// Times are in milliseconds, energy in millijoules, for one image.
package latency
