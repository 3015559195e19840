// Package supernet holds one set of weights for every sub-network of a space.
//
// There are few types: Supernet (the shared parameters; an Arch uses leading
// channels and the centre of kernels, or kernels made by matrices), Trainer
// (the sandwich rule over training graphs, or one Arch alone), and Calibrator
// (an Arch with its batch-norm statistics measured on training images, ready
// for package export). ImportOFA makes a Supernet of a published one. What is
// trained, what is scored and what is shipped walk the same []space.Layer and
// use the same quantisers (package onnx/quant), so they cannot drift apart.
//
//	net, err := supernet.New(sp, seed)
//	t := &supernet.Trainer{Net: net, Backend: backend, Images: images, Checkpoint: "work.safetensors"}
//	err = t.Run(ctx)
//	cal := &supernet.Calibrator{Net: net, Engine: engine, Images: batch, Info: info}
//	network, err := cal.Network(ctx, arch) // → export.Build
package supernet
