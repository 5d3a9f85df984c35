"""A program: the worker that embeds with llama.cpp. `python -m …llama_program MODEL POOLING TOKENS THREADS normal|idle`.

Requests and replies as those of `program`; the texts come with their forms around them. llama.cpp's server is called in this
process: the socket that it insists on opening lies in a folder of ours alone, and is gone before the first text comes
(`tests/engine/embedder/test_file.py`).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import orjson

from mecum.engine.frames import Handler, WorkFailed, be_idle, serve

ERRORS_ONLY: Final = 1  # llama.cpp's verbosity
UNUSED_PORT: Final = 8080  # it wants one beside a Unix socket too, and does not open it
TRIES: Final = 12  # to cut a text to what fits
_TOO_LARGE: Final = re.compile(r"input \((\d+) tokens\) is (?:too large|larger)")
_TYPES: Final = {"mean": 1, "cls": 2, "last": 3}


def main(model: str, pooling: str, tokens: str, threads: str, priority: str) -> None:
    """Serve until stdin ends."""
    if priority == "idle":
        be_idle()
    serve(lambda: _set_up(model, pooling, int(tokens), int(threads)))
    os._exit(0)  # llama.cpp's threads would be waited for


def _set_up(model: str, pooling: str, tokens: int, threads: int) -> Handler:
    import xllamacpp  # noqa: PLC0415 # only now: its threads inherit the priority

    folder = Path(tempfile.mkdtemp(prefix="mecum-embedder-"))
    try:
        params = xllamacpp.CommonParams()
        params.model.path = model
        params.pooling_type = xllamacpp.llama_pooling_type(_TYPES[pooling])
        _set(params, folder, tokens, threads)
        server = xllamacpp.Server(params)
    except RuntimeError:
        raise WorkFailed(f"llama.cpp cannot load {Path(model).name}.") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    def handle(request: bytes) -> bytes:
        found = [_embedded(server, text, tokens) for text in orjson.loads(request)["texts"]]
        vectors = b"".join(struct.pack(f"<{len(vector)}f", *vector) for vector, _ in found)
        return vectors + struct.pack(f"<{len(found)}i", *(count for _, count in found))

    return handle


def _set(params: Any, folder: Path, tokens: int, threads: int) -> None:
    params.embedding = True
    params.n_parallel = 1
    params.n_ctx = params.n_batch = params.n_ubatch = tokens  # a text is read in one go: its tokens may look both ways
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_gpu_layers = 0  # a GPU is the chats'
    params.fit_params = False
    params.hostnames = [str(folder / "e.sock") if sys.platform in ("linux", "darwin") else "127.0.0.1"]
    params.port = UNUSED_PORT if sys.platform in ("linux", "darwin") else 0
    params.api_keys = [secrets.token_urlsafe(32)]
    params.verbosity = ERRORS_ONLY
    params.warmup = False
    params.ui = False


def _embedded(server: Any, text: str, most: int) -> tuple[list[float], int]:
    """Return a text's vector and its number of tokens, negative where only its beginning was read."""
    cut = False
    for _ in range(TRIES):
        answer = server.handle_embeddings({"input": text or " ", "encoding_format": "float"})
        error = answer.get("error")
        if error is None:
            tokens = int(answer["usage"]["prompt_tokens"])
            return answer["data"][0]["embedding"], -tokens if cut else max(tokens, 1)
        found = _TOO_LARGE.search(str(error.get("message")))
        if found is None:
            break
        cut, text = True, text[: min(len(text) - 1, int(len(text) * 0.98 * most / int(found[1])))]
    raise WorkFailed("llama.cpp does not embed this text.")


if __name__ == "__main__":
    main(*sys.argv[1:])
