"""The embedder: turns texts into vectors, in worker processes of ours (`base` says what every embedder promises).

`local` runs multilingual-e5-small; `scripted` is deterministic and ships for tests. Inside: `weights` reads the model out
of its data file, `graph` makes an ONNX graph of it (`onnx` writes the format), `pieces` splits text, `encoder` puts them
together, `program` is what a worker runs.
"""
