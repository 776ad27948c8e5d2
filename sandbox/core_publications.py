"""What the core makes public beside its items, and its feed: the newest record of every id, by growing seq."""

import hashlib
from pathlib import Path
from typing import Any

import orjson
from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book
from sandbox.feed import next_seq, page

OWN = Path(__file__).parent / "publications.jsonl"
KINDS = ("notice", "policy", "intermediary", "exposure")
_NEEDED = ("id", "title", "body", "published_at")


class Publications:
    def __init__(self, book: Book) -> None:
        self._book = book

    def load(self) -> int:
        """Our own file into the feed. What is as it was last time stays as it is, so that what was changed by hand outlives a restart."""
        raw = OWN.read_bytes()
        loaded = {"digest": hashlib.sha256(raw).hexdigest()}
        if self._book.get("counter", "publications-loaded") == loaded:
            return 0
        own = [orjson.loads(line) for line in raw.splitlines() if line.strip()]
        with self._book.together():
            self._book.put("counter", "publications-loaded", loaded)
            return sum(self._upsert(one) for one in own)

    async def page(self, request: Request) -> HTTPResponse:
        """GET /core/v1/publications?cursor=&limit="""
        return page(self._book, "publication", request, usual=40)

    async def change(self, request: Request) -> HTTPResponse:
        """World control: POST /world/core/publications {publication}: a new one, or a new version of one."""
        given = body_of(request)
        wrong = [f"缺少 {field}" for field in _NEEDED if not isinstance(given.get(field), str) or not given[field]]
        if given.get("kind") not in KINDS:
            wrong.append(f"kind 应为 {'、'.join(KINDS)} 之一")
        wrong += [f"{kind} 类要有 {kind}" for kind in KINDS[2:] if given.get("kind") == kind and not isinstance(given.get(kind), dict)]
        if wrong:
            return refused(422, "bad_publication", "这条公开信息不完整", wrong)
        with self._book.together():
            self._upsert(given)
        return json(self._record(given["id"]))

    async def remove(self, request: Request, publication: str) -> HTTPResponse:
        """World control: DELETE /world/core/publications/{id}"""
        at = self._book.get("publication_at", publication)
        if at is None or not at["live"]:
            return refused(404, "unknown_publication", "没有这条公开信息")
        with self._book.together():
            self._put(publication, at["version"] + 1, None)
        return json({"removed": publication})

    def _record(self, publication: str) -> dict[str, Any] | None:
        at = self._book.get("publication_at", publication)
        return None if at is None else self._book.get("publication", at["place"])

    def _upsert(self, given: dict[str, Any]) -> bool:
        before = self._record(given["id"])
        version = 1 if before is None else before["version"] + 1
        if before is not None and before["publication"] == {**given, "version": before["version"]}:
            return False
        self._put(given["id"], version, {**given, "version": version})
        return True

    def _put(self, publication: str, version: int, content: dict[str, Any] | None) -> None:
        """The newest record of an id replaces the one before, at the end of the feed."""
        if (before := self._book.get("publication_at", publication)) is not None:
            self._book.take("publication", before["place"])
        seq = next_seq(self._book, "publications")
        record = {"seq": seq, "op": "upsert" if content else "remove", "id": publication, "version": version, "publication": content}
        self._book.put("publication", f"{seq:012d}", record)
        self._book.put("publication_at", publication, {"place": f"{seq:012d}", "version": version, "live": content is not None})
