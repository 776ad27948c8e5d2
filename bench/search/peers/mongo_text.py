"""Mongo's own $text over jieba's words joined by spaces, language "none", on a private real mongod: what needs no second store."""

import shutil
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from bench.search.engine import Answer, Engine, Item
from bench.search.words import cut, item_words
from kit.embedded import Mongod

_BATCH = 1000
_SCORE = {"$meta": "textScore"}


class MongoText:
    def __init__(self, items: list[Item]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="zhangban-bench-mongo-"))
        self._mongod = Mongod(self._folder)
        try:
            self._mongod.start()
            self._client: MongoClient[dict[str, Any]] = MongoClient(self._mongod.url)
            self._items = self._client["bench"]["items"]
            rows = ({"_id": item["code"], "words": " ".join(item_words(item))} for item in items)
            while batch := list(islice(rows, _BATCH)):
                self._items.insert_many(batch, ordered=False)
            self._items.create_index([("words", "text")], default_language="none")
        except BaseException:
            self._give_back()
            raise

    def find(self, text: str, limit: int) -> Answer:
        # A word per blank: no quotes and no leading minus reach the query language.
        asked = {"$text": {"$search": " ".join(cut(text))}}
        rows = self._items.find(asked, {"score": _SCORE}).sort([("score", _SCORE)]).limit(limit)
        codes = [row["_id"] for row in rows]
        return Answer(codes, sure=bool(codes))

    def close(self) -> None:
        self._client.close()
        self._give_back()

    def _give_back(self) -> None:
        self._mongod.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def build(items: list[Item]) -> Engine:
    return MongoText(items)
