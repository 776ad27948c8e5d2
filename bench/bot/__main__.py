"""`make bench-bot`: the assistant through its public endpoint, on a stack of its own: right answers, grounding, latency, peers."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.bot import audit, dump, latency, quality, questions, talk, together
from bench.bot.peers import degraded, rasa_defaults, search_alone
from bench.bot.quality import Judged, Share
from bench.bot.questions import BadQuestions, Conversation
from bench.bot.verdicts import judge_all
from bench.figures import progress
from bench.labels import compare
from kit.embedded import DidNotStart
from miniapp_api.stack import Stack
from sandbox.core_items import BadCatalogue, read

PEERS = {"search_alone": search_alone.ask, "degraded": degraded.ask, "rasa_defaults": rasa_defaults.ask}
PARTS = ("quality", "grounding", "latency", "peers")
Sets = Mapping[str, Sequence[Conversation]]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bench.bot", epilog="例：python -m bench.bot --items items.jsonl --questions a.jsonl,b.jsonl --only quality"
    )
    parser.add_argument("--items", type=Path, help="事项目录文件；不给则用自带的事项")
    parser.add_argument("--questions", default=",".join(map(str, questions.OWN)), help="问题文件，可用逗号分隔多个；不给则用自带的问题")
    parser.add_argument("--only", choices=PARTS, help="只测一部分")
    parser.add_argument("--dump", type=Path, help="把每个问题、回答和判定写进这个文件")
    parser.add_argument("--table", type=Path, help="把结果表（Markdown）写进这个文件")
    given = parser.parse_args()
    try:
        items, sets = read(given.items), _sets(given.questions)
    except (BadCatalogue, BadQuestions, OSError) as exc:
        parser.error(str(exc))
    labels = {name: [turn.codes for one in conversations for turn in one.turns] for name, conversations in sets.items()}
    compare(parser, {item["code"] for item in items}, labels)
    parts = (given.only,) if given.only else PARTS
    folder = Path(tempfile.mkdtemp(prefix="zhangban-bench-"))
    stack = together.stack(folder / "data", given.items and given.items.resolve())
    try:
        together.start(stack, len({item["code"] for item in items}))
        _measure(stack, sets, parts, folder, given.dump, given.table)
    except DidNotStart as exc:
        progress(str(exc))
        return 1
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _measure(stack: Stack, sets: Sets, parts: Sequence[str], folder: Path, dumped: Path | None, table: Path | None) -> None:
    ours: list[Share] = []
    beside: dict[str, list[Share]] = {}
    if "quality" in parts or "grounding" in parts:
        ours = _talked(stack, sets, parts, dumped)
    if "latency" in parts:
        progress("用时…")
        latency.measure(stack, [one for conversations in sets.values() for one in conversations], folder)
    if "peers" in parts:
        for peer, ask in PEERS.items():
            progress(f"对照 {peer}…")
            judged = {name: judge_all(answers) for name, answers in ask(stack, sets, folder).items()}
            if not judged:
                continue
            beside[peer] = [share for name, of_set in judged.items() for share in quality.shares(name, of_set)]
            quality.tell_peer(peer, beside[peer], ours)
    written = quality.table(ours or beside.get("search_alone", []), beside)
    progress("\n" + written)
    if table is not None:
        table.write_text(written + "\n", encoding="utf-8")


def _talked(stack: Stack, sets: Sets, parts: Sequence[str], dumped: Path | None) -> list[Share]:
    judged: dict[str, Judged] = {}
    for name, conversations in sets.items():
        progress(f"提问 {name}…")
        judged[name] = judge_all(asyncio.run(talk.run(stack.api, conversations)))
        quality.progress_of(name, judged[name])
    shares = [share for name, of_set in judged.items() for share in quality.shares(name, of_set)]
    if "quality" in parts:
        quality.tell(shares)
    answers = [one.answered for of_set in judged.values() for turns in of_set for one in turns]
    progress("核对依据…")
    audited = asyncio.run(audit.audit(stack.api, answers))
    if "grounding" in parts:
        audit.tell(audited)
    if dumped is not None:
        dump.write(dumped, judged, audited)
    return shares if "quality" in parts else []


def _sets(given: str) -> dict[str, list[Conversation]]:
    sets: dict[str, list[Conversation]] = {}
    for path in map(Path, filter(None, given.split(","))):
        sets.setdefault(questions.set_name(path), []).extend(questions.read(path))
    return sets


if __name__ == "__main__":
    sys.exit(main())
