// Package blocked differentiates training graphs of convolutional nets into a
// form that ONNX Runtime's CPU kernels run many times faster than plain ONNX.
//
// There is one entry, [Build], which takes the place of grad.Build: same
// arguments plus the block size, same inputs and outputs, same results but for
// rounding. [SelfTest] finds the block size once at start:
//
//	block, err := blocked.SelfTest(engine)
//	...
//	if block == 0 {
//		m, err = grad.Build(m, "loss", wrt)
//	} else {
//		m, err = blocked.Build(m, "loss", wrt, block)
//	}
//
// # The layout
//
// An activation [N, C, H, W] is kept as [C, N/b, H, W, b]: b images side by
// side, b = 16 floats of an AVX512 register or 8 of an AVX2 one. Read as the
// matrix [C, M], M = N*H*W, it needs no rearrangement for anything:
//
//   - a pointwise convolution is the product [O,C] x [C,M], and so are its two
//     gradients; larger ones are that after a copy for each tap;
//   - a depthwise convolution is a Conv of ORT's internal domain
//     com.microsoft.nchwc with a group for each channel and image. Its input
//     gradient is the same with the kernel turned round; its weight gradient is
//     the same with the result's gradient as the kernel;
//   - batch norm works on rows, and its affine map is a 1x1 Conv of that domain;
//   - any number of channels will do, as none is padded.
//
// Nodes without such a form (the head, the loss, functions of weights) stay as
// they are, with package grad's gradients; where they meet activations these
// are transposed.
//
// nchwc is not a documented interface of ORT. That is why SelfTest computes a
// convolution with it and compares, and why the plain graph remains the truth
// that the tests compare with.
package blocked
