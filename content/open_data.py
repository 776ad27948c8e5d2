"""The catalogue for anyone to take away: JSON lines or CSV, in one order, and a description of every field.

Built from the core's items alone; nothing about a resident is near it.
"""

import csv
import hashlib
import io
from collections.abc import AsyncGenerator, Iterable
from typing import Any, Literal

import orjson

from content.open_data_fields import FIELDS
from content.open_data_store import Edition, Snapshot

Format = Literal["jsonl", "csv"]
MEDIA: dict[Format, str] = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
_BOM = b"\xef\xbb\xbf"  # without it Excel takes UTF-8 for the machine's own code page
_COLUMNS = tuple(field.name for field in FIELDS)
# What Excel, WPS and LibreOffice take for the start of a formula, full-width forms and the tab and line ends they skip included (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_WRITING = 1  # grows when the same items are written differently


def etag(edition: Edition, form: Format, region: str | None) -> str:
    """Strong: the same tag, the same bytes; so a new column and a database put back to an earlier day change it too."""
    told = f"{edition} {form} {region} {_WRITING} {_COLUMNS}"
    return f'"{edition.revision}-{form}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"'


async def lines(snapshot: Snapshot, form: Format, region: str | None) -> AsyncGenerator[bytes, None]:
    """One piece per batch of items; closes the snapshot when it ends or is closed."""
    try:
        if form == "csv":
            yield _BOM + _csv([_COLUMNS])
        after = ""
        while items := await snapshot.batch(after, region):
            rows = [{name: item.get(name) for name in _COLUMNS} for item in items]
            yield _csv(map(_cell, row.values()) for row in rows) if form == "csv" else b"".join(orjson.dumps(row) + b"\n" for row in rows)
            after = items[-1]["code"]
    finally:
        await snapshot.close()


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)  # RFC 4180: CRLF, quotes doubled
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """Empty: not recorded. Lists and objects as JSON, so that "none" ([]) and "not recorded" stay apart."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"'{text}" if text.startswith(_FORMULA) else text
