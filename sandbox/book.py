"""What the outside world remembers: documents and append-only ledgers in one SQLite file, safe against a killed process."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

Json = dict[str, Any]

_TABLES = """
create table if not exists docs (kind text, id text, body blob, primary key (kind, id)) without rowid;
create table if not exists ledger (seq integer primary key, party text, body blob);
create index if not exists ledger_party on ledger (party, seq);
"""


def now() -> datetime:
    return datetime.now(UTC)


def stamp() -> str:
    """Milliseconds matter to those who measure."""
    return now().isoformat(timespec="milliseconds")


class Book:
    """Synchronous and single-threaded: every call is a few microseconds on a local file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "world.db", isolation_level=None)
        self._db.executescript("pragma journal_mode=wal; pragma synchronous=normal;" + _TABLES)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Everything inside is written, or nothing."""
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def get(self, kind: str, key: str) -> Json | None:
        row = self._db.execute("select body from docs where kind=? and id=?", (kind, key)).fetchone()
        return None if row is None else orjson.loads(row[0])

    def put(self, kind: str, key: str, body: Json) -> None:
        self._db.execute("insert or replace into docs values (?, ?, ?)", (kind, key, orjson.dumps(body)))

    def add(self, kind: str, key: str, body: Json) -> bool:
        """False if the key is taken."""
        return self._db.execute("insert or ignore into docs values (?, ?, ?)", (kind, key, orjson.dumps(body))).rowcount == 1

    def take(self, kind: str, key: str) -> Json | None:
        """Get and delete: for what may be used once."""
        row = self._db.execute("delete from docs where kind=? and id=? returning body", (kind, key)).fetchone()
        return None if row is None else orjson.loads(row[0])

    def every(self, kind: str, after: str = "", limit: int = -1) -> list[tuple[str, Json]]:
        """In the order of their keys, those after `after`."""
        rows = self._db.execute("select id, body from docs where kind=? and id>? order by id limit ?", (kind, after, limit))
        return [(key, orjson.loads(body)) for key, body in rows]

    def count(self, kind: str) -> int:
        return int(self._db.execute("select count(*) from docs where kind=?", (kind,)).fetchone()[0])

    def last(self, kind: str) -> str:
        row = self._db.execute("select max(id) from docs where kind=?", (kind,)).fetchone()
        return row[0] or ""

    def forget(self, kinds: list[str]) -> None:
        self._db.executemany("delete from docs where kind=?", [(kind,) for kind in kinds])
        self._db.execute("delete from ledger")

    def write(self, party: str, kind: str, **fields: Any) -> None:
        """One line in a party's ledger."""
        entry = {"at": stamp(), "kind": kind, **fields}
        self._db.execute("insert into ledger (party, body) values (?, ?)", (party, orjson.dumps(entry)))

    def entries(self, party: str) -> list[Json]:
        return [orjson.loads(row[0]) for row in self._db.execute("select body from ledger where party=? order by seq", (party,))]

    def close(self) -> None:
        self._db.close()
