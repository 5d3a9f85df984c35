"""What a store takes and gives: frozen values. Nothing here does anything, but a passage knows its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mecum.types import Json

Key = int
Vectors = NDArray[np.float32]  # one unit vector a row
State = Literal["queued", "processing", "searchable", "ready", "no_text", "failed"]
DEFAULT_COLLECTION = "default"


def file_name(path: str) -> str:
    """Return the last part of a path, whichever system it is from; of a container's part, what names it."""
    return PurePosixPath(PureWindowsPath(path).name if "\\" in path else path).name or path


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a document has no passages: a stable code, and a sentence for people. `kind` is the document's, "" if unknown."""

    code: str
    message: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document as it is added. Its identity is (owner, collection, path); `content_hash` is its bytes' SHA-256, in hex.

    `size` is in bytes; `date` in seconds since 1970, None where the document has none. `title` and `kind` "": those that it
    had, else what `About` says when it has been read.
    """

    owner: str
    path: str
    content_hash: str
    kind: str = ""
    title: str = ""
    size: int = 0
    collection: str = DEFAULT_COLLECTION
    metadata: Json = field(default_factory=dict)
    date: float | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What reading a document has told of it. A title, a date or metadata that were given with it come first."""

    kind: str
    title: str = ""
    date: float | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the library. `created` and `updated` are in seconds since 1970; `passages` is how many it has.

    A `container` is a file that holds several documents, its parts, whose passages count as its own; `parent` is the id of
    the container that a part belongs to.
    """

    id: str
    owner: str
    collection: str
    path: str
    title: str
    kind: str
    size: int
    state: State
    content_hash: str
    passages: int
    error: Failure | None
    metadata: Json
    date: float | None
    created: float
    updated: float
    container: bool = False
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A piece of a document, in reading order.

    `context` (headings, a date, a speaker) is embedded and searched with the text, but is not part of it. `keywords` are
    the tokens of context and text, separated by spaces. `place` says where in the document it stands: what is known of
    `page` (from 1), `heading`, `sheet`, `start` and `stop` (characters of the extracted text), and whatever else helps.
    """

    text: str
    keywords: str
    context: str = ""
    place: Json = field(default_factory=dict)
    date: float | None = None

    @property
    def hash(self) -> bytes:
        """What is embedded, as 16 bytes: passages with the same hash share one vector."""
        return hashlib.sha256(f"{self.context}\0{self.text}".encode("utf-8", "surrogatepass")).digest()[:16]


@dataclass(frozen=True, slots=True)
class NewPart:
    """A document inside a container: `name` is what stands behind `#` in its path. `size` is of its text, in bytes."""

    name: str
    content_hash: str
    size: int
    about: About
    passages: tuple[NewPassage, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document as it is stored. `position` counts from 0."""

    id: str
    document_id: str
    position: int
    text: str
    context: str
    place: Json
    date: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """A passage together with its document: what a hit is made of. `date` is the passage's, else its document's."""

    key: Key
    passage: Passage
    collection: str
    path: str
    title: str
    kind: str
    date: float | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents are looked at: all that is set must hold. An empty tuple or text means any.

    `since` and `until` bound the date of a passage, else its document's, in seconds since 1970, both inclusive. `exact`
    tells spellings of a name apart that look the same (composed and decomposed Unicode).
    """

    owner: str
    collections: tuple[str, ...] = ()
    path_prefix: str = ""
    kinds: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. `next_cursor` asks for what follows, None at the end; `total` counts all that match."""

    items: tuple[Document, ...]
    next_cursor: str | None
    total: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How far the library is: documents by state, passages, and passages that have no vector yet.

    `rebuilding`: those vectors are of another embedder than the one whose vectors answer meanwhile.
    """

    documents: Mapping[str, int]
    passages: int
    without_vector: int
    rebuilding: bool = False


@dataclass(frozen=True, slots=True)
class Facets:
    """By what the documents can be narrowed: how many each collection has, and how many there are of each kind."""

    collections: Mapping[str, int]
    kinds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Match:
    """A passage that holds some of the words. A higher `score` (BM25) is better."""

    key: Key
    score: float


@dataclass(frozen=True, slots=True)
class Unembedded:
    """A text that needs a vector: `context` and `text` as `NewPassage`."""

    hash: bytes
    context: str
    text: str

    @property
    def embedded(self) -> str:
        """What the embedder is given."""
        return f"{self.context}\n{self.text}" if self.context else self.text


@dataclass(frozen=True, slots=True)
class Stamp:
    """Whose vectors the index holds: the identity that answers, and the one that is being built beside it."""

    active: str | None
    dimension: int | None
    building: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened to the published vectors since `seq` was last read.

    All rows of the documents in `dropped` are void (`whole`: all rows of all documents are); then the rows that follow
    hold: `passages`, `documents`, `dates` (NaN: none) and `owners` beside `vectors`.
    """

    seq: int
    identity: str | None
    whole: bool
    dropped: tuple[Key, ...]
    passages: NDArray[np.int64]
    documents: NDArray[np.int64]
    dates: NDArray[np.float64]
    owners: tuple[str, ...]
    vectors: NDArray[np.float16]


# ---- roles

MAX_ROLES = 500  # of one owner: a list of them is answered whole


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRole:
    """A role as it is added. `uuid` and `name` are its owner's own, each used once.

    The room of roles fills in `owner`, and `uuid` where there is none. `collections` are those that it may look into,
    none: all. `enable_l1_retrieval` is kept for Second Me's callers and changes nothing. None: the request's or the
    route's own value.
    """

    name: str
    owner: str = ""
    uuid: str = ""
    description: str = ""
    system_prompt: str = ""
    icon: str = ""
    is_active: bool = True
    enable_l0_retrieval: bool = True
    enable_l1_retrieval: bool = True
    collections: tuple[str, ...] = ()
    model: str | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRole(NewRole):
    """A role as it is stored. `number` counts an owner's roles from 1; `created` and `updated` are seconds since 1970."""

    number: int
    created: float
    updated: float
