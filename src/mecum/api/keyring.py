"""API keys on the wire: what is sent to make one, what is answered, and how `/openapi.json` describes both.

Invariant (`tests/api/test_keys.py`): a key's text stands in the answer to its making, and in no other.
"""

from __future__ import annotations

import time
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mecum.api.asked import checked
from mecum.api.bodies import ref
from mecum.api.fields import Many, Number
from mecum.api.labels import label
from mecum.api.personas import enveloped
from mecum.errors import InvalidRequest
from mecum.keys.limits import MOST
from mecum.keys.ring import DEFAULT_SCOPES
from mecum.store.people import StoredKey
from mecum.types import SCOPES, Json, Scope

MAX_NAME: Final = 100  # characters
_LATEST: Final = 100_000_000_000  # seconds since 1970
_OWNER: Final = "a name of 1 to 64 letters, digits, '_', '.', '@' or '-' that begins with a letter or a digit"
_ALL: Final = f"a list of one or more of {', '.join(SCOPES)}"


def _listed(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


_Most = Annotated[int, Field(strict=True, ge=1, le=MOST)]
_Scopes = Annotated[Many[Scope], Field(min_length=1, max_length=len(SCOPES), json_schema_extra={"x-allowed": _ALL})]


class KeyBody(BaseModel):
    """A new key."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(min_length=1, max_length=MAX_NAME, description="what people know it by; no other good key has it")
    owner: str = Field(
        "local",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$",
        description="whose documents, roles and chats it opens",
        json_schema_extra={"x-allowed": _OWNER},
    )
    scopes: Annotated[_Scopes, BeforeValidator(_listed, json_schema_input_type=str | _Scopes)] = Field(
        sorted(DEFAULT_SCOPES), description="what it is for"
    )
    expires: Annotated[Number, Field(gt=0, le=_LATEST)] | None = Field(
        None, description="when it is good no more, in seconds since 1970"
    )
    rate: _Most | None = Field(None, description="most requests in a minute")
    concurrency: _Most | None = Field(None, description="most requests at once")


def key_asked(content: Json) -> KeyBody:
    """Return what a body asks for.

    Raises:
        InvalidRequest: a field is wrong, or unknown: a limit that is misspelt must not be passed over.
    """
    if not content.keys() <= KeyBody.model_fields.keys():
        raise InvalidRequest(f"The body has a field that is not known. A key has {', '.join(KeyBody.model_fields)}.")
    body = checked(content, KeyBody)
    label(body.name, field="name", longest=MAX_NAME)
    if body.expires is not None and body.expires <= time.time():
        raise InvalidRequest("expires must lie in the future, in seconds since 1970.", param="expires")
    return body


def key_body(key: StoredKey) -> Json:
    """Return what may be known of a key."""
    good = key.is_good(time.time())
    return {
        "id": key.id,
        "name": key.name,
        "owner": key.owner,
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        "hint": key.hint,
        "state": "good" if good else "expired" if key.revoked is None else "revoked",
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "last_used": key.last_used,
        "rate": key.rate,
        "concurrency": key.concurrency,
    }


def schemas() -> Json:
    """Return the schemas of what is sent and answered, by name."""
    text, time_, time_or_not = {"type": "string"}, {"type": "number"}, {"type": ["number", "null"]}
    most: Json = {"type": ["integer", "null"], "minimum": 1, "maximum": MOST}
    fields: Json = {
        "id": text,
        "name": text,
        "owner": text,
        "scopes": {"type": "array", "items": {"enum": list(SCOPES)}},
        "hint": {"type": "string", "description": "how its text ends"},
        "state": {"enum": ["good", "expired", "revoked"]},
        "created": {**time_, "description": "seconds since 1970, as all times"},
        "expires": time_or_not,
        "revoked": time_or_not,
        "last_used": {**time_or_not, "description": "about a minute behind after a crash"},
        "rate": most,
        "concurrency": most,
    }
    made = {"key": {"type": "string", "description": "its text: shown here and never again"}}
    return {
        "KeyBody": KeyBody.model_json_schema(),
        "Key": {"type": "object", "required": list(fields), "properties": fields},
        "NewKey": {"allOf": [ref("Key"), {"type": "object", "required": ["key"], "properties": made}]},
        "KeyAnswer": enveloped(ref("Key")),
        "NewKeyAnswer": enveloped(ref("NewKey")),
        "KeyList": enveloped({"type": "array", "items": ref("Key")}),
    }
