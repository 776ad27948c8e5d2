"""Plain Rasa: JiebaTokenizer, DIET with its defaults for intents and entities, item names as lookup table; the slot keeps the item between turns."""

import asyncio
import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from bench.bot.peers import default_project, reply
from bench.bot.questions import PARTS, Conversation
from bench.bot.talk import Answered
from bench.figures import progress, report
from kit.embedded import child_options, free_port
from miniapp_api.child import Child
from miniapp_api.stack import Stack
from sandbox.core_items import read

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / "bot" / "rasa" / ".venv" / "bin" / "python"
EPOCHS, FEWEST = 100, 5  # Rasa's default; below that nothing is learnt
TRAIN_SECONDS, START_SECONDS = 480.0, 900.0  # of all the epochs; a machine that would need longer trains as many as fit
SURE_AFTER = 3  # epochs; the first one builds its graph and says nothing about the others
_EPOCHS = re.compile(r"Epochs: +[0-9]+%[^\r\n]*?([0-9]+)/[0-9]+ \[(?:([0-9]+):)?([0-9]+):([0-9]+)<")
TIMEOUT = aiohttp.ClientTimeout(total=30)
Sets = Mapping[str, Sequence[Conversation]]


def ask(stack: Stack, sets: Sets, folder: Path) -> dict[str, list[list[Answered]]]:
    """Trains, serves and asks; {} where Rasa's environment is not there."""
    if not PYTHON.exists():
        progress(f"  没有 {PYTHON.relative_to(ROOT)}，不测（tools/setup.sh bot）")
        return {}
    items, project = read(stack.items), folder / "rasa-defaults"
    model = _trained(project, items)
    port = free_port()
    command = [str(PYTHON), "-m", "rasa", "run", "--enable-api", "-i", "127.0.0.1", "-p", str(port), "-m", str(model)]
    server = Child("rasa-defaults", command, _environment(stack), project / "run.log")
    try:
        server.start()
        return asyncio.run(_asked(f"http://127.0.0.1:{port}", server, sets, default_project.names(items)))
    finally:
        server.stop()


def _trained(project: Path, items: Sequence[dict[str, Any]]) -> Path:
    """With Rasa's default epochs, or with as many as fit into the time and saying so."""
    epochs = EPOCHS
    for _ in range(2):
        sentences = default_project.write(project, items, epochs)
        progress(f"  训练 {epochs} 轮，{sentences} 句…")
        started = time.monotonic()
        if (fit := _train(project, epochs)) is None:
            beside = f"DIET with {epochs} epochs (Rasa's default is {EPOCHS}), {sentences} sentences, {len(items)} items"
            report("bot_training_s__rasa_defaults", time.monotonic() - started, "s", "lower", None, beside, 1)
            return project / "defaults.tar.gz"
        progress(f"  {EPOCHS} 轮在这台机器上要超过 {TRAIN_SECONDS:.0f} 秒：改训 {fit} 轮，结果不再是默认设置的结果")
        epochs = fit
    raise SystemExit("rasa_defaults：训练没有完成")


def _train(project: Path, epochs: int) -> int | None:
    """None once it is trained; else how many epochs would have fitted. Rasa's own progress is told every half minute."""
    command = [str(PYTHON), "-m", "rasa", "train", "nlu", "-c", "config.yml", "-d", "domain.yml", "-u", "nlu.yml"]
    command += ["--out", ".", "--fixed-model-name", "defaults"]
    log = project / "train.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=project, stdout=out, stderr=out, **child_options())  # noqa: S603 - Rasa's own command
        try:
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(30)
                progress(f"    {_last_line(log)}")
                each = seconds_each(log.read_text(errors="replace"))
                if epochs == EPOCHS and each is not None and each * epochs > TRAIN_SECONDS:
                    return max(FEWEST, int(TRAIN_SECONDS / each))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(20)
    if process.returncode != 0:
        raise SystemExit(f"rasa_defaults：训练失败，请看\n{log.read_text(errors='replace')[-2000:]}")
    return None


def seconds_each(log: str) -> float | None:
    """Seconds per epoch after the first, from Rasa's progress bar; None as long as too few are done."""
    seen: dict[int, int] = {}
    for done, hours, minutes, seconds in _EPOCHS.findall(log):
        seen.setdefault(int(done), int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds))
    last = max(seen, default=0)
    return (seen[last] - seen[1]) / (last - 1) if last >= SURE_AFTER and 1 in seen else None


def _last_line(log: Path) -> str:
    return log.read_text(errors="replace").replace("\r", "\n").rstrip().rpartition("\n")[2][-120:]


def _environment(stack: Stack) -> dict[str, str]:
    return {name: value for name, value in stack.env.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"TF_CPP_MIN_LOG_LEVEL": "3"}


async def _asked(base: str, server: Child, sets: Sets, names: Mapping[str, str]) -> dict[str, list[list[Answered]]]:
    finder = Names(names)
    async with aiohttp.ClientSession(base, timeout=TIMEOUT) as http:
        await _ready(http, server)
        return {name: [await _conversation(http, one, finder) for one in conversations] for name, conversations in sets.items()}


async def _ready(http: aiohttp.ClientSession, server: Child) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.alive:
        try:
            async with http.get("/") as answer:
                if answer.status == 200:
                    return
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(0.5)
    raise SystemExit(f"rasa_defaults 没有启动：\n{server.log.read_text(errors='replace')[-2000:]}")


async def _conversation(http: aiohttp.ClientSession, conversation: Conversation, finder: "Names") -> list[Answered]:
    remembered: list[str] = []
    answers = []
    for turn in conversation.turns:
        async with http.post("/model/parse", json={"text": turn.text}) as answer:
            parsed = json.loads(await answer.read()) if answer.status == 200 else None
        if parsed is None:
            answers.append(Answered(turn, None, f"HTTP {answer.status}", 0.0))
            continue
        named = next((found for entity in parsed["entities"] if (found := finder.closest(str(entity["value"])))), [])
        remembered = named or remembered
        answers.append(Answered(turn, said(parsed["intent"]["name"] or "nlu_fallback", remembered), "", 0.0))
    return answers


def said(intent: str, codes: Sequence[str]) -> dict[str, Any]:
    """The part that the intent names of the item that the slot holds; nothing without either."""
    if intent in PARTS and codes:
        return reply("这一项", intent, (codes[0], intent), list(codes[1:]))
    return reply("请说明事项", intent, None, [])


class Names:
    """The names of items by how much of an entity they share."""

    def __init__(self, codes: Mapping[str, str]) -> None:
        self._codes = codes
        self._pairs = {name: _pairs(name) for name in codes}

    def closest(self, entity: str) -> list[str]:
        """Codes of the five best: an exact name first, then by shared pairs of characters (Dice); [] where none shares any."""
        mine = _pairs(entity)
        score = {name: 2 * len(mine & theirs) / (len(mine) + len(theirs) or 1) + (name == entity) for name, theirs in self._pairs.items()}
        best = sorted((name for name in score if score[name] > 0), key=lambda one: -score[one])
        return list(dict.fromkeys(self._codes[name] for name in best[:25]))[:5]


def _pairs(text: str) -> frozenset[str]:
    return frozenset(text[n : n + 2] for n in range(len(text) - 1))
