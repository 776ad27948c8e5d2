"""Rows of any number in the order of their keys: sorted runs on disk, merged while they are read. At most RUN rows are in memory.

In a folder that the caller deletes. Holds order numbers and amounts, nothing about people.
"""

import heapq
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path

import orjson

from payments.match import Row

RUN = 20_000  # rows; about 8 MB, and 50 open files for a day of a million lines


class Spool:
    """Put rows in, then read them back in order, as often as wanted."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._waiting: list[Row] = []
        self._runs: list[Path] = []
        self.count = 0

    def put(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._waiting.append(row)
            self.count += 1
            if len(self._waiting) >= RUN:
                self._write()

    def rows(self) -> Iterator[Row]:
        """Keys are compared by code point, as Mongo's ids are."""
        self._write()
        return heapq.merge(*(_read(run) for run in self._runs), key=itemgetter(0))

    def _write(self) -> None:
        if not self._waiting:
            return
        run = self._folder / f"{self._name}.{len(self._runs)}"
        self._waiting.sort(key=itemgetter(0))
        with run.open("wb") as out:
            out.writelines(orjson.dumps(tuple(row), option=orjson.OPT_APPEND_NEWLINE) for row in self._waiting)
        self._runs.append(run)
        self._waiting = []


def _read(run: Path) -> Iterator[Row]:
    with run.open("rb") as lines:
        for line in lines:
            yield Row(*orjson.loads(line))
