"""Every question, answer and verdict as JSON lines, for reading the misses. Meant for a place outside of the project."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.bot.audit import Audited
from bench.bot.quality import Judged
from bench.bot.verdicts import Verdict


def write(path: Path, sets: Mapping[str, Judged], audited: Sequence[Audited]) -> None:
    loose: dict[int, list[str]] = {}
    for one in audited:
        loose.setdefault(id(one.answered), []).extend(one.loose)
    with path.open("w", encoding="utf-8") as out:
        for name, judged in sets.items():
            for verdict in (one for turns in judged for one in turns):
                out.write(json.dumps(_row(name, verdict, loose.get(id(verdict.answered))), ensure_ascii=False) + "\n")


def _row(name: str, verdict: Verdict, loose: list[str] | None) -> dict[str, Any]:
    turn = verdict.answered.turn
    asked = {**asdict(turn), "asks": sorted(turn.asks), "codes": sorted(turn.codes)}
    judged = {name: getattr(verdict, name) for name in ("item", "part", "offered", "ask", "invented", "hotline")}
    return {"set": name, **asked, **judged, "ungrounded": loose, "ms": round(verdict.answered.ms, 1), "problem": verdict.answered.problem} | {
        "reply": verdict.answered.reply
    }
