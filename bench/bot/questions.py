"""Question files for the assistant: JSON lines {id, text, ask, ask_accept?, codes, answerable, style, dialog?, turn?, kind?}, as conversations."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parents[1] / "questions"
OWN = (FOLDER / "own.jsonl", FOLDER / "dialogues.jsonl", FOLDER / "asks.jsonl")
PARTS = frozenset({"materials", "fee", "time_limit", "location", "process", "conditions", "progress", "contact", "visits", "delivery", "overview"})
Kind = Literal["follow", "switch", "situation", "thanks"]


class BadQuestions(Exception):
    """The file cannot be used; the message says which line and why."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `asks`: every ask that is a right reading, `item_only` told as overview; `codes` empty: no item is the answer."""

    id: str
    text: str
    asks: frozenset[str]
    codes: frozenset[str]
    style: str
    number: int = 1
    kind: str = ""  # of later turns, where the file says it: follow | switch | situation | thanks
    labelled: bool = False  # whether the file says which readings are fair (ask_accept)


@dataclass(frozen=True, slots=True)
class Conversation:
    turns: tuple[Turn, ...]

    @property
    def first(self) -> Turn:
        return self.turns[0]


def set_name(path: Path) -> str:
    """dev for dev_questions*, own for our own files, else the stem: the end of every figure's name."""
    if path.resolve().parent == FOLDER:
        return "own"
    return "dev" if path.stem.startswith("dev_questions") else path.stem


def read(path: Path) -> list[Conversation]:
    """Conversations in the file's order, their turns by number. Raises BadQuestions."""
    found: dict[str, list[Turn]] = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError as exc:
        raise BadQuestions(f"{path} 读不了：{exc}") from exc
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found.setdefault(row.get("dialog") or f"line {place}", []).append(_turn(row, f"{path.stem}-{place}"))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise BadQuestions(f"{path} 第 {place} 行读不懂：{exc!r}") from exc
    if not found:
        raise BadQuestions(f"{path} 里没有问题")
    conversations = [Conversation(tuple(sorted(turns, key=lambda one: one.number))) for turns in found.values()]
    for one in conversations:
        if [turn.number for turn in one.turns] != list(range(1, len(one.turns) + 1)):
            raise BadQuestions(f"{path}：{one.first.id} 所在的对话缺了一轮")
    return conversations


def _turn(row: dict[str, Any], otherwise: str) -> Turn:
    asks = row.get("ask_accept") or [row["ask"]]
    named = [row.get("id") or otherwise, row["text"], row.get("style") or "none", *asks, *row["codes"]]
    if not all(isinstance(one, str) for one in named):
        raise TypeError(f"{named!r} 应为文字")
    return Turn(
        id=named[0],
        text=row["text"],
        asks=frozenset("overview" if one == "item_only" else one for one in asks),
        codes=frozenset(row["codes"]),
        style=named[2],
        number=int(row.get("turn") or 1),
        kind=row.get("kind") or "",
        labelled="ask_accept" in row,
    )
