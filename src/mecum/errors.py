"""Every error that mecum expects, as one tree.

    MecumError
    ├── InvalidRequest            the client's input is at fault; `param` names the field
    │   ├── UnsupportedParameter  the field is known, but this model or engine cannot honour it
    │   ├── ContextTooLong        the prompt does not fit the model's context
    │   ├── NameTaken             another thing of the client's has that name
    │   ├── ModelInUse            the model cannot be unloaded now: requests use it
    │   ├── UnsupportedMediaType  the body is of a kind that is not read here
    │   ├── BodyTooLarge          the body is larger than the limit
    │   └── BodyTooSlow           the body did not arrive in time
    ├── Unauthorized              the request needs a key, and came with none that is good
    ├── Refused                   the request may not pass, whatever it says (Host, Origin)
    │   └── ScopeMissing          its key is good, but not for this
    ├── NotFound                  a thing that the request names does not exist
    │   ├── ModelNotFound
    │   ├── RoleNotFound
    │   ├── DocumentNotFound
    │   └── KeyNotFound
    ├── Busy                      not now, but later: `retry_after` seconds
    │   ├── QueueFull             too many requests wait already
    │   ├── RateLimited           its key has asked as often, or asks as much at once, as it may
    │   ├── QueueTimeout          waited its turn for too long
    │   ├── ModelLoading          the engine is not ready and did not become so in time
    │   ├── EmbedderNotReady      there is no embedder, or it does not run
    │   ├── RetrievalFailed       the documents could not be searched, so there is no answer out of them
    │   └── Draining              the server is shutting down
    ├── EngineError               the engine is at fault
    │   ├── EngineDown            it does not run (crashed, gave up, cannot be reached)
    │   ├── EngineBroke           it broke off in the middle of an answer, or sent nonsense
    │   └── EngineRefused         it refuses requests for a reason that waiting does not mend (its key is wrong, …)
    │       └── RouteMissing      it has no route of that name
    ├── StoreError                the database on disk is at fault (an I/O error, damage)
    │   └── StoreFull             the disk, or the room that the database may take, is full
    └── StartError                the program cannot start; `exit_code` says which kind (`docs/operations.md`)
        ├── SettingsError
        ├── AddressInUse
        ├── HomeInUse
        ├── StoreStartError       the database cannot be opened: a newer schema, another program's file, damage
        └── EngineStartError      no model, a broken one, too little memory; `lines` are the engine's own last words

Errors carry no HTTP status: `mecum.api.errors` holds the one table that gives each class its status.
Messages are for people: they name what was wrong and what to do, and never contain the text of a chat.
"""

from __future__ import annotations

from typing import ClassVar


class MecumError(Exception):
    """The root. `code` is the stable name that clients match on."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class InvalidRequest(MecumError):
    """The client's input is at fault; `param` names the field."""

    code = "invalid_request"


class UnsupportedParameter(InvalidRequest):
    """The field is known, but this model or engine cannot honour it."""

    code = "unsupported_parameter"


class ContextTooLong(InvalidRequest):
    """The prompt does not fit the model's context. `prompt_tokens` is None where the engine only said no."""

    code = "context_length_exceeded"

    def __init__(self, *, prompt_tokens: int | None, context: int | None) -> None:
        size = "The messages are too long" if prompt_tokens is None else f"The messages make {prompt_tokens} tokens"
        room = "the model's context" if context is None else f"the model's context of {context} tokens"
        super().__init__(
            f"{size} and do not fit {room}. Shorten them, or send metadata.truncation = 'auto' to drop the oldest turns.",
            param="messages",
        )
        self.prompt_tokens = prompt_tokens
        self.context = context


class NameTaken(InvalidRequest):
    """Another thing of the client's has that name; `param` says which field it is."""

    code = "name_taken"


class ModelInUse(InvalidRequest):
    """The model cannot be unloaded now: requests use it, or wait for it."""

    code = "model_in_use"


class UnsupportedMediaType(InvalidRequest):
    """The body is of a kind that is not read here."""

    code = "unsupported_media_type"


class BodyTooLarge(InvalidRequest):
    """The body is larger than the limit."""

    code = "body_too_large"


class BodyTooSlow(InvalidRequest):
    """The body did not arrive in time."""

    code = "body_too_slow"


class Unauthorized(MecumError):
    """The request needs a key, and came with none that is good. `reason` (a word) and `key_id` are for the audit log."""

    code = "invalid_api_key"

    def __init__(self, message: str, *, reason: str = "unknown", key_id: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.key_id = key_id


class Refused(MecumError):
    """The request may not pass, whatever it says: its Host or Origin is not one of ours."""

    code = "forbidden"


class ScopeMissing(Refused):
    """Its key is good, but not for this."""

    code = "insufficient_scope"


class NotFound(MecumError):
    """A thing that the request names does not exist."""

    code = "not_found"


class ModelNotFound(NotFound):
    """No model of that name is configured."""

    code = "model_not_found"


class RoleNotFound(NotFound):
    """No active role has that id."""

    code = "role_not_found"


class DocumentNotFound(NotFound):
    """No document of that id or path is in the library."""

    code = "document_not_found"


class KeyNotFound(NotFound):
    """There is no API key of that id."""

    code = "key_not_found"


class Busy(MecumError):
    """Not now, but later."""

    code = "busy"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds


class QueueFull(Busy):
    """Too many requests wait already."""

    code = "queue_full"


class RateLimited(Busy):
    """Its key has asked as often, or asks as much at once, as it may."""

    code = "rate_limit_exceeded"


class QueueTimeout(Busy):
    """The request waited its turn for too long."""

    code = "queue_timeout"


class ModelLoading(Busy):
    """The engine is not ready and did not become so in time."""

    code = "model_loading"


class EmbedderNotReady(Busy):
    """There is no embedder, or it does not run."""

    code = "embedder_not_ready"


class RetrievalFailed(Busy):
    """The documents could not be searched; an answer that ignores them is none."""

    code = "retrieval_failed"


class Draining(Busy):
    """The server is shutting down."""

    code = "draining"


class EngineError(MecumError):
    """The engine is at fault."""

    code = "engine_error"


class EngineDown(EngineError):
    """The engine does not run: it crashed, was given up, or cannot be reached."""

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds


class EngineBroke(EngineError):
    """The engine broke off in the middle of an answer, or sent something that is not an answer."""


class EngineRefused(EngineError):
    """The engine refuses requests for a reason that waiting does not mend."""


class RouteMissing(EngineRefused):
    """The engine has no route of that name: it cannot do this, or its address is wrong."""


class StoreError(MecumError):
    """The database on disk is at fault. What was not acknowledged was not written; what was, stays."""

    code = "store_error"


class StoreFull(StoreError):
    """The disk, or the room that the database may take, is full."""

    code = "store_full"


class StartError(MecumError):
    """The program cannot start."""

    code = "start_error"
    exit_code: ClassVar[int] = 1


class SettingsError(StartError):
    """A setting is unknown, has a wrong value, or contradicts another."""

    exit_code = 3


class AddressInUse(StartError):
    """Another program listens on the address."""

    exit_code = 4


class HomeInUse(StartError):
    """Another mecum works on this data directory."""

    exit_code = 4


class StoreStartError(StartError, StoreError):
    """The database cannot be opened: it has a newer schema, is another program's file, or is damaged."""

    code = "store_error"
    exit_code = 6


class EngineStartError(StartError, EngineError):
    """The engine cannot start: no model, a broken one, too little memory. `lines` are its own last words."""

    code = "engine_error"
    exit_code = 5

    def __init__(self, message: str, *, lines: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.lines = lines
