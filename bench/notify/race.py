"""Pushes per CPU-second and per second, beside Celery and taskiq on the same mongod, Redis and provider, in turns.

What counts is CPU (user and system) of the worker processes and their children, from the moment they may begin until every outcome is written.
Making the inbox entries and handing over the jobs counts for nobody. What each does is in bench/notify/peers/__init__.py. The provider is the
lean one: the sandbox would take 0.20 ms of CPU a send instead of 0.03, from the same cores.

Tried on two cores: Celery's prefork with 1, 2, 4, 8, 16 and 32 processes and prefetch 1, 4 and 16, its threads with 8, 16, 32 and 64; over
requests, httpx and urllib3; taskiq with 50, 100, 200 and 400 tasks at once. Kept is what gave most pushes per CPU-second.
"""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import orjson

from bench.figures import median, progress, report
from bench.notify import spent
from bench.notify.house import House
from bench.notify.peers import Job
from bench.notify.people import KIND, Somebody
from bench.notify.provider import digest
from bench.notify.sides import Celery, CeleryThreads, Ours, Parcel, Place, Side, Taskiq, add, body
from notify.consent_store import consent_id
from notify.kinds import Value
from notify.told import Told

ROUNDS, EACH, PEOPLE, WARM = 5, 2000, 500, 300
LONGEST = 180.0  # seconds for one side's round
AT = datetime(2026, 11, 23, 7, 1, tzinfo=UTC)  # of what is told: the same words for everybody
POOL, THREADS, TASKS = 16, 64, 100  # Celery's processes or threads, taskiq's tasks at once


@dataclass(frozen=True, slots=True)
class Result:
    """`per_cpu`: pushes per CPU-second of the workers; `with_stores`: of the workers, mongod and Redis."""

    per_second: float
    per_cpu: float
    with_stores: float


def measure(house: House) -> None:
    for name in ("api", "worker"):
        house.stack.children[name].stop()
    people = house.people(PEOPLE)
    place = Place(house.stack.env, house.mongo, house.provider.url, house.stack.data / "logs", house.tell)
    sides = [Ours(place, 1), Celery(place, POOL), CeleryThreads(place, THREADS), Taskiq(place, 1, tasks=TASKS)]
    one = _race(house, people, sides, ROUNDS)
    _compare(one)
    rates = {1: one, 2: _race(house, people, [Ours(place, 2), Taskiq(place, 2, tasks=TASKS)], 3)}
    for processes, some in rates.items():
        alone = _race(house, people, [Celery(place, processes)], 1, each=150 * processes)
        for side in ("ours", "celery", "taskiq"):
            results = alone[side] if side in alone else some[side]
            about = f"{processes} worker process(es), provider answering in 30 ms, from go to the last call"
            report(f"push_per_s_{processes}_{side}", median([run.per_second for run in results]), "1/s", "higher", None, about, len(results))
            spent_well = median([run.per_cpu for run in results])
            report(f"push_per_cpu_s_{processes}_{side}", spent_well, "1/CPU-s", "higher", None, about, len(results))


def _compare(found: dict[str, list[Result]]) -> None:
    tuned = {"celery": f"Celery prefork, {POOL} processes, Redis, acks_late", "celery_threads": f"Celery, {THREADS} threads, Redis, acks_late"}
    tuned["taskiq"] = f"taskiq, one process, {TASKS} tasks, Redis stream with ack"
    for peer, aim in (("celery", 3.0), ("celery_threads", None), ("taskiq", 1.0)):
        pairs = list(zip(found["ours"], found[peer], strict=True))
        own, other = (median([run.per_cpu for run in found[side]]) for side in ("ours", peer))
        about = f"{tuned[peer]}, same work, {EACH} pushes a round; {own:.0f} beside {other:.0f} pushes/CPU-s"
        report(f"push_vs_{peer}", median([a.per_cpu / b.per_cpu for a, b in pairs]), "ratio of pushes/CPU-s", "higher", aim, about, len(pairs))
        ratio = median([a.with_stores / b.with_stores for a, b in pairs])
        about = f"{tuned[peer]}; CPU of mongod and Redis counted too"
        report(f"push_vs_{peer}_with_stores", ratio, "ratio of pushes/CPU-s", "higher", None, about, len(pairs))


def _race(house: House, people: Sequence[Somebody], sides: Sequence[Side], rounds: int, each: int = EACH) -> dict[str, list[Result]]:
    """Every round each side once, another one first each time."""
    found: dict[str, list[Result]] = {side.name: [] for side in sides}
    try:
        for side in sides:
            side.start()
        for side in sides:
            _run(house, people, side, min(WARM, each))
        for turn in range(rounds):
            for side in (*sides[turn % len(sides) :], *sides[: turn % len(sides)]):
                result = _run(house, people, side, each)
                found[side.name].append(result)
                told = f"{result.per_second:.0f}/s，每 CPU 秒 {result.per_cpu:.0f} 条，连库 {result.with_stores:.0f} 条"
                progress(f"  {turn + 1}/{rounds} {side.name}：{told}")
    finally:
        for side in sides:
            side.stop()
    return found


def _run(house: House, people: Sequence[Somebody], side: Side, each: int) -> Result:
    """One side's round. SystemExit when something was lost, sent twice or other than the rest sent."""
    parcels = house.tell(_parcels(house, people, each))
    house.provider.forget()
    side.signal(signal.SIGSTOP)
    side.hand_over(parcels)
    stores = [pid for store in (house.stack.mongod, house.stack.redis) if store is not None and (pid := store.pid)]
    workers, all_stores, began = side.spent(), spent.seconds(stores), time.time()
    side.signal(signal.SIGCONT)
    _wait(house, side, parcels)
    workers, all_stores = side.spent() - workers, spent.seconds(stores) - all_stores
    seen = house.provider.seen()
    _same(house, parcels)
    return Result(each / (seen.last - began), each / workers, each / (workers + all_stores))


async def _parcels(house: House, people: Sequence[Somebody], each: int) -> list[Parcel]:
    """`each` messages, going round the people; consents as if nothing had been sent yet."""
    await house.mongo["consents"].update_many({}, {"$unset": {"under_way": ""}})
    template = str(_template_id(house))
    whom = [people[n % len(people)] for n in range(each)]
    words = [_told(one, n) for n, one in enumerate(whom)]
    own = uuid4().hex
    ids = await add(house.mongo, [(f"{own}-{n}", one.person_id, told) for n, (one, told) in enumerate(zip(whom, words, strict=True))])
    jobs = [
        Job(consent_id(one.resident_id, "wechat", KIND), message, await body(template, one.openid, told))
        for one, told, message in zip(whom, words, ids, strict=True)
    ]
    return [Parcel(message, KIND, job) for message, job in zip(ids, jobs, strict=True)]


def _told(one: Somebody, n: int) -> Told:
    fields: dict[str, Value] = {"item": "居民身份证补领", "state": "已受理", "at": AT, "remark": f"第{n}次", "case_no": one.case_no}
    return Told(KIND, "您的办件已受理。", fields, f"pages/case/detail?no={one.case_no}", one.case_no)


def _template_id(house: House) -> str:
    found = orjson.loads(house.stack.env["ZHANGBAN_WECHAT_TEMPLATES"])[KIND]
    return str(found if isinstance(found, str) else found["id"])


def _wait(house: House, side: Side, parcels: Sequence[Parcel]) -> None:
    """Until the provider has them all and every outcome is written."""
    end = time.monotonic() + LONGEST
    while house.provider.seen().calls < len(parcels):
        _in_time(side, end)
        time.sleep(0.1)
    while house.tell(_unwritten(house, parcels)):
        _in_time(side, end)
        time.sleep(0.1)
    if isinstance(side, Ours):
        house.quiet()


async def _unwritten(house: House, parcels: Sequence[Parcel]) -> int:
    return await house.mongo["messages"].count_documents({"_id": {"$in": [one.message for one in parcels]}, "push": "waiting"})


def _in_time(side: Side, end: float) -> None:
    if time.monotonic() > end:
        raise SystemExit(f"push_vs: {side.name} 没有在 {LONGEST:.0f} 秒内推完，见 {side.place.logs}")


def _same(house: House, parcels: Sequence[Parcel]) -> None:
    """Everybody sent exactly these bodies, each once."""
    sent = sorted(one.body for one in house.provider.calls())
    if sent != sorted(digest(one.job.body.encode()) for one in parcels):
        raise SystemExit("push_vs: what arrived is not what was to be sent")
