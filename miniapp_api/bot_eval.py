"""`zhangban bot eval`: labelled questions through the public endpoint. What is counted is what a resident sees first; no answer counts as wrong."""

import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miniapp_api.bot_talk import NoAnswer, send
from miniapp_api.stack import Stack

Json = dict[str, Any]
OFFERED = 5
PARTS = {"item_only": "overview"}  # the file's word for a question that names no part


class BadFile(Exception):
    """One Chinese sentence."""


@dataclass(slots=True)
class Score:
    """Of the questions of one ask."""

    asked: int = 0
    item: int = 0  # the first answer card is of the right item
    part: int = 0  # and of the right part
    offered: int = 0  # the right item is among the first five in cards and buttons
    none: int = 0  # questions whose matter is not in the catalogue
    invented: int = 0  # of these, got an answer card all the same
    degraded: int = 0
    failed: list[str] = field(default_factory=list)  # ids

    def add(self, other: "Score") -> None:
        for name in ("asked", "item", "part", "offered", "none", "invented", "degraded"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failed += other.failed

    def count(self, question: Json, answer: Json | None) -> None:
        replies = answer["replies"] if answer else []
        cards = [card for reply in replies for card in reply.get("cards") or []]
        buttons = [button for reply in replies for button in reply.get("buttons") or []]
        first = next((card for card in cards if card["kind"] == "answer"), None)
        self.degraded += bool(answer and answer.get("degraded"))
        if not question["codes"]:
            self.none += 1
            self.invented += first is not None
            return
        right, wanted = set(question["codes"]), question["ask"]
        offered = list(dict.fromkeys(one["item_code"] for one in [*cards, *buttons] if one.get("item_code")))
        is_right = first is not None and first["item_code"] in right
        self.asked += 1
        self.item += is_right
        self.part += is_right and first is not None and first["part"] == PARTS.get(wanted, wanted)
        self.offered += not right.isdisjoint(offered[:OFFERED])


def main(file: Path, api: str, items: Path | None) -> int:
    """Exit code 0 whatever the score; 1: some questions got no answer; 2: file or address is wrong."""
    try:
        questions = read(file)
        with _served(api, items) as url:
            scores = run(questions, url)
    except (BadFile, NoAnswer) as exc:
        print(str(exc), file=sys.stderr)
        return 2
    print(told(scores), flush=True)
    failed = [one for score in scores.values() for one in score.failed]
    if failed:
        print(f"没有得到回答的 {len(failed)} 题（按答错算）：{'、'.join(failed[:20])}", file=sys.stderr)
    return 1 if failed else 0


def read(file: Path) -> list[Json]:
    """[{id, text, ask, codes, dialog?}] Raises BadFile."""
    questions: list[Json] = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise BadFile(f"文件不能读：{file}（{getattr(exc, 'strerror', None) or '不是 UTF-8 文字'}）") from exc
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                one = json.loads(line)
                questions.append({"id": f"第 {number} 行", **one, "text": str(one["text"]), "ask": str(one["ask"]), "codes": list(one["codes"])})
            except (ValueError, KeyError, TypeError) as exc:
                raise BadFile(f"{file} 第 {number} 行应为 JSON 对象，有 text、ask、codes") from exc
    if not questions:
        raise BadFile(f"{file} 里没有问题")
    return questions


def run(questions: list[Json], api: str) -> dict[str, Score]:
    """By ask. Turns of one dialog share a conversation. Raises NoAnswer when the very first question gets none."""
    scores: dict[str, Score] = defaultdict(Score)
    conversations: dict[str, str] = {}
    for number, question in enumerate(questions, 1):
        dialog = str(question.get("dialog") or "")
        score = scores[question["ask"] if question["codes"] else "（没有这个事项）"]
        try:
            answer = send(api, question["text"], conversations.get(dialog))
            if dialog:
                conversations[dialog] = answer["conversation_id"]
        except NoAnswer:
            if number == 1:
                raise
            answer = None
            score.failed.append(str(question["id"]))
        score.count(question, answer)
        if number % 50 == 0 or number == len(questions):
            print(f"已问 {number}/{len(questions)}", file=sys.stderr, flush=True)
    return dict(scores)


def told(scores: dict[str, Score]) -> str:
    """A table for people."""
    whole = Score()
    for score in scores.values():
        whole.add(score)
    rows = [f"{'问的内容':<14}{'题数':>6}{'事项对':>12}{'且内容对':>12}{'前五有':>12}"]
    rows += [_row(name, score) for name, score in [*sorted(scores.items()), ("合计", whole)] if score.asked]
    if whole.none:
        rows.append(f"目录里没有的 {whole.none} 题，其中给了答案的 {whole.invented} 题")
    if whole.degraded:
        rows.append(f"降级（只用检索）的回答 {whole.degraded} 次")
    return "\n".join(rows)


def _row(name: str, score: Score) -> str:
    shares = "".join(f"{f'{right} ({right / score.asked:.0%})':>14}" for right in (score.item, score.part, score.offered))
    return f"{name:<16}{score.asked:>6}{shares}"


@contextmanager
def _served(api: str, items: Path | None) -> Iterator[str]:
    """The given API, or one of our own over these items with Rasa ready."""
    if items is None:
        yield api
        return
    if not items.is_file():
        raise BadFile(f"找不到事项目录文件 {items}")
    with tempfile.TemporaryDirectory(prefix="zhangban-eval-") as folder:
        stack = Stack(Path(folder), items=items.resolve(), assistant=True, models=_models())
        try:
            stack.start(_say)
            stack.wait_assistant(say=_say)
            yield stack.api
        finally:
            stack.stop()


def _models() -> Path:
    """Those of `make run`: a training is paid for once."""
    return Path(os.environ.get("ZHANGBAN_DATA") or ".data").resolve()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
