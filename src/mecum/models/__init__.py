"""Models on this machine: which are here, which fit, which one is the default, and how another one comes (`mecum pull`).

`shelf` has what is `installed`, `fit` tells what this machine can run, `catalogue` what is worth pulling, `pull` how it
comes: `source` reads what was asked for, `listing` asks the hub, `selection` takes a model of what there is, `order` says
which files that are, `fetch` or `take` bring them, and a `package` (GGUF files, or the folder of an ONNX model) gives them
their names.
"""
