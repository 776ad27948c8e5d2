"""Search over the catalogue: a tantivy index in memory, built from the store and swapped in whole when the catalogue changes.

Han text is indexed as single characters and character pairs (measured ahead of word segmentation alone on residents' questions).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import tantivy

MAX_QUERY = 200  # characters; more is cut: the end of a long message holds the question
_HAN = re.compile(r"[㐀-鿿豈-﫿\U00020000-\U000323af]+")
_WORD = re.compile(r"[0-9a-z]+")
_FIELDS = {"name": 4.0, "everyday": 4.0, "catalogue": 1.0, "about": 0.3}
INDEXED = ("code", "name", "short_name", "everyday_names", "catalogue_name", "department", "region", "audience", "themes", "materials.name")
_FILTERS = ("theme", "audience", "region", "department")


@dataclass(frozen=True, slots=True)
class Found:
    """One hit, enough for a list entry. `score` only when there was a query."""

    code: str
    name: str
    department: str
    score: float | None


@dataclass(frozen=True, slots=True)
class Filters:
    theme: str | None = None
    audience: str | None = None
    region: str | None = None
    department: str | None = None


def tokens(text: str) -> list[str]:
    """Characters and pairs of Han runs, whole Latin words and numbers; width and case folded."""
    folded = unicodedata.normalize("NFKC", text).lower()
    found = _WORD.findall(folded)
    for run in _HAN.findall(folded):
        found.extend(run)
        found.extend(run[i : i + 2] for i in range(len(run) - 1))
    return found


class Index:
    """Immutable once built; a new catalogue revision gets a new one."""

    def __init__(self, items: Iterable[dict[str, Any]], revision: int) -> None:
        self.revision = revision
        self._listed: list[tuple[str, str, str]] = []
        builder = tantivy.SchemaBuilder()
        for field in _FIELDS:
            builder.add_text_field(field, tokenizer_name="whitespace")
        for field in _FILTERS:
            builder.add_text_field(field, tokenizer_name="raw")
        builder.add_integer_field("place", stored=True, indexed=False, fast=True)
        self._schema = builder.build()
        self._index = tantivy.Index(self._schema)
        writer = self._index.writer(heap_size=15_000_000, num_threads=1)
        for item in sorted(items, key=lambda one: one["code"]):
            writer.add_document(self._document(item))
        writer.commit()
        self._index.reload()
        self._searcher = self._index.searcher()

    def _document(self, item: dict[str, Any]) -> Any:
        place = len(self._listed)
        self._listed.append((item["code"], item["name"], item["department"]["name"]))
        everyday = [*item["everyday_names"], *filter(None, [item["short_name"]])]
        about = [item["department"]["name"], *item["themes"], *(one["name"] for one in item.get("materials") or ())]
        region = item["region"] or {}
        return tantivy.Document(
            name=" ".join(tokens(item["name"])),
            everyday=" ".join(tokens(" ".join(everyday))),
            catalogue=" ".join(tokens(item["catalogue_name"] or "")),
            about=" ".join(tokens(" ".join(about))),
            theme=list(item["themes"]),
            audience=list(item["audience"]),
            region=[region["code"]] if region else [],
            department=[item["department"]["name"]],
            place=place,
        )

    def find(self, query: str, filters: Filters, offset: int, limit: int) -> tuple[list[Found], int]:
        """(hits, total). Without words in the query: every item the filters leave, by code."""
        words = tokens(query.strip()[-MAX_QUERY:])
        if query.strip() and not words:
            return [], 0
        scored = self._words(words) if words else tantivy.Query.const_score_query(tantivy.Query.all_query(), 1.0)
        parts = [(tantivy.Occur.Must, scored), *self._filters(filters)]
        asked = tantivy.Query.boolean_query(parts)
        if words:
            result = self._searcher.search(asked, limit=limit, offset=offset, count=True)
            return [self._found(address, score) for score, address in result.hits], int(result.count)  # type: ignore[attr-defined]  # there, but missing from the stubs
        result = self._searcher.search(asked, limit=limit, offset=offset, count=True, order_by_field="place", order=tantivy.Order.Asc)
        return [self._found(address, None) for _, address in result.hits], int(result.count)  # type: ignore[attr-defined]  # there, but missing from the stubs

    def _words(self, words: list[str]) -> Any:
        wanted = []
        for field, weight in _FIELDS.items():
            terms = [(tantivy.Occur.Should, tantivy.Query.term_query(self._schema, field, word)) for word in dict.fromkeys(words)]
            wanted.append((tantivy.Occur.Should, tantivy.Query.boost_query(tantivy.Query.boolean_query(terms), weight)))
        return tantivy.Query.boolean_query(wanted)

    def _filters(self, filters: Filters) -> list[Any]:
        asked = ((field, getattr(filters, field)) for field in _FILTERS)
        return [
            (tantivy.Occur.Must, tantivy.Query.const_score_query(tantivy.Query.term_query(self._schema, field, value), 0.0))
            for field, value in asked
            if value
        ]

    def _found(self, address: Any, score: float | None) -> Found:
        code, name, department = self._listed[self._searcher.doc(address)["place"][0]]
        return Found(code, name, department, None if score is None else round(score, 3))
