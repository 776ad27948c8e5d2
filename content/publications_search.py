"""Search over publications: a tantivy index in memory, by characters and character pairs, swapped in whole when the feed's revision moves.

A list without a query is newest first and paged by what was last seen, so that a notice published meanwhile shifts nothing.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import tantivy

from content.asked import LONGEST
from content.text import HAN, characters, folded, pairs
from core.publications import Kind

MAX_OFFSET = 1000  # hits of a query that can be paged through
_FIELDS = {"title": 4.0, "about": 1.0, "body": 0.5}
_NEVER = 2**60  # ms; after any date
_CURSOR = re.compile(r"(?P<ms>-?\d{1,15})_(?P<id>[0-9A-Za-z_.:-]{1,64})|(?P<offset>\d{1,4})")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list. `published_at` as the feed gave it (RFC 3339)."""

    id: str
    kind: Kind
    title: str
    summary: str | None
    department: str | None
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """`found` is (entry, score); the score only when there was a query."""

    found: list[tuple[Entry, float | None]]
    total: int
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """`cursor` is one a page gave, or "" from the start."""

    query: str = ""
    kind: Kind | None = None
    item_code: str | None = None
    cursor: str = ""
    limit: int = 20


class BadCursor(ValueError):
    """Not one a page of this list gave."""


class PublicationIndex:
    """Immutable once built; a new revision of the feed gets a new one."""

    def __init__(self, publications: Iterable[dict[str, Any]], revision: int) -> None:
        self.revision = revision
        rows = sorted(((-_ms(one["published_at"]), one["id"], one) for one in publications), key=lambda row: row[:2])
        self._order = [row[:2] for row in rows]
        self._listed = [_entry(row[2]) for row in rows]
        builder = tantivy.SchemaBuilder()
        for field in _FIELDS:
            builder.add_text_field(field, tokenizer_name="whitespace")
        for field in ("kind", "item_code"):
            builder.add_text_field(field, tokenizer_name="raw")
        for field in ("starts", "ends", "place"):
            builder.add_integer_field(field, stored=field == "place", indexed=True, fast=True)
        self._schema = builder.build()
        index = tantivy.Index(self._schema)
        writer = index.writer(heap_size=15_000_000, num_threads=1)
        for place, (_, _, one) in enumerate(rows):
            writer.add_document(_document(one, place))
        writer.commit()
        index.reload()
        self._searcher = index.searcher()

    def find(self, wanted: Wanted, at: datetime) -> Page:
        """What is published and not expired at that moment. Raises BadCursor."""
        singles, pairs = tokens(wanted.query.strip()[-LONGEST:])
        if not wanted.query.strip():
            return self._listing(wanted, at)
        offset = _offset(wanted.cursor)
        for words in filter(None, (pairs, singles)):  # characters alone only where no pair or word is found: they are in everything
            asked = [(tantivy.Occur.Must, self._words(words)), *self._filters(wanted, at)]
            if words is pairs:
                asked.append((tantivy.Occur.Should, self._words(singles)))
            result = self._searcher.search(tantivy.Query.boolean_query(asked), limit=wanted.limit, offset=offset, count=True)
            if total := int(result.count):  # type: ignore[attr-defined]  # there, but missing from the stubs
                found = [(self._entry(address), round(score, 3)) for score, address in result.hits]
                after = offset + len(found)
                return Page(found, total, str(after) if found and after < min(total, MAX_OFFSET) else None)
        return Page([], 0, None)

    def _listing(self, wanted: Wanted, at: datetime) -> Page:
        asked = [(tantivy.Occur.Must, tantivy.Query.all_query()), *self._filters(wanted, at)]
        count = self._searcher.search(tantivy.Query.boolean_query(asked), limit=1, count=True).count  # type: ignore[attr-defined]  # as above
        if wanted.cursor:
            rest = tantivy.Query.range_query(self._schema, "place", tantivy.FieldType.Integer, bisect_right(self._order, _seen(wanted.cursor)), None)
            asked.append((tantivy.Occur.Must, rest))
        whole = tantivy.Query.boolean_query(asked)
        result = self._searcher.search(whole, limit=wanted.limit + 1, count=False, order_by_field="place", order=tantivy.Order.Asc)
        entries = [self._entry(address) for _, address in result.hits]
        page = entries[: wanted.limit]
        last = f"{int(page[-1].published_at.timestamp() * 1000)}_{page[-1].id}" if len(entries) > wanted.limit else None
        return Page([(entry, None) for entry in page], int(count), last)

    def _words(self, words: list[str]) -> tantivy.Query:
        wanted = []
        for field, weight in _FIELDS.items():
            terms = [(tantivy.Occur.Should, tantivy.Query.term_query(self._schema, field, word)) for word in words]
            wanted.append((tantivy.Occur.Should, tantivy.Query.boost_query(tantivy.Query.boolean_query(terms), weight)))
        return tantivy.Query.boolean_query(wanted)

    def _filters(self, wanted: Wanted, at: datetime) -> list[tuple[tantivy.Occur, tantivy.Query]]:
        moment = int(at.timestamp() * 1000)
        ranges = (("starts", None, moment), ("ends", moment + 1, None))
        asked = [tantivy.Query.range_query(self._schema, field, tantivy.FieldType.Integer, low, high) for field, low, high in ranges]
        given = (("kind", wanted.kind), ("item_code", wanted.item_code))
        asked += [tantivy.Query.term_query(self._schema, field, value) for field, value in given if value]
        return [(tantivy.Occur.Must, tantivy.Query.const_score_query(one, 0.0)) for one in asked]

    def _entry(self, address: Any) -> Entry:
        place: int = self._searcher.doc(address)["place"][0]
        return self._listed[place]


def tokens(text: str) -> tuple[list[str], list[str]]:
    """(single Han characters, Han pairs and whole Latin words and numbers), each once, of the folded text."""
    plain = folded(text)
    return list(dict.fromkeys(characters(plain))), list(dict.fromkeys(pair for pair in pairs(plain) if len(pair) > 1 or not HAN.match(pair)))


def _document(one: dict[str, Any], place: int) -> tantivy.Document:
    agency, exposed = one["intermediary"] or {}, one["exposure"] or {}
    about = [one["summary"], one["document_number"], (one["department"] or {}).get("name"), *agency.get("services", ()), agency.get("address")]
    body = [one["body"], exposed.get("problem"), exposed.get("reply"), agency.get("qualification"), *(each["name"] for each in one["attachments"])]
    return tantivy.Document(
        title=_indexed([one["title"]]),
        about=_indexed(about),
        body=_indexed(body),
        kind=[one["kind"]],
        item_code=list(one["item_codes"]),
        starts=_ms(one["published_at"]),
        ends=_ms(one["expires_at"]) if one["expires_at"] else _NEVER,
        place=place,
    )


def _indexed(texts: Iterable[str | None]) -> str:
    singles, pairs = tokens("\n".join(filter(None, texts)))
    return " ".join((*singles, *pairs))


def _entry(one: dict[str, Any]) -> Entry:
    department = (one["department"] or {}).get("name")
    return Entry(one["id"], one["kind"], one["title"], one["summary"], department, datetime.fromisoformat(one["published_at"]))


def _ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def _seen(cursor: str) -> tuple[int, str]:
    parts = _CURSOR.fullmatch(cursor)
    if parts is None or parts["id"] is None:
        raise BadCursor(cursor)
    return -int(parts["ms"]), parts["id"]


def _offset(cursor: str) -> int:
    parts = _CURSOR.fullmatch(cursor or "0")
    if parts is None or parts["offset"] is None:
        raise BadCursor(cursor)
    return min(int(parts["offset"]), MAX_OFFSET)
