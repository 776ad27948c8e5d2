"""The operators' file of theme packages (一件事): read, checked, and read again when it changes on disk.

A broken file never takes the good one away: the old copy goes on serving and the log says what is wrong and where.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from content.material_list import bare, same_papers
from kit.errors import Unavailable

log = logging.getLogger(__name__)

BUILT_IN = Path(__file__).parent / "defaults" / "packages.json"
LOOK_AGAIN = 1.0  # seconds between two looks at the file's time stamp
MAX_BYTES = 2 * 1024 * 1024

Words = Annotated[str, Field(min_length=1, max_length=200)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class WantedItem(_Row):
    """One matter of a step: by code in a catalogue that has it, otherwise by a name that is exactly equal."""

    name: Words  # what residents read where the catalogue has no such item
    codes: list[Words] = []
    names: list[Words] = []  # compared with an item's name, short name, everyday names and catalogue name; `name` counts too

    @property
    def all_names(self) -> list[str]:
        return [self.name, *self.names]


class Step(_Row):
    """`one_of`: its items stand for each other (an individual business or a company)."""

    title: Words
    items: Annotated[list[WantedItem], Field(min_length=1)]
    one_of: bool = False


class Package(_Row):
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")]
    name: Words
    audience: Annotated[list[Words], Field(min_length=1)]
    description: Words
    steps: Annotated[list[Step], Field(min_length=1)]


class Book(_Row):
    """The whole file. `same_material`: a paper's usual name -> its other names."""

    same_material: dict[str, list[str]] = {}
    packages: Annotated[list[Package], Field(min_length=1)]

    @model_validator(mode="after")
    def _no_contradictions(self) -> "Book":
        ids = [one.id for one in self.packages]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"packages: id used twice: {', '.join(twice)}")
        usual = {bare(name) for name in self.same_material}
        seen: set[str] = set()
        for name in [other for others in self.same_material.values() for other in map(bare, others)]:
            if name in usual or name in seen:
                raise ValueError(f"same_material: {name} stands for two papers")
            seen.add(name)
        return self

    @property
    def same(self) -> Mapping[str, str]:
        return same_papers(self.same_material)


class BrokenFile(Exception):
    """`problems`: one line each, saying where."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read(raw: bytes) -> Book:
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
        return Book.model_validate(data)
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


class PackageFile:
    """Built once per process. `book` looks at the file at most once a second."""

    def __init__(self, path: Path = BUILT_IN, *, look_again: float = LOOK_AGAIN) -> None:
        self.path = path
        self.edition = 0  # grows with every good version read
        self._look_again = look_again
        self._next_look = 0.0
        self._stamp: _Stamp | None = None
        self._book: Book | None = None
        self._complaint: list[str] = []
        self._looking = asyncio.Lock()

    async def book(self) -> Book:
        """The newest good version. Raises Unavailable if there has never been one since the process started."""
        if time.monotonic() >= self._next_look:
            async with self._looking:
                if time.monotonic() >= self._next_look:
                    await asyncio.to_thread(self._look)
                    self._next_look = time.monotonic() + self._look_again
        if self._book is None:
            raise Unavailable("packages_unavailable", "一件事清单暂时无法显示，请稍后再试，或直接搜索要办的事项", retry_after=30)
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
            self._book = read(self.path.read_bytes())
        except BrokenFile as exc:
            self._stamp = stamp
            self._complain(exc.problems)
        except OSError as exc:
            self._complain([exc.strerror or type(exc).__name__])
        else:
            self._stamp, self._complaint = stamp, []
            self.edition += 1
            log.info("packages read", extra={"file": str(self.path), "packages": len(self._book.packages)})

    def _complain(self, problems: list[str]) -> None:
        if problems != self._complaint:
            log.error("packages not read", extra={"file": str(self.path), "problems": problems, "old_kept": self._book is not None})
        self._complaint = problems
