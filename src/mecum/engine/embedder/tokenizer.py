"""Splits texts into a model's tokens as it was trained, by its `tokenizer.json`: the library `tokenizers`, cut our way.

Imported by the worker alone (`onnx_program`). Of XLM-R's 250,000 pieces the library makes 280 MB (measured; of BERT's 30,000
it makes 10), where our own `pieces` takes 90 out of the same file: the built-in model keeps those, and a folder has the
exact ids.

Invariants (`tests/engine/embedder/test_tokenizer.py`): a text that is cut keeps what the model wants behind it; what the
file says of cutting and padding does not hold; whatever the file holds, the worker gets tokens or `WorkFailed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tokenizers import Encoding
from tokenizers import Tokenizer as Library

from mecum.engine.frames import WorkFailed

CHARACTERS: Final = 80  # looked at for each token that may be read: more than one token has, save in runs of spaces
_QUOTED: Final = 200  # characters of the library's message on a file


class Tokenizer:
    """The tokeniser of a file. Of a text `most` tokens are read, all special ones counted.

    `closing` is a token that stands behind every text, if the file does not put it there by itself.

    Raises:
        WorkFailed: the library cannot use the file.
    """

    def __init__(self, file: Path, most: int, *, closing: str = "", lowercase: bool = False) -> None:
        with _failing(file):
            self._library = Library.from_file(str(file))
            self._library.no_padding()
            self._library.no_truncation()
            self._closing = self._missing(closing)
            around = self._library.num_special_tokens_to_add(is_pair=False) + len(self._closing)
            if around >= most:
                raise WorkFailed(f"{file.name} puts {around} tokens around a text, and the model reads {most} in all.")
            self._library.enable_truncation(most - len(self._closing))
        self._lowercase = lowercase
        self._characters = CHARACTERS * most

    def encode(self, text: str) -> tuple[list[int], bool]:
        """Return the ids of a text, and whether it has more of them.

        Raises:
            WorkFailed: it has none.
        """
        given = text[: self._characters]
        with _failing():
            found: Encoding = self._library.encode(given.lower() if self._lowercase else given)
        ids = [*found.ids, *self._closing]
        if not ids:
            raise WorkFailed("The model's tokeniser finds no tokens in this text.")
        return ids, bool(found.overflowing) or len(given) < len(text)

    def _missing(self, closing: str) -> list[int]:
        """Return the closing token, if a text does not end with it by itself."""
        ends = self._library.encode("mecum").ids[-1:]
        number = self._library.token_to_id(closing) if closing else None
        return [number] if number is not None and ends != [number] else []


@contextmanager
def _failing(file: Path | None = None) -> Iterator[None]:
    """Say in words that the library fails: over a file with what it says, over a text without, for it may quote the text."""
    try:
        yield
    except WorkFailed:
        raise
    except BaseException as error:  # the library raises nothing but the root, and a panic of Rust is not even one of those
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        said = (
            f"{file.name} cannot be used: {str(error)[:_QUOTED]}." if file else "The model's tokeniser fails at this text."
        )
        raise WorkFailed(said) from None
