"""The whole house as the push figures need it: a stack whose WeChat is the lean provider, persons to be told, and a look at what is still to be done."""

import asyncio
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from bench.figures import progress
from bench.notify import spent
from bench.notify.people import Somebody, Teller, settle
from bench.notify.provider import Provider
from bench.pay.prepared import keyring
from kit.clock import now
from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack
from notify import push

T = TypeVar("T")
ANSWER_MS = 30.0


class House:
    """One loop for all that the bench itself does; `tell` runs something on it."""

    def __init__(self, stack: Stack, provider: Provider, runner: asyncio.Runner) -> None:
        self.stack, self.provider, self._runner = stack, provider, runner
        self.teller = Teller.of(stack.api, stack.data / "sandbox")
        self.mongo: Mongo = connect(stack.env["MONGO_URL"], self.database)
        self._people: list[Somebody] = []
        self._version = 1

    @property
    def database(self) -> str:
        return self.stack.env.get("ZHANGBAN_MONGO_DATABASE", "zhangban")

    def tell(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def people(self, count: int) -> list[Somebody]:
        """The first `count`, made when there are not so many yet."""
        if (more := count - len(self._people)) > 0:
            progress(f"  准备 {more} 人，各有授权和一件办件…")
            self._people += self.tell(settle(self.mongo, keyring(self.stack.env), more))
        return self._people[:count]

    def next_version(self) -> int:
        """Of the next round of moves, newer than any before."""
        self._version += 1
        return self._version

    async def waiting(self) -> int:
        """Pushes still to be carried out, those of a later day left out."""
        soon = now() + timedelta(hours=1)
        return await self.mongo["outbox"].count_documents({"state": "waiting", "kind": push.KIND, "due_at": {"$lt": soon}})

    def quiet(self, seconds: float = 120.0) -> None:
        """Until nothing of a push waits any more. SystemExit when that takes too long."""
        end = time.monotonic() + seconds
        while left := self.tell(self.waiting()):
            if time.monotonic() > end:
                raise SystemExit(f"推送 {seconds:.0f} 秒后仍有 {left} 条没有办完")
            time.sleep(0.1)

    def spent(self) -> dict[str, float]:
        """CPU seconds so far, by process; `test` is the bench itself."""
        pids = {name: child.pid for name, child in self.stack.children.items() if child.alive}
        pids |= {name: store.pid for name, store in (("mongod", self.stack.mongod), ("redis", self.stack.redis)) if store is not None and store.pid}
        return {name: spent.seconds([pid]) for name, pid in {**pids, "provider": self.provider.pid}.items()} | {"test": time.process_time()}


@contextmanager
def opened(items: Path | None, **extra: str) -> Iterator[House]:
    """A stack of its own, with `extra` settings. Raises DidNotStart."""
    with tempfile.TemporaryDirectory(prefix="zhangban-bench-") as folder, Provider(ANSWER_MS) as provider:
        given = {"ZHANGBAN_RATE_PER_SECOND": "1000000", "ZHANGBAN_WECHAT_URL": provider.url, **extra}
        stack = Stack(Path(folder) / "data", items=items, extra=given)
        try:
            progress("启动…")
            stack.start(progress)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                house = House(stack, provider, runner)
                yield house
                house.tell(house.mongo.close())
        finally:
            stack.stop()
