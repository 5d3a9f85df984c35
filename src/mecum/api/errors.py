"""ONE table from exception to status, and the one body that errors have, for both contracts.

Invariant: every class of `mecum.errors` has a row, its own or its parent's, and every failure, also an unknown route, a
crash or an error in the middle of a stream, has this body (`tests/api/test_errors.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from mecum import errors
from mecum.types import Json

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """How a class of errors is answered. `retry` False tells clients that the same request will fail again."""

    status: int
    kind: str
    retry: bool | None = None
    close: bool = False  # the rest of the request's body is not read


TABLE: Mapping[type[errors.MecumError], Row] = {
    errors.InvalidRequest: Row(400, "invalid_request_error"),
    errors.NameTaken: Row(409, "invalid_request_error"),
    errors.ModelInUse: Row(409, "invalid_request_error"),
    errors.UnsupportedMediaType: Row(415, "invalid_request_error"),
    errors.BodyTooLarge: Row(413, "invalid_request_error", close=True),
    errors.BodyTooSlow: Row(400, "invalid_request_error", close=True),
    errors.Unauthorized: Row(401, "invalid_request_error", close=True),
    errors.Refused: Row(403, "permission_error"),
    errors.NotFound: Row(404, "invalid_request_error"),
    errors.Busy: Row(503, "server_error"),
    errors.QueueFull: Row(429, "rate_limit_error"),
    errors.RateLimited: Row(429, "rate_limit_error"),
    errors.EngineError: Row(502, "server_error"),
    errors.EngineDown: Row(503, "server_error"),
    errors.EngineRefused: Row(502, "server_error", retry=False),
    errors.StoreError: Row(500, "server_error"),
    errors.StoreFull: Row(507, "server_error", retry=False),
    errors.StartError: Row(500, "server_error", retry=False),
    errors.EngineStartError: Row(503, "server_error", retry=False),
    errors.StoreStartError: Row(500, "server_error", retry=False),
    errors.MecumError: Row(500, "server_error", retry=False),
}
CRASHED = errors.MecumError("Something went wrong inside mecum. The server's log has the details under this request's id.")


def row_of(error: errors.MecumError) -> Row:
    """Return the row of the error's class, or of the nearest parent that has one."""
    return next(TABLE[parent] for parent in type(error).__mro__ if parent in TABLE)


def body_of(error: errors.MecumError) -> Json:
    """Return the body for both contracts: the Local Chat API's fields and OpenAI's `error` object."""
    row = row_of(error)
    return _body(row.status, error.message, row.kind, error.param, error.code)


def response_of(error: errors.MecumError) -> Response:
    """Return the whole HTTP answer for an error."""
    row = row_of(error)
    return _response(row.status, body_of(error), _headers(error, row))


async def reported(work: Awaitable[None], report: Callable[[errors.MecumError], Awaitable[None]]) -> None:
    """Await work, and report how it failed: an expected error as it is, an unexpected one logged, as CRASHED."""
    try:
        await work
    except errors.MecumError as error:
        log.info("answer broke off: %s", error.code)
        await report(error)
    except Exception:  # the last place that can tell the client; the log has the traceback
        log.exception("unexpected error")
        await report(CRASHED)


def install(app: FastAPI) -> None:
    """Make the app answer every failure from the table. Crashes reach `middleware.RequestLog`, outside of all handlers."""
    app.add_exception_handler(errors.MecumError, _expected)
    app.add_exception_handler(HTTPException, _routing)


async def _expected(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.MecumError)  # noqa: S101 # Starlette's signature is wider than what it passes
    return response_of(error)


async def _routing(request: Request, error: Exception) -> Response:
    """Answer what the router refuses: an unknown URL, a method that a URL does not have."""
    assert isinstance(error, HTTPException)  # noqa: S101 # as above
    method, path = request.method[:16], request.url.path[:256]
    headers = dict(error.headers or {})
    if error.status_code == 404:
        message, code = f"There is nothing at {method} {path}. See /docs for what there is.", "not_found"
    elif error.status_code == 405:
        message, code = f"{path} does not answer {method}.", "method_not_allowed"
        headers |= _allow(request)
    else:
        message, code = str(error.detail), "invalid_request"
    body = _body(error.status_code, message, "invalid_request_error", None, code)
    return _response(error.status_code, body, headers)


def _allow(request: Request) -> dict[str, str]:
    """Return what a URL answers: each of its methods has a route of its own, and the router knows only the first."""
    routes = [route for route in request.app.router.routes if isinstance(route, Route)]
    path = next((route.path for route in routes if route.matches(request.scope)[0] is not Match.NONE), None)
    methods = {method for route in routes if route.path == path for method in route.methods or ()}
    return {"Allow": ", ".join(sorted(methods))} if methods else {}


def _headers(error: errors.MecumError, row: Row) -> dict[str, str]:
    headers = {"WWW-Authenticate": "Bearer"} if row.status == 401 else {}
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None and row.retry is not False:
        headers["Retry-After"] = str(retry_after)
    if row.retry is not None:
        headers["x-should-retry"] = str(row.retry).lower()
    if row.close:
        headers["Connection"] = "close"
    return headers


def _body(status: int, message: str, kind: str, param: str | None, code: str) -> Json:
    message = message or HTTPStatus(status).phrase
    inner = {"message": message, "type": kind, "param": param, "code": code}
    return {"success": False, "message": message, "code": status, "error": inner}


def _response(status: int, body: Json, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(body), status_code=status, headers=headers, media_type="application/json")
