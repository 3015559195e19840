// Package ort runs ONNX models on ONNX Runtime's shared library.
//
// Its types: a [Runtime] is the loaded library; [Settings] says how sessions
// run; [Report] says what the machine and the library offer. [Runtime.Engine]
// gives an [onnx.Engine], the only thing that the rest of the program sees:
//
//	rt, err := ort.Open(ctx, ort.Options{Fetch: true, Log: log})
//	...
//	defer rt.Close()
//	run, err := rt.Engine(ort.Settings{Threads: 1})(model)
//	...
//	defer run.Close()
//	err = run.Run(ctx, inputs, outputs)
//
// It is the only package that knows github.com/yalue/onnxruntime_go.
package ort
