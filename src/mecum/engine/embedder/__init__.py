"""The embedder: turns texts into vectors, in worker processes of ours (`base` says what every embedder promises).

`local` runs multilingual-e5-small; `scripted` is deterministic and ships for tests. Inside: `weights` reads the model out
of its data file, `graph` makes an ONNX graph of it (`onnx` writes the format), `pieces` splits text, `encoder` puts them
together, `program` is what a worker runs.

`folder` runs an ONNX model that somebody else made. `inspection` looks at it first: `structure` reads the graph (`protobuf`
its bytes), `signature` says what is taken from it, `layers` what the folder does to that, `card` what else it says of
itself. `recipe` is what the worker, `onnx_program`, is told; there `tokenizer` splits text, and `network` with `dense`
makes the vectors. `room` counts memory for both kinds of files.
"""
