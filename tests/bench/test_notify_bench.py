"""The push bench measures what it says: events are genuine, persons stand as they would, everybody sends the same bytes, and nothing is counted kindly."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from bench.notify import at_times, flood, latency, plans, race, spent
from bench.notify.at_times import Told
from bench.notify.kept import Kept
from bench.notify.peers import Job, outcome, take
from bench.notify.people import KIND, Somebody, Teller, event, settle
from bench.notify.provider import Call, Provider, digest, doubles
from bench.notify.race import Result
from bench.notify.sides import add, body
from cases import store as cases_store
from cases.store import Cases
from core.signature import Forged, check_event
from core.types import CoreEvent
from kit import outbox
from kit.clock import now
from kit.crypto import Keyring
from kit.embedded import child_options
from kit.http import Http
from kit.mongo import Mongo
from kit.redis import Redis
from kit.wechat import WeChat, WeChatAccount
from notify import broadcast_store, consent_store, reminder_store
from notify import store as notify_store
from notify.channel import Outgoing
from notify.consent_store import Consents, consent_id
from notify.kinds import KINDS
from notify.store import Messages
from notify.templates import Template
from notify.wechat import WeChatPush
from residents import store as residents_store
from residents.reach_store import ReachStore

STORES = (outbox, notify_store, consent_store, reminder_store, broadcast_store, cases_store, residents_store)


@pytest.fixture
async def ours(mongo: Mongo) -> Mongo:
    for module in STORES:
        await mongo.create_indexes(module.INDEXES)
    return mongo


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(0) as own:
        yield own


async def somebody(mongo: Mongo, keys: Keyring) -> Somebody:
    (own,) = await settle(mongo, keys, 1)
    return own


async def parcel(mongo: Mongo, one: Somebody, n: int = 0) -> Job:
    told = race._told(one, n)
    (message,) = await add(mongo, [(f"e{n}", one.person_id, told)])
    return Job(consent_id(one.resident_id, "wechat", KIND), message, await body("T1", one.openid, told))


# persons and events


async def test_a_prepared_person_can_be_told_as_any_other(ours: Mongo, keys: Keyring) -> None:
    one = await somebody(ours, keys)
    reachable = (await ReachStore(ours, keys).of([one.person_id]))[one.person_id]
    assert reachable.accounts == [("wechat", one.resident_id, one.openid)]
    assert await Consents(ours).take(one.resident_id, "wechat", KIND, "m_1") == "taken"


async def test_a_prepared_case_takes_every_move_the_core_tells(ours: Mongo, keys: Keyring) -> None:
    one, cases = await somebody(ours, keys), Cases(ours, keys)
    for version in range(2, 7):
        told = CoreEvent.model_validate_json(orjson.dumps(event(one, version, version)))
        row = await cases.apply_move(None, told.request_id, told.case_no, told.move)
        assert row is not None and (row["person_id"], row["case_no"], row["version"], row["gap"]) == (one.person_id, one.case_no, version, False)


async def test_our_check_takes_an_event_signed_here_and_none_that_was_changed() -> None:
    teller = Teller("http://127.0.0.1:1", "s" * 32, "sha256")
    one = Somebody("p", "r", "o", "case_1", "C1")
    head, _, sent = teller.request(event(one, 2, 1)).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    named = dict(line.split(": ", 1) for line in lines)
    at, nonce, signed = (named[f"X-Core-{name}"] for name in ("Timestamp", "Nonce", "Signature"))
    check_event(b"s" * 32, at, nonce, signed, sent, time.time())
    with pytest.raises(Forged, match="bad_signature"):
        check_event(b"s" * 32, at, nonce, signed, sent.replace(b"C1", b"C2"), time.time())
    assert first == "POST /callbacks/core HTTP/1.1" and int(named["Content-Length"]) == len(sent)


async def test_kept_documents_are_those_the_store_would_have_written(ours: Mongo, keys: Keyring) -> None:
    one = await somebody(ours, keys)
    await Consents(ours).rewrite(None, ("r_x", "wechat", KIND), lambda consent: replace(consent, remaining=1, last_result="accept", at=now()))
    mine, bare = [await ours["consents"].find_one({"_id": f"{who}/wechat/{KIND}"}) for who in (one.resident_id, "r_x")]
    assert mine is not None and bare is not None and list(mine) == list(bare)
    of_its_own = {"_id", "resident_id", "remaining", "at"}
    assert {name: mine[name] for name in mine.keys() - of_its_own} == {name: bare[name] for name in bare.keys() - of_its_own}


async def test_a_kept_document_takes_no_change_it_does_not_understand() -> None:
    kept = Kept()
    await kept["cases"].insert_one({"_id": 1, "n": 1})
    assert await kept["cases"].find_one_and_update({"_id": 1}, {"$set": {"a": 2}, "$inc": {"n": 1}}) == {"_id": 1, "n": 2, "a": 2}
    with pytest.raises(KeyError, match="unset"):
        await kept["cases"].find_one_and_update({"_id": 1}, {"$set": {}, "$unset": {"a": ""}})


# the provider


def test_the_provider_remembers_what_it_was_sent_and_knows_a_double(provider: Provider) -> None:
    def post(path: str, sent: bytes, *, pieces: int = 1) -> dict[str, Any]:
        whole = f"POST {path} HTTP/1.1\r\nHost: x\r\ncontent-length: {len(sent)}\r\n\r\n".encode() + sent
        with socket.create_connection(("127.0.0.1", provider.port), timeout=5) as connection:
            for first in range(0, len(whole), -(-len(whole) // pieces)):
                connection.sendall(whole[first : first + -(-len(whole) // pieces)])
            answer = connection.recv(65536)
        return cast("dict[str, Any]", json.loads(answer.partition(b"\r\n\r\n")[2]))

    send, token = "/cgi-bin/message/subscribe/send?access_token=bench", "/cgi-bin/stable_token"
    one, other = (orjson.dumps({"touser": "o1", "template_id": "T", "page": page}) for page in ("a", "b"))
    before = time.time()
    assert post(token, b"{}")["access_token"] and post("/cgi-bin/message/subscribe/send", one)["errcode"] == 41001
    assert [post(send, sent, pieces=pieces)["errcode"] for sent, pieces in ((one, 1), (other, 7), (one, 3))] == [0, 0, 0]
    seen = provider.seen()
    assert (seen.calls, seen.doubles) == (3, 1) and before <= seen.first <= seen.last <= time.time()
    assert [(call.page, call.body) for call in provider.calls()] == [("a", digest(one)), ("b", digest(other)), ("a", digest(one))]
    provider.forget()
    assert provider.seen().calls == 0


def test_the_provider_answers_after_the_time_it_was_told() -> None:
    with Provider(200) as slow, socket.create_connection(("127.0.0.1", slow.port), timeout=5) as connection:
        began = time.monotonic()
        sent = b'{"touser":"o","template_id":"T"}'
        connection.sendall(b"POST /cgi-bin/message/subscribe/send?access_token=b HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(sent) + sent)
        assert connection.recv(65536).endswith(b'"ok"}') and time.monotonic() - began >= 0.19  # the loop's clock ticks in milliseconds


# the peers


async def test_a_peer_posts_the_very_bytes_our_worker_posts(ours: Mongo, keys: Keyring, provider: Provider, redis_url: str) -> None:
    one = await somebody(ours, keys)
    http, redis, told = Http([provider.url]), Redis(redis_url), race._told(one, 0)
    adapter = WeChatPush(
        WeChat(http, redis, WeChatAccount(provider.url, f"wx{os.urandom(4).hex()}", "s")), {KIND: Template(KIND, "T1", KINDS[KIND].wechat)}
    )
    await adapter.send(one.openid, Outgoing("m", KINDS[KIND], told.fields, told.page))
    await http.close()
    await redis.close()
    assert [call.body for call in provider.calls()] == [digest((await parcel(ours, one)).body.encode())]


@pytest.fixture
async def peers(ours: Mongo, mongo_url: str, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Any]]:
    """Their tasks as their workers would call them."""
    for name, value in {"BENCH_MONGO": mongo_url, "BENCH_DATABASE": ours.database.name, "BENCH_WECHAT": provider.url}.items():
        monkeypatch.setenv(name, value)
    from bench.notify.peers import celery_push, taskiq_push

    celery_push.parts.cache_clear()
    monkeypatch.setattr(taskiq_push, "parts", taskiq_push.Parts(), raising=False)

    async def celery(job: Job) -> None:
        await asyncio.to_thread(celery_push.push, **job.named())

    async def taskiq(job: Job) -> None:
        await taskiq_push.push(**job.named())

    yield {"celery": celery, "taskiq": taskiq}
    celery_push.parts.cache_clear()
    await taskiq_push.parts.http.close()


@pytest.mark.parametrize("name", ["celery", "taskiq"])
async def test_a_peer_takes_the_consent_sends_and_writes_the_outcome_once(
    name: str, peers: dict[str, Any], ours: Mongo, keys: Keyring, provider: Provider
) -> None:
    one = await somebody(ours, keys)
    job = await parcel(ours, one)
    before = await ours["consents"].find_one({"_id": job.consent})
    for _ in range(2):
        await peers[name](job)
    assert [call.body for call in provider.calls()] == [digest(job.body.encode())]
    after, message = await ours["consents"].find_one({"_id": job.consent}), await Messages(ours).message(job.message)
    assert before is not None and after is not None and message is not None
    assert (after["remaining"], list(after["under_way"])) == (before["remaining"] - 1, [job.message])
    assert (message["push"], message["channels"]["wechat"]["outcome"]) == ("done", "sent")


@pytest.mark.parametrize("name", ["celery", "taskiq"])
async def test_a_peer_sends_nothing_without_a_consent(name: str, peers: dict[str, Any], ours: Mongo, keys: Keyring, provider: Provider) -> None:
    job = await parcel(ours, await somebody(ours, keys))
    await ours["consents"].update_one({"_id": job.consent}, {"$set": {"remaining": 0}})
    await peers[name](job)
    assert provider.seen().calls == 0


async def test_what_a_peer_writes_is_refused_the_second_time(ours: Mongo, keys: Keyring) -> None:
    job = await parcel(ours, await somebody(ours, keys))
    for name, write in (("consents", take(job.consent, job.message)), ("messages", outcome(job.message, now(), "sent"))):
        assert [(await ours[name].update_one(*write)).modified_count for _ in range(2)] == [1, 0]


async def test_a_round_in_which_something_else_arrived_is_no_round(ours: Mongo, keys: Keyring, provider: Provider, peers: dict[str, Any]) -> None:
    jobs = [await parcel(ours, await somebody(ours, keys), n) for n in range(2)]
    house = cast("Any", SimpleNamespace(provider=provider))
    parcels = [cast("Any", SimpleNamespace(job=job)) for job in jobs]
    await peers["taskiq"](jobs[0])
    with pytest.raises(SystemExit, match="is not what was to be sent"):
        race._same(house, parcels)
    await peers["taskiq"](jobs[1])
    race._same(house, parcels)


def test_each_round_is_compared_with_the_same_round_of_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    rounds = {
        "ours": (900.0, 300.0, 600.0),
        "celery": (300.0, 100.0, 100.0),
        "celery_threads": (900.0, 150.0, 300.0),
        "taskiq": (300.0, 600.0, 600.0),
    }
    race._compare({name: [Result(1.0, rate, rate / 2) for rate in rates] for name, rates in rounds.items()})
    told = {one["name"]: one["value"] for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert told["push_vs_celery_threads"] == 2.0
    assert (told["push_vs_celery"], told["push_vs_celery_with_stores"], told["push_vs_taskiq"]) == (3.0, 3.0, 1.0)


# counting


def call(openid: str, at: float = 0.0, sent: str = "x") -> Call:
    return Call(openid, "T", "", sent, at)


def test_the_same_body_to_the_same_person_is_a_double_and_another_one_is_not() -> None:
    assert doubles([call("a"), call("b"), call("a", sent="y")]) == 0
    assert doubles([call("a"), call("a", 9.0), call("a", 10.0)]) == 2


def test_who_was_told_never_or_twice_is_counted() -> None:
    assert flood.missed([call("a"), call("b"), call("b"), call("b")], ["a", "b", "c", "d"]) == (2, 2)


def test_a_gap_counts_from_when_the_event_was_due_and_needs_exactly_one_push() -> None:
    people = [Somebody("p", "r", openid, "c", "C") for openid in ("a", "b")]
    told = [Told(due, late=5.0, acked=9.0, status=204) for due in (100.0, 101.0)]
    assert latency.gaps(people, told, [call("b", 101.25), call("a", 100.5)]) == [500.0, 250.0]
    for calls in ([call("a", 100.5)], [call("a", 100.5), call("b", 101.0), call("b", 102.0)]):
        with pytest.raises(SystemExit, match="1 of 2"):
            latency.gaps(people, told, calls)


async def test_events_are_sent_each_at_its_time_and_one_without_an_answer_is_told() -> None:
    came = list[float]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while b"drop" not in await reader.readuntil(b"\r\n\r\n"):
                came.append(time.time())
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        told = await at_times.send(base, [b"POST / HTTP/1.1\r\n\r\n", b"POST /drop HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"], rate=10)
    assert [one.status for one in told] == [204, 0, 204]
    assert [round(one.due - told[0].due, 3) for one in told] == [0.0, 0.1, 0.2]
    assert all(at >= one.due for one, at in zip((told[0], told[2]), came, strict=True))


def test_the_cpu_of_children_counts_and_that_of_strangers_does_not() -> None:
    busy = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\nprint(1, flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    options = child_options() | {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", parent], **options) as process:
        assert cast("Any", process.stdout).readline()
        assert spent.seconds([process.pid]) >= 0.25 and len(spent.running([process.pid])) == 2
        process.communicate("\n")
    assert spent.running([process.pid]) == set()
    assert spent.tree([1, 9], {1: 0, 2: 1, 3: 2, 4: 0}) == {1, 2, 3}


def test_the_time_ps_tells_is_read() -> None:
    assert [spent._clock(one) for one in ("0:01.50", "1:02:03", "2-00:00:01")] == [1.5, 3723.0, 172801.0]


# plans


async def test_a_query_without_an_index_is_seen_and_one_with_is_not_counted(ours: Mongo, keys: Keyring) -> None:
    one = await somebody(ours, keys)
    await plans.fill(ours, [one], 200)
    await plans._profile(ours, 2)
    assert len(await Messages(ours).inbox(one.person_id, None, 20)) == 20
    assert await ours["messages"].find_one({"text": "nothing"}) is None
    await ours["consents"].update_many({}, {"$unset": {"under_way": ""}})
    await plans._profile(ours, 0)
    found = [(shape.collection, shape.op, shape.reads_all) for shape in await plans._found(ours)]
    assert sorted(found) == [("consents", "update", True), ("messages", "query", False), ("messages", "query", True)]


async def test_what_is_asked_seldom_reads_no_whole_collection(ours: Mongo, keys: Keyring) -> None:
    one = await somebody(ours, keys)
    await plans.fill(ours, [one], 200)
    await plans._profile(ours, 2)
    await plans._asked_seldom(ours, one)
    await plans._profile(ours, 0)
    found = await plans._found(ours)
    assert [shape for shape in found if shape.reads_all] == []
    asked = {("messages", "query"), ("messages", "update"), ("consents", "query"), ("outbox", "query"), ("outbox", "update")}
    assert asked <= {(shape.collection, shape.op) for shape in found}


def test_a_change_stream_is_no_query_of_ours() -> None:
    row = {"ns": "d.outbox", "planSummary": "COLLSCAN", "op": "command", "command": {"aggregate": "outbox", "pipeline": [{"$changeStream": {}}]}}
    more = {**row, "op": "getmore", "command": {"getMore": 1}, "originatingCommand": row["command"]}
    assert plans.shapes([row, more]) == []
    assert [one.reads_all for one in plans.shapes([{**row, "command": {"aggregate": "outbox", "pipeline": []}}])] == [True]


async def test_what_is_stored_stands_as_a_year_leaves_it(ours: Mongo, keys: Keyring) -> None:
    one = await somebody(ours, keys)
    await plans.fill(ours, [one], 1000)
    states = {state: await ours["outbox"].count_documents({"state": state}) for state in ("done", "waiting", "parked")}
    assert states == {"done": 989, "waiting": 10, "parked": 1}
    assert await ours["messages"].count_documents({"person_id": one.person_id, "push": "done"}) == plans.INBOX
