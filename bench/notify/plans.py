"""Every query of the push path at a million outbox rows and a million messages: how many of their plans read a whole collection?

Nobody lists the queries: the database's own profiler writes down what the API and the worker send during a short run, and with which plan each
was carried out. What only a person or a rare moment asks for is asked here through the same stores. A change stream reads the oplog, which
has no index and is read from its end: that is no query of ours.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from bench.figures import progress, report
from bench.notify.house import House
from bench.notify.kept import Kept
from bench.notify.people import KIND, Somebody, events
from bench.pay.posting import in_turn
from kit.clock import now
from kit.mongo import Mongo
from kit.outbox import Outbox
from notify import push
from notify.broadcast_store import Broadcasts
from notify.consent_store import Consents
from notify.kinds import Value
from notify.reminder_store import Reminders
from notify.store import Messages
from notify.told import Told

ROWS, RUN, INBOX = 1_000_000, 300, 40  # stored of each; events of the run; messages a person has
BATCH, PROFILE_BYTES = 5000, 64 * 1024 * 1024
WATCHED = ("outbox", "messages", "consents", "cases", "core_events", "residents", "identities", "preferences", "reminders", "broadcasts")
MUST = {("outbox", "query"), ("outbox", "update"), ("messages", "query"), ("messages", "update"), ("consents", "update")}
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """Queries that differ in their values alone. `asks`: the fields of the filter; `plan`: the index it names, in the database's words; `examined`:
    documents read by the greediest, beyond those it found."""

    collection: str
    op: str
    asks: str
    plan: str
    examined: int

    @property
    def reads_all(self) -> bool:
        return "COLLSCAN" in self.plan


def measure(house: House, rows: int = ROWS) -> None:
    people = house.people(RUN)
    for name in ("api", "worker"):  # nobody need watch a million rows being stored
        house.stack.children[name].stop()
    progress(f"  存入 {rows} 条待办和 {rows} 条消息…")
    house.tell(fill(house.mongo, people, rows))
    for name in ("api", "worker"):
        house.stack.children[name].start()
    house.stack.wait_ready()
    house.tell(_profile(house.mongo, 2))
    sent = house.tell(in_turn(house.stack.api, [house.teller.request(one) for one in events(people, house.next_version())], connections=16))
    if set(sent.statuses) != {204}:
        raise SystemExit(f"push_claim_collscans: events were not acknowledged: {dict(sent.statuses)}")
    house.quiet()
    house.tell(_asked_seldom(house.mongo, people[0]))
    house.tell(_profile(house.mongo, 0))
    found = house.tell(_found(house.mongo))
    _say(found)
    if missing := MUST - {(one.collection, one.op) for one in found}:
        raise SystemExit(f"push_claim_collscans: the profiler did not see {sorted(missing)}")
    about = f"shapes of queries the profiler saw on {', '.join(WATCHED)} with {rows} outbox rows and {rows} messages"
    report("push_claim_collscans", sum(one.reads_all for one in found), "plans", "lower", 0, about, len(found))


async def fill(mongo: Mongo, people: list[Somebody], rows: int) -> None:
    """Mostly done, as a year leaves them; one in a hundred waits for a later day, one in a thousand is parked. The run's people have full inboxes."""
    for name, documents in (("outbox", _outbox_rows(await _sample_row(), rows)), ("messages", _messages(await _sample_message(), people, rows))):
        for some in _batches(documents):
            await mongo[name].insert_many(some, ordered=False)


async def _asked_seldom(mongo: Mongo, one: Somebody) -> None:
    """An inbox opened and turned over, a message read; what WeChat says afterwards; what operators look at; what is due later."""
    messages, outbox = Messages(mongo), Outbox(mongo)
    page = await messages.inbox(one.person_id, None, 20)
    await messages.inbox(one.person_id, page[-1]["at"], 20)
    await messages.mark_read(page[0]["_id"], one.person_id)
    await messages.receipt("no id of ours", "delivered")
    await messages.of_case(one.case_no, 20)
    await messages.parked(20)
    await Consents(mongo).of_resident(one.resident_id, "wechat")
    await outbox.take_many(["bench.nothing"], 16)
    await outbox.hurry("push:nothing")
    await Reminders(mongo).take(now())
    await Broadcasts(mongo).take("bench")


async def _sample_row() -> Document:
    kept = Kept()
    await Outbox(cast("Mongo", kept)).put_many(None, push.KIND, push.rows([("m_sample", KIND)]))
    return next(iter(kept["outbox"].rows.values()))


async def _sample_message() -> Document:
    fields: dict[str, Value] = {"item": "居民身份证补领", "state": "已受理", "at": now(), "remark": "无", "case_no": "C"}
    kept = Kept()
    await Messages(cast("Mongo", kept)).add_many(
        cast("Any", None), [("e", "p", Told(KIND, "您的办件已受理。", fields, "pages/case/detail?no=C", "C"))]
    )
    return next(iter(kept["messages"].rows.values()))


def _outbox_rows(sample: Document, rows: int) -> Iterator[Document]:
    at = now()
    for n in range(rows):
        own = {"_id": f"push:m_old{n}", "created_at": at - timedelta(seconds=n), "due_at": at - timedelta(seconds=n)}
        if n % 1000 == 1:
            state: Document = {"state": "parked", "parked_at": at}
        elif n % 100 == 2:
            state = {"due_at": at + timedelta(days=1)}
        else:
            state = {"state": "done", "done_at": at, "payload": {}}
        yield sample | own | state


def _messages(sample: Document, people: list[Somebody], rows: int) -> Iterator[Document]:
    at = now()
    sent = {**sample["channels"], "wechat": {"outcome": "sent", "reason": None, "answer": None, "at": at}}
    for n in range(rows):
        whose = people[n // INBOX].person_id if n // INBOX < len(people) else f"p_old{n // INBOX}"
        own = {"_id": f"m_old{n}", "event_id": f"e{n}", "person_id": whose, "case_no": f"C{n // 4}", "at": at - timedelta(minutes=n % INBOX)}
        parked = {"parked_at": at} if n % 10_000 == 1 else {}
        yield sample | own | parked | {"push": "done", "channels": sent}


def _batches(documents: Iterator[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for one in documents:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _profile(mongo: Mongo, level: int) -> None:
    """Of everything, into a collection with room for the whole run."""
    if level:
        await mongo.database.drop_collection("system.profile")
        await mongo.database.create_collection("system.profile", capped=True, size=PROFILE_BYTES)
    await mongo.database.command("profile", level)


async def _found(mongo: Mongo) -> list[Shape]:
    seen = {"ns": {"$in": [f"{mongo.database.name}.{name}" for name in WATCHED]}, "planSummary": {"$exists": True}}
    return shapes([row async for row in mongo["system.profile"].find(seen)])


def shapes(profiled: Iterable[Mapping[str, Any]]) -> list[Shape]:
    """One a shape and plan."""
    greediest: Counter[tuple[str, str, str, str]] = Counter()
    for row in profiled:
        if _watches(row):
            continue
        command = row.get("command") or {}
        kind = "findAndModify" if "findandmodify" in {name.lower() for name in command} else row["op"]
        plan = ", ".join(dict.fromkeys(str(row["planSummary"]).split(", IXSCAN ")))
        key = row["ns"].partition(".")[2], kind, _fields(row.get("originatingCommand") or command), plan
        useful = row.get("nreturned") or row.get("nMatched") or row.get("ndeleted") or 0
        greediest[key] = max(greediest[key], row.get("docsExamined", 0) - useful)
    return [Shape(*key, examined) for key, examined in sorted(greediest.items())]


def _fields(command: Mapping[str, Any]) -> str:
    """A mark's own name, which holds a message's id, left out."""
    stages = command.get("pipeline") or ()
    matched: Mapping[str, Any] = next((stage["$match"] for stage in stages if "$match" in stage), {})
    wanted = command.get("filter") or command.get("q") or command.get("query") or matched
    return " ".join(re.sub(r"m_[0-9a-f]{32}", "…", name) for name in wanted)


def _watches(row: Mapping[str, Any]) -> bool:
    """A change stream, opened or read on."""
    for command in (row.get("command") or {}, row.get("originatingCommand") or {}):
        if any("$changeStream" in stage for stage in command.get("pipeline") or ()):
            return True
    return False


def _say(found: Iterable[Shape]) -> None:
    for one in found:
        progress(f"  {one.collection} {one.op}（{one.asks}）：{one.plan}，多读 {one.examined} 份")
