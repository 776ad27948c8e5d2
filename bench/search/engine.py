"""What every engine here is to the benches: it answers a question with item codes, best first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Item = dict[str, Any]  # as the core's contract has it (core/types.py, Item)


@dataclass(frozen=True, slots=True)
class Answer:
    """`codes`: best first. `sure`: false when the engine says that it has no such item."""

    codes: Sequence[str]
    sure: bool


class Engine(Protocol):
    """Built over items once, then asked."""

    def find(self, text: str, limit: int) -> Answer: ...

    def close(self) -> None: ...


Build = Callable[[list[Item]], Engine]
