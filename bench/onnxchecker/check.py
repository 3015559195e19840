"""Checks exported files with the onnx package: its checker, then its shape
inference, held against the shapes of the graph's outputs. Prints a line for each
opset and verdict, with how many files it holds for.

    python3 bench/onnxchecker/check.py DIR
"""
import collections
import os
import sys

# Python puts the script's folder first on the path, and the repository has a
# folder named onnx: neither is wanted here.
sys.path = [p for p in sys.path if not os.path.isfile(os.path.join(p or ".", "main.go"))]

import onnx

print("onnx", onnx.__version__, "with opset", onnx.defs.onnx_opset_version())
verdicts = collections.defaultdict(list)
for name in sorted(os.listdir(sys.argv[1])):
    if not name.endswith(".onnx"):
        continue
    model = onnx.load(os.path.join(sys.argv[1], name))
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    types = {onnx.TensorProto.DataType.Name(t.data_type) if t.data_type in onnx.TensorProto.DataType.values() else "type %d" % t.data_type for t in model.graph.initializer}
    try:
        onnx.checker.check_model(model, full_check=False)
    except Exception as e:
        verdicts[opset, "checker refuses: " + str(e).strip().splitlines()[0][:110]].append(name)
        continue
    try:
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except Exception as e:
        verdicts[opset, "shape inference refuses: " + str(e).strip().splitlines()[0][:110]].append(name)
        continue
    known = sum(1 for v in inferred.graph.value_info if v.type.tensor_type.HasField("shape"))
    made = sum(len(n.output) for n in model.graph.node)
    missing = made - known - len(model.graph.output)
    verdicts[opset, "accepted, every shape inferred" if missing <= 0 else "accepted, some shapes not inferred (%s)" % ("detector" if "detector" in name else "classifier")].append(name)
for (opset, verdict), names in sorted(verdicts.items()):
    print("opset %d: %d files: %s" % (opset, len(names), verdict))
    print("    such as", names[0])
