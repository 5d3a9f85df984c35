"""The bodies that the library's routes take, as `wire` has those of the chat routes.

Unknown fields are tolerated, known ones checked strictly. `read` is the one way from a request to a checked body.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from mecum.api.faults import invalid
from mecum.api.fields import Flag, Many, Number
from mecum.api.parse import read_json
from mecum.errors import InvalidRequest
from mecum.settings.schema import ServerSettings
from mecum.types import Json

MAX_DOCUMENTS: Final = 1000  # in one request
MAX_QUERY: Final = 4096  # characters
MAX_TEXTS: Final = 2048  # as OpenAI has it
MAX_COLLECTIONS: Final = 64
MAX_KINDS: Final = 64
MAX_K: Final = 100
DATES: Final = 100_000_000_000  # seconds since 1970, either way: some 3,000 years
Body = TypeVar("Body", bound=BaseModel)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and abs(value) <= 2**53 and value.is_integer() else value


def _words(allowed: str) -> dict[str, Any]:
    return {"x-allowed": allowed}


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


_Date = Annotated[Number, Field(ge=-DATES, le=DATES)]
_Name = Annotated[str, Field(min_length=1, max_length=128)]
_Names = Annotated[
    Many[_Name],
    Field(max_length=64, json_schema_extra=_words("a name, or a list of at most 64 names, each of 1 to 128 characters")),
]
_NameOrNames = Annotated[_Names, BeforeValidator(_listed, json_schema_input_type=_Name | _Names)]


class DocumentBody(_Body):
    """A document whose text is sent."""

    path: str = Field(description="its label; with the collection it names the document")
    text: str = Field(description="what it says, as the file of that name would: Markdown in notes.md")
    title: str | None = Field(None, max_length=1024, description="else the document's own, or the file's name")
    collection: str | None = Field(None, description='else "default"')
    metadata: dict[str, Any] | None = Field(None, description="anything of yours, kept with the document")
    date: _Date | None = Field(None, description="in seconds since 1970")


class DocumentsBody(_Body):
    """Documents to add."""

    documents: Many[DocumentBody] = Field(
        min_length=1,
        max_length=MAX_DOCUMENTS,
        json_schema_extra=_words(f"a list of 1 to {MAX_DOCUMENTS} documents"),
    )


class PathBody(_Body):
    """A document's new path."""

    path: str = Field(description="its new label; a document that has it already is replaced")


class SearchBody(_Body):
    """What is looked for in the documents, and where."""

    query: str = Field(min_length=1, max_length=MAX_QUERY, description="a question, or words")
    k: Annotated[int, Field(strict=True, ge=1, le=MAX_K), BeforeValidator(_whole)] | None = Field(
        None, description="most passages wanted; the default is library.top_k"
    )
    collections: _NameOrNames | None = Field(None, description="where; the default is everywhere")
    path_prefix: str | None = Field(None, max_length=1024, description="only documents whose path begins so")
    kind: _NameOrNames | None = Field(None, description="only documents of this kind, or of one of these")
    since: _Date | None = Field(None, description="only what is dated at or after this, in seconds since 1970")
    until: _Date | None = Field(None, description="only what is dated at or before this, in seconds since 1970")
    mode: Literal["hybrid", "keyword", "vector"] | None = Field(None, description="by words, by meaning, or (hybrid) both")
    min_score: Annotated[Number, Field(ge=0, le=1)] | None = Field(
        None, description="all that reach this relevance, in place of the calibrated floor"
    )


_Text = Annotated[str, Field(min_length=1, json_schema_extra=_words("a text that is not empty"))]
_Texts = Annotated[
    Many[_Text],
    Field(
        min_length=1,
        max_length=MAX_TEXTS,
        json_schema_extra=_words(f"a text, or a list of 1 to {MAX_TEXTS} texts, none empty"),
    ),
]


class EmbeddingsBody(_Body):
    """Texts to embed, as OpenAI has it. `input_type` and `truncate` are ours."""

    input: Annotated[_Texts, BeforeValidator(_listed, json_schema_input_type=_Text | _Texts)] = Field(
        description="a text, or a list of texts; lists of token ids are not taken"
    )
    model: str | None = Field(
        None, max_length=256, description="multilingual-e5-small, or mecum; the default is the only one"
    )
    encoding_format: Literal["float", "base64"] | None = Field(None, description="float, or base64 of float32 values")
    dimensions: Annotated[int, Field(strict=True, ge=1, le=65_536), BeforeValidator(_whole)] | None = Field(
        None, description="must be the model's own"
    )
    input_type: Literal["query", "passage"] | None = Field(
        None, description="query (the default, also for comparing texts with each other), or passage: a text to be found"
    )
    truncate: Flag | None = Field(None, description="cut texts that are too long, instead of refusing them")
    user: str | None = Field(None, max_length=1024, description="ignored")


def _is_true(value: bool) -> bool:  # noqa: FBT001 # pydantic's way to call
    if not value:
        raise PydanticCustomError("not_true", "only true means it")
    return value


_True = Annotated[bool, Field(strict=True), AfterValidator(_is_true), WithJsonSchema({"type": "boolean", "const": True})]


class ForgetBody(_Body):
    """The word that all is to be forgotten."""

    all: _True = Field(description="true: every document, for good")


MODELS: Final = (DocumentsBody, PathBody, SearchBody, EmbeddingsBody, ForgetBody)


async def read(request: Request, model: type[Body], settings: ServerSettings) -> Body:
    """Return a request's checked body.

    Raises:
        InvalidRequest: naming the first field that is wrong, and how; and whatever `read_json` raises.
    """
    content = await read_json(request, limit=int(settings.max_body_mb * 1024 * 1024), timeout=settings.body_timeout)
    return checked(content, model)


def checked(content: Json, model: type[Body]) -> Body:
    """Return a body that fits its model.

    Raises:
        InvalidRequest: naming the first field that is wrong, and how.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise invalid(error, model) from None


def check_dates(since: float | None, until: float | None) -> None:
    """Check that a time does not end before it begins.

    Raises:
        InvalidRequest: it does.
    """
    if since is not None and until is not None and since > until:
        raise InvalidRequest("until must not be before since.", param="until")
