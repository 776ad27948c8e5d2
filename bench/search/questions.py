"""Questions files: JSON lines {text, codes, style, turn?}. Second turns of dialogues name no item and are left out."""

import json
from dataclasses import dataclass
from pathlib import Path

_ROUNDS = ("{}", "请问{}", "{}谢谢")
OWN = Path(__file__).parents[1] / "questions" / "own.jsonl"


class BadQuestions(Exception):
    """The file cannot be used; the message says which line and why."""


@dataclass(frozen=True, slots=True)
class Question:
    """`codes`: every item that is a right answer; empty when the catalogue has none."""

    text: str
    codes: frozenset[str]
    style: str


def rounds(texts: list[str]) -> list[str]:
    """Every question three times, in other words each time: it is not a cache of answers that shall be timed."""
    return [wording.replace("{}", text) for wording in _ROUNDS for text in texts]


def warming(texts: list[str]) -> list[str]:
    """Twenty of them in yet other words, for before the clock runs."""
    return [f"你好，{text}" for text in texts[:20]]


def read(path: Path) -> list[Question]:
    """First turns in the file's order. Raises BadQuestions."""
    found = []
    try:
        lines = path.read_bytes().splitlines()  # bytes: only line ends end a line, no U+2028 inside a question
    except OSError as exc:
        raise BadQuestions(f"{path} 读不了：{exc}") from exc
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if row.get("turn") in (None, 1):
                found.append(Question(_text(row["text"]), frozenset(map(_text, row["codes"])), _text(row.get("style") or "none")))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise BadQuestions(f"{path} 第 {number} 行读不懂：{exc!r}") from exc
    if not found:
        raise BadQuestions(f"{path} 里没有问题")
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} 应为文字")
    return value
