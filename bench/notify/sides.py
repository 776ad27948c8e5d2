"""Who carries pushes in the race: our worker and two job queues, each as running processes, a way to hand it jobs, and what it has spent."""

import os
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

import orjson

from bench.notify import spent
from bench.notify.peers import Job
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox
from kit.wechat import WeChat
from miniapp_api.child import Child
from notify import push
from notify.channel import Outgoing
from notify.kinds import KINDS
from notify.store import Messages
from notify.templates import Template
from notify.told import Told
from notify.wechat import WeChatPush

TOGETHER = 200  # messages in one transaction: making them is not what is measured


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message to be pushed, and the consent that allows it."""

    message: str
    kind: str
    job: Job


class Run(Protocol):
    def __call__(self, work: Coroutine[Any, Any, Any], /) -> Any: ...


@dataclass(slots=True)
class Place:
    """Where all of them work. `env`: of our own processes; `run`: the bench's loop."""

    env: Mapping[str, str]
    mongo: Mongo
    wechat: str
    logs: Path
    run: Run

    @property
    def broker(self) -> str:
        """Another database of the same Redis."""
        return self.env["REDIS_URL"].rpartition("/")[0] + "/5"


class Side(ABC):
    """Asleep (SIGSTOP) while it is handed jobs, so that everybody finds all of a round's work there and no producer runs beside it."""

    name: ClassVar[str]

    def __init__(self, place: Place) -> None:
        self.place = place
        self.children: list[Child] = []

    @abstractmethod
    def commands(self) -> list[list[str]]: ...

    @abstractmethod
    def hand_over(self, parcels: Sequence[Parcel]) -> None:
        """The jobs are where the workers will find them."""

    def settings(self) -> dict[str, str]:
        return {}

    def start(self) -> None:
        env = {**self.place.env, **self.settings()}
        for number, command in enumerate(self.commands()):
            child = Child(f"{self.name}{number}", command, env, self.place.logs / f"{self.name}{number}.log")
            self.children.append(child)
            child.start()

    def stop(self) -> None:
        self.signal(signal.SIGCONT)
        for child in self.children:
            child.stop()
        self.children.clear()

    def signal(self, number: signal.Signals) -> None:
        for pid in spent.running(child.pid for child in self.children if child.alive):
            os.kill(pid, number)

    def spent(self) -> float:
        if not all(child.alive for child in self.children):
            raise SystemExit(f"{self.name} 的进程结束了，见 {self.place.logs}")
        return spent.seconds(child.pid for child in self.children)


class Ours(Side):
    """`zhangban worker`, whole, as it is deployed; only the core's feeds are looked at once an hour, as nobody else here has any."""

    name = "ours"

    def __init__(self, place: Place, processes: int) -> None:
        super().__init__(place)
        self._processes = processes
        self._outbox = Outbox(place.mongo)

    def settings(self) -> dict[str, str]:
        return {"ZHANGBAN_FEED_SECONDS": "3600"}

    def commands(self) -> list[list[str]]:
        return [[sys.executable, "-m", "miniapp_api.cli", "worker"]] * self._processes

    def hand_over(self, parcels: Sequence[Parcel]) -> None:
        for first in range(0, len(parcels), TOGETHER):
            rows = push.rows([(one.message, one.kind) for one in parcels[first : first + TOGETHER]])
            self.place.run(self._outbox.put_many(None, push.KIND, rows))


class _Peer(Side):
    prefetch: int

    def settings(self) -> dict[str, str]:
        database = {"BENCH_MONGO": self.place.env["MONGO_URL"], "BENCH_DATABASE": self.place.mongo.database.name}
        own = {"BENCH_QUEUE": f"bench_{self.name}", "BENCH_PREFETCH": str(self.prefetch)}
        return {**database, "BENCH_BROKER": self.place.broker, "BENCH_WECHAT": self.place.wechat, **own}


class Celery(_Peer):
    """`size`: processes or threads of its pool."""

    name = "celery"
    pool = "prefork"

    def __init__(self, place: Place, size: int, prefetch: int = 4) -> None:
        super().__init__(place)
        self._size, self.prefetch = size, prefetch

    def commands(self) -> list[list[str]]:
        lean = "--without-gossip --without-mingle --without-heartbeat --loglevel ERROR".split()
        pool = ["--pool", self.pool, "--concurrency", str(self._size), "-O", "fair"]
        return [[sys.executable, "-m", "celery", "-A", "bench.notify.peers.celery_push", "worker", *pool, *lean]]

    def hand_over(self, parcels: Sequence[Parcel]) -> None:
        from bench.notify.peers.celery_push import app, push

        app.conf.broker_url = self.place.broker
        with app.producer_pool.acquire(block=True) as producer:
            for one in parcels:
                push.apply_async(kwargs=one.job.named(), producer=producer, queue=f"bench_{self.name}")


class CeleryThreads(Celery):
    """Nobody's default, but the better half of Celery where work is waiting: one process, no pickling between two."""

    name = "celery_threads"
    pool = "threads"


class Taskiq(_Peer):
    name = "taskiq"

    def __init__(self, place: Place, processes: int, prefetch: int = 100, tasks: int = 100) -> None:
        super().__init__(place)
        self._processes, self.prefetch, self._tasks = processes, prefetch, tasks
        os.environ["BENCH_BROKER"] = place.broker  # read when its module is imported, here as in its workers

    def commands(self) -> list[list[str]]:
        size = ["--workers", str(self._processes), "--max-async-tasks", str(self._tasks), "--log-level", "ERROR"]
        return [[sys.executable, "-m", "taskiq", "worker", "bench.notify.peers.taskiq_push:broker", *size]]

    def hand_over(self, parcels: Sequence[Parcel]) -> None:
        from bench.notify.peers.taskiq_push import push

        async def all_of_them() -> None:
            for one in parcels:
                await push.kiq(**one.job.named())

        self.place.run(all_of_them())


class _Heard:
    """Stands where WeChat's API stands: what our own adapter would have sent."""

    content: Mapping[str, Any]

    async def call(self, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        self.content = content
        return {}


async def body(template_id: str, openid: str, told: Told) -> str:
    """Exactly the bytes our worker posts for this message."""
    kind, heard = KINDS[told.kind], _Heard()
    adapter = WeChatPush(cast("WeChat", heard), {told.kind: Template(told.kind, template_id, kind.wechat)})
    await adapter.send(openid, Outgoing("", kind, told.fields, told.page))
    return orjson.dumps(heard.content).decode()


async def add(mongo: Mongo, tellings: Sequence[tuple[str, str, Told]]) -> list[str]:
    """Inbox entries, written as ever (majority, journaled); their ids."""
    messages, owns = Messages(mongo), list[str]()
    for first in range(0, len(tellings), TOGETHER):
        some = tellings[first : first + TOGETHER]

        async def together(tx: Tx, some: Sequence[tuple[str, str, Told]] = some) -> list[str]:
            return await messages.add_many(tx, some)

        owns += await mongo.transaction(together)
    return owns
