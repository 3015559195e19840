// Package datasets turns images on disk, or drawn by the program, into
// batches of numbers.
//
// A Dataset is an ordered list of Examples; Open makes a Set of three of them
// (train, val, test) from Settings; Load decodes one into Images, which stay
// in memory and give normalised batches; Augment varies them.
//
//	set, err := datasets.Open(ctx, datasets.Settings{Kind: "glyphs", Train: 20000, Val: 2000})
//	im, err := set.Load(ctx, set.Train, 2)
//	err = im.Batch(pixels, labels, []int{0, 1, 2})
//
// The same Settings give the same images in the same order on any machine and
// with any number of workers.
package datasets
