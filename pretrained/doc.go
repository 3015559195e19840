// Package pretrained quantises trained networks that come from elsewhere:
// PyTorch weights with Once-for-All's net.config (ProxylessNASNets,
// MobileNetV3), without training, from a few hundred calibration images.
//
// There are few types: Net (layers with folded weights, in float), Statistics
// (what its tensors hold, seen on calibration images) and Bits (a choice for
// every layer). Quantise joins them to an export.Network; Search chooses the
// bits of the weights under a limit on their bytes.
//
//	net, err := pretrained.Read("proxyless.pth", "net.config", 176)
//	stats, err := net.Calibrate(ctx, engine, batches)
//	network, err := net.Quantise(stats, net.Uniform(8, 8))
//	model, err := export.Build(network, export.Settings{})
package pretrained
