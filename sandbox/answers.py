"""How the world answers: JSON, and refusals in Chinese that list everything wrong."""

from typing import Any

import orjson
from sanic import HTTPResponse, Request


def json(body: Any, status: int = 200) -> HTTPResponse:
    return HTTPResponse(orjson.dumps(body), status, content_type="application/json; charset=utf-8")


def refused(status: int, code: str, title: str, errors: list[str] | None = None) -> HTTPResponse:
    """application/problem+json of the core's contract and of the world controls."""
    body = {"code": code, "title": title, "status": status, "retryable": status >= 500, "errors": errors or []}
    return HTTPResponse(orjson.dumps(body), status, content_type="application/problem+json; charset=utf-8")


def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request; {} for anything else, so that missing fields are reported as missing."""
    try:
        parsed = orjson.loads(request.body or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
