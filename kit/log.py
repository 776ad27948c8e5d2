"""JSON logs on stderr. Whatever looks like an ID number, phone, token or openid is masked before it is written."""

import logging
import re
import sys
import time
import traceback
from contextvars import ContextVar
from typing import Any

import orjson

request_id: ContextVar[str] = ContextVar("request_id", default="")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_MASKS = (
    # citizen ID (18, or 15 of old), mainland mobile, then long opaque secrets: bearer tokens, openids, session keys
    (re.compile(r"(?<![0-9A-Za-z])\d{6}(?:18|19|20)\d{9}[0-9Xx](?![0-9A-Za-z])"), "<id-number>"),
    (re.compile(r"(?<![0-9A-Za-z])[1-9]\d{5}\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}(?![0-9A-Za-z])"), "<id-number>"),
    (re.compile(r"(?<![0-9A-Za-z])(?:\+?86)?1[3-9]\d{9}(?![0-9A-Za-z])"), "<phone>"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[0-9a-z._~+/=-]{8,}"), r"\1 <token>"),
    (
        re.compile(
            r"(?i)((?:access_|refresh_|auth_)?token|secret|session_key|js_code|auth_code|code|sign(?:ature)?)([=:]\s*[\"']?)[0-9a-z._~+/=%-]{8,}"
        ),
        r"\1\2<token>",
    ),
    (re.compile(r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])"), "<openid>"),
    (re.compile(r"(?<![0-9A-Za-z])2088\d{12}(?![0-9A-Za-z])"), "<alipay-user>"),
)


def mask(text: str) -> str:
    """The text with personal data and secrets replaced by what kind of thing stood there."""
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at (UTC), level, logger, event, request_id and the `extra` fields."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        if current := request_id.get():
            entry["request_id"] = current
        entry |= {key: value for key, value in vars(record).items() if key not in _STANDARD and not key.startswith("_")}
        if record.exc_info and record.exc_info[0] is not None:
            entry["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return mask(orjson.dumps(entry, default=str).decode())


def setup(level: str = "INFO") -> None:
    """Route every logger of this process through the masking formatter. Call once, at start."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("pymongo", "motor", "asyncio", "sanic.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for name in ("sanic.root", "sanic.error", "sanic.server"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
