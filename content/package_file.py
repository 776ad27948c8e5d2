"""The operators' file of theme packages (一件事): read, checked, and read again when it changes on disk.

A broken file never takes the good one away: the old copy goes on serving and the log says what is wrong and where.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from content.material_list import bare, same_papers
from content.operators_file import LOOK_AGAIN, OperatorsFile, Row, parsed
from kit.errors import Unavailable

BUILT_IN = Path(__file__).parent / "defaults" / "packages.json"

Words = Annotated[str, Field(min_length=1, max_length=200)]


class WantedItem(Row):
    """One matter of a step: by code in a catalogue that has it, otherwise by a name that is exactly equal."""

    name: Words  # what residents read where the catalogue has no such item
    codes: list[Words] = Field(default=[])
    names: list[Words] = Field(default=[])  # compared with an item's name, short name, everyday names and catalogue name; `name` counts too

    @property
    def all_names(self) -> list[str]:
        return [self.name, *self.names]


class Step(Row):
    """`one_of`: its items stand for each other (an individual business or a company)."""

    title: Words
    items: Annotated[list[WantedItem], Field(min_length=1)]
    one_of: bool = False


class Package(Row):
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")]
    name: Words
    audience: Annotated[list[Words], Field(min_length=1)]
    description: Words
    steps: Annotated[list[Step], Field(min_length=1)]


class Book(Row):
    """The whole file. `same_material`: a paper's usual name -> its other names."""

    same_material: dict[str, list[str]] = Field(default={})
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


def read(raw: bytes) -> Book:
    """Raises BrokenFile."""
    return parsed(raw, Book)


class PackageFile(OperatorsFile[Book]):
    """`book` raises Unavailable if there has never been a good one since the process started."""

    def __init__(self, path: Path = BUILT_IN, *, look_again: float = LOOK_AGAIN) -> None:
        super().__init__(path, Book, "packages", _missing, look_again=look_again)


def _missing() -> Unavailable:
    return Unavailable("packages_unavailable", "一件事清单暂时无法显示，请稍后再试，或直接搜索要办的事项", retry_after=30)
