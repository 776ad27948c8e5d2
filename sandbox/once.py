"""An act that may be asked twice and is done once: the key that names it, and whether it is the same act again."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import orjson
from sanic import HTTPResponse, Request

from sandbox.answers import refused

Json = dict[str, Any]
_ID = re.compile(r"[0-9A-Za-z_.:|*-]{1,64}")


def is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_text(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and least <= len(value) <= most


def wrong(request: Request, asked: Json, rules: dict[str, Callable[[Any], bool]], own: str) -> HTTPResponse | None:
    """A refusal if a field is wrong, or the Idempotency-Key is not what stands under `own`."""
    bad = [name for name, fits in rules.items() if not fits(asked.get(name))]
    if bad or request.headers.get("idempotency-key") != asked[own]:
        return refused(422, "bad_request", f"参数不对，或 Idempotency-Key 与 {own} 不一致", bad)
    return None


def digest(asked: Json) -> str:
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()
