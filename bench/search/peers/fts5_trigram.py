"""SQLite FTS5 with its trigram tokenizer, in memory: any of the question's trigrams, best bm25() first."""

import re
import sqlite3

from bench.search.engine import Answer, Engine, Item
from bench.search.words import fields

_RUN = re.compile(r"\w+")


class Fts5Trigram:
    def __init__(self, items: list[Item]) -> None:
        self._db = sqlite3.connect(":memory:")
        self._db.execute("CREATE VIRTUAL TABLE item USING fts5(code UNINDEXED, text, tokenize='trigram')")
        rows = ((item["code"], "\n".join(fields(item).values())) for item in items)
        self._db.executemany("INSERT INTO item VALUES (?, ?)", rows)
        self._db.execute("INSERT INTO item(item) VALUES ('optimize')")

    def find(self, text: str, limit: int) -> Answer:
        trigrams = dict.fromkeys(run[at : at + 3] for run in _RUN.findall(text) for at in range(len(run) - 2))
        if not trigrams:
            return Answer([], sure=False)
        asked = " OR ".join(f'"{one}"' for one in trigrams)
        rows = self._db.execute("SELECT code FROM item WHERE item MATCH ? ORDER BY bm25(item) LIMIT ?", (asked, limit)).fetchall()
        return Answer([code for (code,) in rows], sure=bool(rows))

    def close(self) -> None:
        self._db.close()


def build(items: list[Item]) -> Engine:
    return Fts5Trigram(items)
