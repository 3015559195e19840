// Package space spells sub-networks. A Space lists the choices (widths,
// depths, kernels, expansion ratios, bit widths), an Arch is one pick of every
// choice, and Space.Layers expands an Arch into the operators that the graph
// builder, the cost model, the latency table and the report all walk.
//
//	sp, err := space.Preset("quick")
//	arch := sp.Random(rand.New(rand.NewPCG(1, 0)))
//	layers := sp.Layers(arch)
//	fmt.Println(sp.Key(arch), space.Cost(layers).MACs)
//
// An Arch is canonical: genes that change nothing (blocks beyond the depth,
// bits of an expand layer that is absent) are zero, so two Archs are equal
// exactly when they are the same network.
package space
