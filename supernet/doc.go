// Package supernet holds one set of weights for every sub-network of a space.
//
// There are few types: Supernet (the shared parameters; an Arch uses leading
// channels and centre-cropped kernels of them), Trainer (the sandwich rule
// over training graphs), and Calibrator (an Arch with its batch-norm statistics
// measured on training images, ready for package export). ImportOFA makes a
// Supernet of a published one. What is trained,
// what is scored and what is shipped walk the same []space.Layer and use the
// same quantisers (package onnx/quant), so they cannot drift apart.
//
//	net, err := supernet.New(sp, seed)
//	err = net.Train(ctx, engine, images, supernet.TrainSettings{Epochs: 8}, nil)
//	cal, err := supernet.NewCalibrator(net, engine, images, supernet.CalibrateSettings{})
//	network, err := cal.Network(ctx, arch) // → export.Build
package supernet
