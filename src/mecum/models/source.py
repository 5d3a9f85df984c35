"""Reads what was asked for: `starter`, a name of the catalogue, `hf:owner/repo[:file]`, an https URL, a file. Pure.

Invariants (`tests/models/test_source.py`): what goes over the network says so (`hf:`, `https:`, or a name of ours), and what
has a file's form is never looked for there; plain http is for this machine alone; the name of a file or a folder is one
name, no path.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from mecum.errors import InvalidRequest
from mecum.settings.reach import this_machine_only

STARTER: Final = "starter"
_REPO: Final = r"(?P<repo>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})"
_HUB: Final = re.compile(rf"hf:{_REPO}(?::(?P<what>[^\s:]{{1,300}}))?")
_PAGE: Final = re.compile(rf"/{_REPO}(?:/(?:resolve|blob)/(?P<revision>[^/]+)/(?P<what>.+)|/?(?:tree/(?P<tree>[^/]+)/?)?)")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ()+=,@_.-]{0,200}\.gguf", re.IGNORECASE)
_FOLDER: Final = re.compile(r"(?!.*\.(gguf|onnx|json|part|whole|lock)$)[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.IGNORECASE)
_TAKEN: Final = ("default", "embedder", "starter", "local", "none", "scripted", "mecum", "onnx")  # files here, or settings
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # devices, where there are such names


@dataclass(frozen=True, slots=True)
class FromHub:
    """A repository of the hub; `what` is a file or a quantisation of it, None: whatever fits."""

    repo: str
    what: str | None = None
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class FromUrl:
    """A file on some server. `shown` is the address without what may be secret in it."""

    url: str

    @property
    def shown(self) -> str:
        """The address without user, password and query."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@dataclass(frozen=True, slots=True)
class FromFile:
    """A file or a folder of this machine."""

    path: Path


Source = FromHub | FromUrl | FromFile


def parse(text: str, endpoint: str, names: Iterable[str] = ()) -> Source:
    """Return what was asked for. `endpoint` is the hub's address, whose pages are taken for what they show.

    Raises:
        InvalidRequest: it is nothing that can be pulled; `names`, those of the catalogue, are for the hint.
    """
    if text.startswith("hf:"):
        if found := _HUB.fullmatch(text):
            return FromHub(found["repo"], found["what"])
        raise InvalidRequest(f"{text!r} is not of the form hf:OWNER/REPO or hf:OWNER/REPO:FILE.")
    if re.match(r"https?://", text, re.IGNORECASE):
        return _from_url(text, endpoint)
    if (path := Path(text).expanduser()).exists() or path.suffix.lower() == ".gguf" or len(path.parts) > 1:
        return FromFile(path)
    near = get_close_matches(text.lower(), [STARTER, *names], n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise InvalidRequest(
        f"{text!r} is neither a name of the catalogue (mecum models recommend lists it) nor a file.{hint} "
        "Pull hf:OWNER/REPO, an https address, a GGUF file, or the folder of an ONNX model."
    )


def _from_url(url: str, endpoint: str) -> Source:
    try:
        check_address(url)
        inside = _below(url, endpoint)
    except ValueError:
        raise InvalidRequest(f"{url[:200]!r} is not an address.") from None
    if inside is not None and (found := _PAGE.fullmatch(inside)):
        what = unquote(found["what"]) if found["what"] else None
        return FromHub(found["repo"], what, unquote(found["revision"] or found["tree"] or "main"))
    return FromUrl(url)


def _below(url: str, endpoint: str) -> str | None:
    """Return the path of an address of the hub's, None of another's."""
    asked, hub = urlsplit(url), urlsplit(endpoint)
    same = (asked.scheme.lower(), asked.netloc.lower()) == (hub.scheme.lower(), hub.netloc.lower())
    if not same or not asked.path.startswith(hub.path.rstrip("/") + "/"):
        return None
    return asked.path.removeprefix(hub.path.rstrip("/"))


def check_address(url: str) -> None:
    """Let an address pass to which a request may go: over TLS, or on this machine.

    Raises:
        InvalidRequest: it is plain http, and elsewhere.
        ValueError: it is no address.
    """
    parts = urlsplit(url)
    host, _ = parts.hostname, parts.port
    if parts.scheme.lower() not in ("http", "https") or not host or re.search(r"[\x00-\x20\x7f]", url):
        raise ValueError(url)
    if parts.scheme.lower() == "http" and not this_machine_only(host):
        raise InvalidRequest(f"{host} is only asked over https: what comes over plain http may come from anybody.")


def file_name(path: str) -> str:
    """Return the name under which a file of a server is kept: its last part, if that is a GGUF file's name.

    Raises:
        InvalidRequest: it is none.
    """
    name = PurePosixPath(path.replace("\\", "/")).name
    if not _NAME.fullmatch(name) or is_reserved(name):
        raise InvalidRequest(
            f"{name[:200]!r} is not the name of a GGUF file (letters, digits and .-_ and at its end .gguf). "
            "An ONNX model is pulled as a whole: hf:OWNER/REPO, or its folder."
        )
    return name


def folder_name(path: str) -> str:
    """Return the name under which a model's folder is kept: that of the repository, or of the folder, that it was in.

    Names that mean something else get the owner's in front.

    Raises:
        InvalidRequest: it is none that a folder can have everywhere.
    """
    owner, name = PurePosixPath(f"x/{path}").parts[-2:]
    name = f"{owner}-{name}" if name.lower() in _TAKEN else name
    if not _FOLDER.fullmatch(name) or is_reserved(name):
        raise InvalidRequest(
            f"{name[:200]!r} is no name for a model's folder (letters, digits and .-_, and no ending of a file). Rename it."
        )
    return name


def is_reserved(name: str) -> bool:
    """Return whether a file of this name is a device on some systems."""
    return bool(_RESERVED.fullmatch(name))


def fingerprint(text: str) -> str:
    """Return a hash of what was asked for: an address may hold a secret, which is not written down."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
