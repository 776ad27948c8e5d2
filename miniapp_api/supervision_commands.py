"""What `zhangban supervision …` does. Exit codes: 0 done or equal, 1 not equal or nothing there, 2 settings or database."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable

from kit.errors import Outside
from kit.mongo import PyMongoError
from miniapp_api import settings as house
from miniapp_api import supervision_snapshot, wiring
from miniapp_api.settings import BadSettings, secret
from miniapp_api.supervised import rebuild as rebuilt
from miniapp_api.wiring import Deps
from supervision.build_store import LostBuild

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_EVERY = 20_000  # cases between two lines where nobody watches


class Bar:
    """Progress on stderr: one line that grows, or now and then a line where nobody watches."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._watched = sys.stderr.isatty()
        self._told = self.done = 0

    def at(self, done: int) -> None:
        self.done = done
        if self._watched:
            print(f"\r{self._what} {done:,} 件", end="", file=sys.stderr, flush=True)
        elif done - self._told >= _EVERY:
            print(f"{self._what} {done:,} 件", file=sys.stderr, flush=True)
            self._told = done

    def more(self, count: int) -> None:
        self.at(self.done + count)

    def end(self) -> None:
        if self._watched and self.done:
            print(file=sys.stderr, flush=True)


def rebuild() -> int:
    bar = Bar("重算")

    async def run(deps: Deps) -> int:
        builds = deps.supervising.builds
        build = await builds.take_anew()
        try:
            async for reached in rebuilt(deps.mongo, deps.cases, deps.supervising.supervised, builds, build):
                build = reached
                bar.at(build.cases)
            await builds.end_round(build)
        except LostBuild:
            bar.end()
            return _refuse("另一处重新开始了重算，由那边做完")
        bar.end()
        print(f"已由 {bar.done:,} 件办件重算，现有数据 {await deps.supervising.facts.count():,} 件")
        return 0

    return _with_deps(run)


def snapshot(month: str, check: bool, force: bool) -> int:
    if not _MONTH.fullmatch(month):
        return _refuse(f"“{month}”不是月份，应为 2026-10")
    if check and force:
        return _refuse("--check 不定稿，与 --force 只写一个")
    bar = Bar("读办件")

    async def run(deps: Deps) -> int:
        return await (_check(deps, month, bar) if check else _take(deps, month, bar, force))

    return _with_deps(run)


async def _take(deps: Deps, month: str, bar: Bar, force: bool) -> int:
    taken = await supervision_snapshot.take(deps, month, bar.more, force=force)
    bar.end()
    if taken.outcome == "not_whole":
        return _refuse("\n  ".join([f"{month} 还不能定稿，后台会再看；要照现在的样子定稿，加 --force：", *taken.missing]))
    kept = await deps.supervising.snapshots.of_month(month)
    if taken.outcome == "not_over" or kept is None:
        return _refuse(f"{month} 还没有结束，月末以后才能定稿")
    print(f"{month} {'已定稿' if taken.outcome == 'kept' else '早已定稿，没有改动'}：{kept['cases']:,} 件办件，摘要 {kept['hash']}")
    for one in kept.get("missing", ()):  # months of the release before have none
        print(f"  定稿时缺：{one}")
    for one in kept["figures"]:
        print(f"  {one['id']:<24}{one['text']}")
    return 0


async def _check(deps: Deps, month: str, bar: Bar) -> int:
    wrong = await supervision_snapshot.check(deps, month, bar.more)
    bar.end()
    if wrong is None:
        return _refuse(f"{month} 还没有定稿：zhangban supervision snapshot {month}")
    for one in wrong:
        print(f"  {one}")
    print(f"{month} 与定稿{'不一致' if wrong else '一致'}")
    return 1 if wrong else 0


def _with_deps(run: Callable[[Deps], Awaitable[int]]) -> int:
    try:
        given = house.load()
    except BadSettings as exc:
        print("不能启动，请先改正下列设置：", *[f"  - {one}" for one in exc.problems], sep="\n", file=sys.stderr)
        return 2
    needed = {
        "MONGO_URL": given.mongo_url,
        "REDIS_URL": given.redis_url,
        "ZHANGBAN_FIELD_KEYS": secret(given.field_keys),
        "ZHANGBAN_INDEX_KEY": secret(given.index_key),
        "ZHANGBAN_CORE_URL": given.core_url,
    }
    if missing := [name for name, value in needed.items() if not value]:
        print(f"缺少设置 {'、'.join(missing)}：请在环境变量中给出，与 API 的相同", file=sys.stderr)
        return 2

    async def both() -> int:
        deps = wiring.build(given)
        try:
            await deps.prepare()
            await deps.workdays.refresh()
            return await run(deps)
        finally:
            await deps.close()

    try:
        return asyncio.run(both())
    except (PyMongoError, TimeoutError, Outside) as exc:
        print(f"没有做完，可以再做一次：{type(exc).__name__}", file=sys.stderr)
        return 2


def _refuse(why: str) -> int:
    print(why, file=sys.stderr)
    return 1
