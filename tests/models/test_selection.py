"""Which model of a place is taken, and what is said of it."""

from __future__ import annotations

import pytest

from mecum.errors import InvalidRequest
from mecum.models.choice import HubFile, Variant
from mecum.models.processor import Processor
from mecum.models.selection import Offer, Selector

GGUF = [HubFile("Tiny-Q4_K_M.gguf", 300_000_000), HubFile("Tiny-Q8_0.gguf", 600_000_000)]
ONNX = [HubFile("tokenizer.json", 9), HubFile("onnx/model.onnx", 90_000_000), HubFile("onnx/model_int8.onnx", 30_000_000)]


class Taking:
    """Takes one, and keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(
        self, files: list[HubFile], what: str | None = None, memory: int = 8_000_000_000, task: str = ""
    ) -> Variant:
        selector = Selector(memory=memory, processor=Processor("vnni"), tell=self.said.append)
        return selector.take(Offer("a/b", "hf:a/b:", tuple(files), task), what)


@pytest.mark.parametrize(
    ("what", "path"),
    [
        (None, "Tiny-Q4_K_M.gguf"),
        ("onnx", "onnx/model.onnx"),
        ("int8", "onnx/model_int8.onnx"),
        ("Q8_0", "Tiny-Q8_0.gguf"),
        ("model.onnx", "onnx/model.onnx"),
    ],
)
def test_gguf_comes_first_and_names_reach_both(what: str | None, path: str) -> None:
    assert Taking()([*GGUF, *ONNX], what).files[0].path == path


def test_what_does_not_fit_is_told_with_what_there_is() -> None:
    with pytest.raises(InvalidRequest, match=r"None of a/b fits the 0\.3 GB .*mecum pull hf:a/b:int8"):
        Taking()(ONNX, None, 300_000_000)
    taking = Taking()
    assert taking(ONNX, "int8", 300_000_000).quantisation == "int8"
    assert taking.said == ["It needs about 0.6 GB of memory, and 0.3 GB are free now."]


def test_what_was_taken_and_the_others_are_told() -> None:
    taking = Taking()
    taking(ONNX)
    assert taking.said == [
        "onnx/model.onnx (0.1 GB) of a/b is taken, of what fits the 8.0 GB of memory that are free now and this processor.",
        "Others there, by hf:a/b:NAME: int8 (30 MB)",
    ]


def test_what_chats_is_not_taken_in_onnx_unless_its_file_is_named() -> None:
    for what in (None, "onnx"):
        with pytest.raises(InvalidRequest, match="a model that chats, in ONNX"):
            Taking()(ONNX, what, task="text-generation")
    assert Taking()(ONNX, "int8", task="text-generation").form == "onnx"  # its graph will tell
    assert Taking()([*GGUF, *ONNX], task="text-generation").form == "gguf"


@pytest.mark.parametrize(
    ("files", "what", "says"),
    [
        ([], None, r"a/b has no GGUF model\. Look for a repository whose name ends with GGUF\."),
        (GGUF, "onnx", "has no GGUF model"),
        ([HubFile("onnx/model.onnx", 9)], None, r"there is no tokenizer\.json"),
        (ONNX, "q4", r"a/b has no q4\. It has: int8 \(30 MB\), onnx/model\.onnx \("),
        ([], "q4", r"It has no model that can be used\. Look for"),
        ([*ONNX, HubFile("onnx/decoder_model.onnx", 9)], "onnx/decoder_model.onnx", "but not as an embedding model"),
        (ONNX, "tokenizer.json", "is not the name of a GGUF file"),
    ],
)
def test_what_there_is_not(files: list[HubFile], what: str | None, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        Taking()(files, what)
