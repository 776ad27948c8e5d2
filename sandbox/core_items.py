"""The core's catalogue and its feed: the newest record of every code, by growing seq."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now, stamp
from sandbox.feed import next_seq, page
from sandbox.lines import FORMATS, converted

CATALOGUE = Path(__file__).parent / "catalogue"

_DATED = ("effective_from", "effective_to", "replaced_by")  # of the record, not of the item


class BadCatalogue(Exception):
    """The file cannot be served; the message says which line and why."""


def read(path: Path | None) -> list[dict[str, Any]]:
    """Items of a Guangdong-format file, or of our own catalogue. Raises BadCatalogue."""
    found = []
    for file in [path] if path else sorted(CATALOGUE.glob("*.jsonl")):
        for one in converted(file.read_bytes().splitlines()):
            if "item" not in one:
                raise BadCatalogue(f"{file} 第 {one['line']} 行读不懂：{one['why']}")
            found.append(one["item"])
    return found


class Items:
    def __init__(self, book: Book) -> None:
        self._book = book
        self._names: dict[str, str] | None = None  # by code, once somebody has looked for one

    def load(self, items: list[dict[str, Any]], batch: str) -> int:
        """What changed gets a new version and seq, what vanished a tombstone; the rest stays. Returns how many changed.

        The same items as last time change nothing, so that what was changed by hand since outlives a restart.
        """
        loaded = {"digest": hashlib.sha256(orjson.dumps(items, option=orjson.OPT_SORT_KEYS)).hexdigest()}
        if self._book.get("counter", "items-loaded") == loaded:
            return 0
        with self._book.together():
            self._book.put("counter", "items-loaded", loaded)
            changed = sum(self._upsert(item, batch) for item in items)
            codes = {item["code"] for item in items}
            gone = [code for code, at in self._book.every("item_at") if at["live"] and code not in codes]
            return changed + sum(self._remove(code, batch) for code in gone)

    async def page(self, request: Request) -> HTTPResponse:
        """GET /core/v1/items?cursor=&limit="""
        return page(self._book, "feed", request)

    async def change(self, request: Request) -> HTTPResponse:
        """World control: POST /world/core/items {item, effective_from?, effective_to?, replaced_by?}: a new version of one item, or a new item."""
        item = body_of(request)
        missing = [field for field in ("code", "name") if not isinstance(item.get(field), str) or not item[field]]
        if missing:
            return refused(422, "bad_item", "事项至少要有 code 和 name", [f"缺少 {field}" for field in missing])
        more = {name: item.pop(name) for name in _DATED if name in item}
        with self._book.together():
            self._upsert(item, f"world-{stamp()}", more)
        return json(self.record(item["code"]))

    async def many(self, request: Request) -> HTTPResponse:
        """World control: POST /world/core/items/load {lines: [raw line, …], format: gd|items, batch?, first?} -> what became of each."""
        asked = body_of(request)
        lines, format, first = asked.get("lines"), asked.get("format", "gd"), asked.get("first", 1)
        wrong = [] if isinstance(lines, list) and all(isinstance(one, str) for one in lines) else ["lines 应为文字的列表"]
        wrong += [] if format in FORMATS else [f"format 应为 {'、'.join(FORMATS)}"]
        wrong += [] if isinstance(first, int) and not isinstance(first, bool) and first > 0 else ["first 应为正整数"]
        if wrong:
            return refused(422, "bad_request", "不能载入", wrong)
        found = list(converted(lines or [], first, format))
        good, batch = [one for one in found if "item" in one], str(asked.get("batch") or f"load-{stamp()}")
        with self._book.together():
            loaded = sum(self._upsert(one["item"], batch) for one in good)
        odd = [{"line": one["line"], "code": one["code"], **told} for one in good for told in one["odd"]]
        bad = [one for one in found if "item" not in one]
        told = [{"line": one["line"], "code": one["code"]} for one in good]
        return json({"loaded": loaded, "unchanged": len(good) - loaded, "good": told, "bad": bad, "odd": odd})

    async def raw(self, request: Request) -> HTTPResponse:
        """World control: POST /world/core/items/raw {record}: puts a record into the feed unchecked, to see what a bad one does."""
        record = body_of(request)
        seq = next_seq(self._book, "items")
        self._book.put(
            "feed", f"{seq:012d}", {"op": "upsert", "batch": "raw", "version": 1, "code": f"RAW{seq}", "item": record, **record, "seq": seq}
        )
        return json({"seq": seq})

    async def remove(self, request: Request, code: str) -> HTTPResponse:
        """World control: DELETE /world/core/items/{code}?replaced_by=<code>"""
        with self._book.together():
            if not self._remove(code, f"world-{stamp()}", {"replaced_by": request.args.getlist("replaced_by") or []}):
                return refused(404, "unknown_item", "没有这个事项")
        return json({"removed": code})

    async def named(self, request: Request) -> HTTPResponse:
        """World control: GET /world/core/items?q=: up to 20 whose name has it, for whoever plays a clerk."""
        if self._names is None:
            self._names = {body["code"]: _name_of(body) for _, body in self._book.every("feed") if body.get("op") == "upsert"}
        q = request.args.get("q") or ""
        found = [{"code": code, "name": name} for code, name in self._names.items() if q in name or q == code]
        return json({"items": sorted(found, key=lambda one: (len(one["name"]), one["name"]))[:20]})

    def record(self, code: str) -> dict[str, Any] | None:
        at = self._book.get("item_at", code)
        return None if at is None or not at["live"] else self._book.get("feed", at["place"])

    def _upsert(self, item: dict[str, Any], batch: str, more: dict[str, Any] | None = None) -> bool:
        """`more`: dates and successors of the record."""
        digest = _digest(item | (more or {}))
        at = self._book.get("item_at", item["code"])
        if at is not None and at["live"] and at["digest"] == digest:
            return False
        version = 1 if at is None else at["version"] + 1
        self._put(item["code"], version, batch, {**item, "version": version}, digest, more)
        return True

    def _remove(self, code: str, batch: str, more: dict[str, Any] | None = None) -> bool:
        at = self._book.get("item_at", code)
        if at is None or not at["live"]:
            return False
        self._put(code, at["version"] + 1, batch, None, "", more)
        return True

    def _put(self, code: str, version: int, batch: str, item: dict[str, Any] | None, digest: str, more: dict[str, Any] | None = None) -> None:
        """The newest record of a code replaces those before, at the end of the feed; one still to come leaves them there."""
        before = self._book.get("item_at", code) or {}
        earlier = [*before.get("earlier", []), before["place"]] if before else []
        if not _is_to_come(more or {}):
            for place in earlier:
                self._book.take("feed", place)
            earlier = []
        seq = next_seq(self._book, "items")
        record = {
            "seq": seq,
            "op": "upsert" if item else "remove",
            "code": code,
            "version": version,
            "batch": batch,
            "effective_from": stamp(),
            "item": item,
            **(more or {}),
        }
        self._book.put("feed", f"{seq:012d}", record)
        if self._names is not None:
            self._names.pop(code, None)
            self._names |= {code: _name_of(record)} if item else {}
        at = {"place": f"{seq:012d}", "version": version, "digest": digest, "live": item is not None, "earlier": earlier}
        self._book.put("item_at", code, at)


def _name_of(record: dict[str, Any]) -> str:
    return str((record.get("item") or {}).get("name"))


def _is_to_come(record: dict[str, Any]) -> bool:
    try:
        return datetime.fromisoformat(str(record.get("effective_from"))) > now()
    except (ValueError, TypeError):
        return False


def _digest(item: dict[str, Any]) -> str:
    """Of what the item says; the version is ours."""
    content = {key: value for key, value in item.items() if key != "version"}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
