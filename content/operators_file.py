"""A file that operators keep: read, checked, and read again when it changes on disk.

A broken file never takes the good one away: the old copy goes on serving and the log says what is wrong and where.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from kit.errors import Unavailable

log = logging.getLogger(__name__)

LOOK_AGAIN = 1.0  # seconds between two looks at the file's time stamp
MAX_BYTES = 2 * 1024 * 1024


class Row(BaseModel):
    """Nothing but what is declared, and of just that type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


T = TypeVar("T", bound=Row)


class BrokenFile(Exception):
    """`problems`: one line each, saying where."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def parsed(raw: bytes, shape: type[T]) -> T:
    """Raises BrokenFile with everything that is wrong: the line where it is no JSON, else the path of each wrong field."""
    try:
        data = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_no_key_twice)
    except UnicodeDecodeError as exc:
        raise BrokenFile([f"not UTF-8 at byte {exc.start}"]) from exc
    except json.JSONDecodeError as exc:
        raise BrokenFile([f"line {exc.lineno}, column {exc.colno}: {exc.msg}"]) from exc
    except (ValueError, RecursionError) as exc:
        raise BrokenFile([str(exc)]) from exc
    try:
        return shape.model_validate(data)
    except ValidationError as exc:
        raise BrokenFile([f"{_path(error['loc'])}: {error['msg']}" for error in exc.errors()[:50]]) from exc


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key used twice: {', '.join(sorted({key for key in keys if keys.count(key) > 1}))}")
    return found


def _path(loc: tuple[int | str, ...]) -> str:
    """("packages", 3, "steps", 0, "title") -> packages[3].steps[0].title"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".") or "file"


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What changes when a file is written or replaced."""

    inode: int
    size: int
    changed: int  # nanoseconds


class OperatorsFile(Generic[T]):
    """Built once per process. `what` it holds, for the log; `missing`: makes what is raised as long as there was no good one."""

    def __init__(self, path: Path, shape: type[T], what: str, missing: Callable[[], Unavailable], *, look_again: float = LOOK_AGAIN) -> None:
        self.path = path
        self.edition = 0  # grows with every good version read
        self._shape, self._what, self._missing = shape, what, missing
        self._look_again = look_again
        self._next_look = 0.0
        self._stamp: _Stamp | None = None
        self._book: T | None = None
        self._complaint: list[str] = []
        self._looking = asyncio.Lock()

    async def book(self) -> T:
        """The newest good version. Raises Unavailable if there has never been one since the process started."""
        if time.monotonic() >= self._next_look:
            async with self._looking:
                if time.monotonic() >= self._next_look:
                    await asyncio.to_thread(self._look)
                    self._next_look = time.monotonic() + self._look_again
        if self._book is None:
            raise self._missing()
        return self._book

    def _look(self) -> None:
        """Each version of the file is read, and complained about, once."""
        try:
            stat = os.stat(self.path)
            stamp = _Stamp(stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if stamp == self._stamp:
                return
            if stat.st_size > MAX_BYTES:
                raise BrokenFile([f"larger than {MAX_BYTES} bytes"])
            self._book = parsed(self.path.read_bytes(), self._shape)
        except BrokenFile as exc:
            self._stamp = stamp
            self._complain(exc.problems)
        except OSError as exc:
            self._complain([exc.strerror or type(exc).__name__])
        else:
            self._stamp, self._complaint = stamp, []
            self.edition += 1
            log.info(f"{self._what} read", extra={"file": str(self.path), "edition": self.edition})

    def _complain(self, problems: list[str]) -> None:
        if problems != self._complaint:
            log.error(f"{self._what} not read", extra={"file": str(self.path), "problems": problems, "old_kept": self._book is not None})
        self._complaint = problems
