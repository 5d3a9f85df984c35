"""Roles on the wire: what is sent, what is answered, and how `/openapi.json` describes both.

Invariant (`tests/api/test_roles.py`): an answer holds all that Second Me's has, with its names; null means that nothing was
sent, and resets the three fields that may be without a value.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from mecum.api.fields import Flag, Many, Number
from mecum.errors import InvalidRequest
from mecum.store.values import NewRole, StoredRole
from mecum.types import Json

MAX_NAME: Final = 100  # characters, as in what follows
MAX_PROMPT: Final = 32_768
MAX_COLLECTIONS: Final = 64
_CLEARED: Final[Json] = {"collections": (), "model": None, "temperature": None}
_ALL: Final = f"a list of at most {MAX_COLLECTIONS} names of collections, each of 1 to 128 characters"

_Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
_Collection = Annotated[str, Field(min_length=1, max_length=128)]
_Collections = Annotated[Many[_Collection], Field(max_length=MAX_COLLECTIONS, json_schema_extra={"x-allowed": _ALL})]


class RoleChanges(BaseModel):
    """What is to be changed of a role: the fields that are sent. Null resets `collections`, `model` and `temperature`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: _Name | None = Field(None, description="no other role has this name")
    description: str | None = Field(None, max_length=2000, description="what people read of it; no model does")
    system_prompt: str | None = Field(None, max_length=MAX_PROMPT, description="comes before the caller's system message")
    icon: str | None = Field(None, max_length=8192, description="an emoji, a name, or a small image as data:")
    is_active: Flag | None = Field(None, description="a chat does not find an inactive role")
    enable_l0_retrieval: Flag | None = Field(None, description="whether it looks into the documents (true)")
    enable_l1_retrieval: Flag | None = Field(None, description="Second Me's: kept, and without effect")
    collections: _Collections | None = Field(None, description="the collections that it may look into; none: all")
    model: str | None = Field(None, max_length=256, description="the model that answers, where the request names none")
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = Field(None, description="where the request gives none")

    def changes(self) -> Json:
        """Return the new values by field.

        Raises:
            InvalidRequest: the name is blank.
        """
        sent = {name: getattr(self, name) for name in RoleChanges.model_fields if name in self.model_fields_set}
        values = {name: value for name, value in sent.items() if value is not None}
        values |= {name: _CLEARED[name] for name, value in sent.items() if value is None and name in _CLEARED}
        if self.collections is not None:
            values["collections"] = tuple(dict.fromkeys(self.collections))
        if self.name is not None:
            values["name"] = _stripped(self.name)
        return values


class RoleBody(RoleChanges):
    """A new role."""

    uuid: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$",
        description="for one that moves here with its id; else it gets a new one",
        json_schema_extra={"x-allowed": "an id of 1 to 128 letters, digits, '_', '.' or '-'"},
    )
    name: _Name = Field(description="no other role has this name")

    def new(self) -> NewRole:
        """Return the role.

        Raises:
            InvalidRequest: the name is blank.
        """
        return NewRole(**self.changes(), uuid=self.uuid or "")


def role_body(role: StoredRole) -> Json:
    """Return a role as Second Me has it, and what ours has besides."""
    return {
        "id": role.number,
        "uuid": role.uuid,
        "name": role.name,
        "description": role.description,
        "system_prompt": role.system_prompt,
        "icon": role.icon,
        "is_active": role.is_active,
        "enable_l0_retrieval": role.enable_l0_retrieval,
        "enable_l1_retrieval": role.enable_l1_retrieval,
        "collections": role.collections,
        "model": role.model,
        "temperature": role.temperature,
        "create_time": time_text(role.created),
        "update_time": time_text(role.updated),
    }


def time_text(seconds: float) -> str:
    """Return a time as Second Me writes it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def schemas() -> Json:
    """Return the schemas of what is sent and answered, by name."""
    time = {"type": "string", "description": "YYYY-MM-DD HH:MM:SS, UTC"}
    fields: Json = {
        "id": {"type": "integer", "description": "Second Me's; `uuid` is what names a role"},
        **{name: {"type": "string"} for name in ("uuid", "name", "description", "system_prompt", "icon")},
        **{name: {"type": "boolean"} for name in ("is_active", "enable_l0_retrieval", "enable_l1_retrieval")},
        "collections": {"type": "array", "items": {"type": "string"}},
        "model": {"type": ["string", "null"]},
        "temperature": {"type": ["number", "null"]},
        "create_time": time,
        "update_time": time,
    }
    return {
        "RoleBody": RoleBody.model_json_schema(),
        "RoleChanges": RoleChanges.model_json_schema(),
        "Role": {"type": "object", "required": list(fields), "properties": fields},
        "RoleAnswer": enveloped(ref("Role")),
        "RoleListAnswer": enveloped({"type": "array", "items": ref("Role")}),
    }


def enveloped(data: Json) -> Json:
    """Return the schema of a management route's answer."""
    fields: Json = {"success": {"const": True}, "code": {"const": 0}, "message": {"const": "success"}, "data": data}
    return {"type": "object", "required": list(fields), "properties": fields}


def ref(name: str) -> Json:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _stripped(name: str) -> str:
    if not (stripped := name.strip()):
        raise InvalidRequest(f"name must be a string of 1 to {MAX_NAME} characters that are not all blank.", param="name")
    return stripped
