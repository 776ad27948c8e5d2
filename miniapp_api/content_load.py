"""`zhangban content load`: a file of items into the running sandbox's core, or straight into our store, and a report of what was odd.

The formats are read by the sandbox's own reader: over HTTP, or as a child process (`python -m sandbox.lines`), as we may not import it.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError

from content.load import FeedInCharge, Loaded, begin, finish, load
from content.store import INDEXES
from kit.clock import at_edge, now
from kit.mongo import PyMongoError
from miniapp_api import settings as house
from miniapp_api.wiring import catalogue_store

Json = dict[str, Any]
T = TypeVar("T")
FORMATS = {"gd": "广东省事项目录，每行一个 JSON 对象（TASK_CODE …）", "items": "本系统契约里的事项，每行一个 JSON 对象"}
AT_ONCE = 200  # lines
EXAMPLES = 3
BAD_SHOWN = 20


class CannotLoad(Exception):
    """One Chinese sentence for the operator."""


@dataclass(slots=True)
class Report:
    """What became of a file's lines."""

    file: str
    format: str
    to: str
    lines: int = 0
    found: Loaded = field(default_factory=Loaded)
    codes: set[str] = field(default_factory=set)

    def seen(self, good: list[Json]) -> None:
        """[{line, code}]: a code that comes again is odd, the later line stands."""
        for one in good:
            if one["code"] in self.codes:
                told = {"line": one["line"], "code": one["code"], "field": "code", "value": one["code"], "why": "编码重复，以后面的一行为准"}
                self.found.odd.append(told)
            self.codes.add(one["code"])

    def add(self, part: Loaded) -> None:
        self.found.loaded += part.loaded
        self.found.unchanged += part.unchanged
        self.found.bad += part.bad
        self.found.odd += part.odd

    def kinds(self) -> list[Json]:
        """Oddities of one kind together, the commonest first: [{field, why, count, examples}]."""
        grouped: dict[tuple[str, str], list[str]] = {}
        for one in self.found.odd:
            grouped.setdefault((one["field"], one["why"]), []).append(one["code"])
        rows = [{"field": name, "why": why, "count": len(codes), "examples": codes[:EXAMPLES]} for (name, why), codes in grouped.items()]
        return sorted(rows, key=lambda row: -int(str(row["count"])))

    def told(self) -> str:
        """For people."""
        done = self.found
        lines = [f"共 {self.lines} 行：载入 {done.loaded} 项，没有变化 {done.unchanged} 项，不能载入 {len(done.bad)} 行。"]
        if done.odd:
            lines.append(f"不寻常的地方 {len(done.odd)} 处（原值都已保留）：")
            lines += [f"  {one['count']:>6}  {one['field']}：{one['why']}  例：{'、'.join(one['examples'])}" for one in self.kinds()]
        if done.bad:
            lines.append("不能载入的行：")
            lines += [f"  第 {one['line']} 行：{one['why']}" for one in done.bad[:BAD_SHOWN]]
            lines += [f"  …另有 {len(done.bad) - BAD_SHOWN} 行"] if len(done.bad) > BAD_SHOWN else []
        return "\n".join(lines)

    def whole(self) -> Json:
        """For programs."""
        done = self.found
        counts = {"lines": self.lines, "loaded": done.loaded, "unchanged": done.unchanged}
        return {"file": self.file, "format": self.format, "to": self.to, **counts, "kinds": self.kinds(), "bad": done.bad, "odd": done.odd}


class Progress:
    """On stderr: one line that grows, or a plain line every tenth where nobody watches."""

    def __init__(self, total: int) -> None:
        self._total, self._told = total, 0
        self._watched = sys.stderr.isatty()

    def at(self, done: int) -> None:
        tenth = 10 * done // max(self._total, 1)
        if self._watched:
            print(f"\r载入 [{'#' * tenth * 2:<20}] {done}/{self._total}", end="\n" if done >= self._total else "", file=sys.stderr, flush=True)
        elif tenth > self._told:
            print(f"载入 {done}/{self._total}", file=sys.stderr, flush=True)
        self._told = tenth


def main(file: Path, format: str, to: str, report: Path | None, sandbox: str, force: bool) -> int:
    """Exit code 0 also with oddities; 1 if nothing could be loaded; 2 if the command itself is wrong."""
    try:
        _check(file, format, to)
        made = Report(str(file), format, to)
        try:
            lines = file.read_bytes().splitlines()
            made.lines = sum(1 for line in lines if line.strip())
            if to == "sandbox":
                _into_sandbox(made, lines, sandbox)
            else:
                asyncio.run(_into_store(made, file, len(lines), force))
        finally:
            if report is not None:
                report.write_text(json.dumps(made.whole(), ensure_ascii=False, indent=1), encoding="utf-8")
    except CannotLoad as exc:
        print(str(exc), file=sys.stderr)
        return 2
    except OSError as exc:
        print(f"文件不能读写：{exc.filename or file}（{exc.strerror or exc}）", file=sys.stderr)
        return 2
    print(made.told(), flush=True)
    return 0 if made.found.loaded + made.found.unchanged else 1


def _check(file: Path, format: str, to: str) -> None:
    if format not in FORMATS:
        raise CannotLoad("\n  ".join([f"不认识的格式 {format}，可用：", *(f"{name}  {told}" for name, told in FORMATS.items())]))
    if to not in ("sandbox", "store"):
        raise CannotLoad(f"--to 应为 sandbox（运行着的沙箱）或 store（本系统的数据库），不是 {to}")
    if not file.is_file():
        raise CannotLoad(f"找不到文件 {file}：请检查路径")


def _into_sandbox(made: Report, lines: list[bytes], url: str) -> None:
    """The core there takes raw lines; the worker then sees them in the feed like any other change."""
    progress, batch, texts = Progress(len(lines)), f"load-{at_edge(now())}", []
    for number, line in enumerate(lines, 1):
        try:
            texts.append(line.decode())
        except UnicodeDecodeError:
            made.found.bad.append({"line": number, "why": "不是 UTF-8 文字"})
            texts.append("")  # keeps the numbers of the lines after it
    for first, some in _parts(texts):
        answer = _post(f"{url}/world/core/items/load", {"lines": some, "format": made.format, "first": first, "batch": batch})
        try:
            made.seen(answer["good"])
            made.add(Loaded(answer["loaded"], answer["unchanged"], answer["bad"], answer["odd"]))
        except (KeyError, TypeError) as exc:
            raise CannotLoad(f"在 {url} 回答的不是沙箱，请用 --sandbox 给出它的地址") from exc
        progress.at(first + len(some) - 1)


def _post(url: str, body: Json) -> Json:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - checked below
    if request.type not in ("http", "https"):
        raise CannotLoad(f"--sandbox 应为 http 地址，不是 {url}")
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - http or https
            answer: Json = json.loads(reply.read())
            return answer
    except HTTPError as exc:
        raise CannotLoad(f"沙箱没有接受（{exc.code}）：{exc.read()[:300].decode(errors='replace')}") from exc
    except (URLError, HTTPException, TimeoutError, ValueError) as exc:
        raise CannotLoad(f"沙箱没有回应：{url}。请先用 make run 启动，或用 --sandbox 给出它的地址。") from exc


async def _into_store(made: Report, file: Path, lines: int, force: bool) -> None:
    given = house.load()
    if not given.mongo_url:
        raise CannotLoad("缺少设置 MONGO_URL：请在环境变量中给出要载入的数据库")
    mongo, store = catalogue_store(given)
    progress, batch = Progress(lines), f"load-{at_edge(now())}"
    try:
        await mongo.create_indexes(INDEXES)
        await begin(store, force=force)
        for _, some in _parts(_converted(file, made.format)):
            made.found.bad += [one for one in some if "item" not in one]
            good = [one for one in some if "item" in one]
            made.found.odd += [{"line": one["line"], "code": one["code"], **told} for one in good for told in one["odd"]]
            made.seen(good)
            made.add(await load(store, good, batch))
            progress.at(some[-1]["line"])
        progress.at(lines)
        if made.found.loaded:
            await finish(store)
    except FeedInCharge:
        told = "核心平台的事项同步已经开始，它说的比文件新。确要用文件覆盖（到平台下次发布该事项为止），请加 --force"
        raise CannotLoad(told) from None
    except PyMongoError as exc:
        raise CannotLoad(f"数据库没有回应，已载入的部分有效，恢复后重新执行即可：{type(exc).__name__}") from exc
    finally:
        await mongo.close()


def _converted(file: Path, format: str) -> Iterator[Json]:
    """[{line, code, item, odd}] or [{line, why}] from the sandbox's reader in a process of its own."""
    with file.open("rb") as source:
        command = [sys.executable, "-m", "sandbox.lines", format]
        with subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:  # noqa: S603 - our own command
            for line in child.stdout or ():
                yield json.loads(line)
            told = child.stderr.read() if child.stderr else b""
        if child.returncode:
            raise CannotLoad(f"文件没有读完：{told[-300:].decode(errors='replace')}")


def _parts(rows: Iterable[T]) -> Iterator[tuple[int, list[T]]]:
    """(number of the first, some of them)"""
    rest, first = iter(rows), 1
    while some := list(itertools.islice(rest, AT_ONCE)):
        yield first, some
        first += len(some)
