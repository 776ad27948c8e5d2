"""The case is right under any order, loss and repetition of what the core tells, by webhook, feed and the submit's own reply at once."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import clock_store
from cases import store as store_module
from cases.moves import Projection, project
from cases.store import Cases
from core.types import Case, CaseMove, CaseState, CoreEvent, CorrectionNotice, Finding
from kit.crypto import Keyring
from kit.mongo import DuplicateKeyError, Mongo, Tx, connect
from tests.cases.sendings import make_sending, record

BEGAN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
NEXT = {
    CaseState.SUBMITTED: (CaseState.ACCEPTED, CaseState.CORRECTIONS, CaseState.REJECTED, CaseState.WITHDRAWN),
    CaseState.ACCEPTED: (CaseState.CORRECTIONS, CaseState.APPROVED, CaseState.REJECTED, CaseState.OTHER),
    CaseState.CORRECTIONS: (CaseState.SUPPLEMENTED, CaseState.ACCEPTED, CaseState.WITHDRAWN),
    CaseState.SUPPLEMENTED: (CaseState.ACCEPTED, CaseState.CORRECTIONS),
    CaseState.APPROVED: (CaseState.ISSUED,),
    CaseState.OTHER: (CaseState.APPROVED,),
}


@st.composite
def histories(draw: st.DrawFn) -> list[CaseMove]:
    """What one case went through at the core, version 1 first; its moments may repeat."""
    moves, state, at, notices = [], CaseState.SUBMITTED, BEGAN, 0
    for version in range(1, draw(st.integers(1, 8)) + 1):
        notice = None
        if state is CaseState.CORRECTIONS:
            notices += 1
            notice = CorrectionNotice(notice_no=f"BZ{notices}", ordinal=notices)
        findings = (Finding(target="field", name=draw(st.sampled_from(("甲", "乙"))), problem="不对"),) if notice else ()
        moves.append(CaseMove(version=version, state=state, at=at, findings=findings, notice=notice))
        at += timedelta(hours=draw(st.integers(0, 40)))
        if state not in NEXT:
            break
        state = draw(st.sampled_from(NEXT[state]))
    return moves


@st.composite
def tellings(draw: st.DrawFn) -> tuple[list[CaseMove], list[int]]:
    """A history and the order it is told in: each version any number of times, some not at all."""
    moves = draw(histories())
    return moves, draw(st.lists(st.sampled_from(range(len(moves))), max_size=2 * len(moves)))


@given(tellings())
@settings(max_examples=500)
def test_what_is_shown_depends_on_what_was_told_and_not_on_the_order(told: tuple[list[CaseMove], list[int]]) -> None:
    moves, order = told
    heard: list[CaseMove] = []
    version = 0
    for place in order:
        heard.append(moves[place])
        shown = project(heard, "C1")
        assert shown.version >= version and shown.version == max(one.version for one in heard)
        assert shown.state is moves[shown.version - 1].state
        assert shown == project(sorted({one.version: one for one in heard}.values(), key=lambda one: one.version), "C1")
        version = shown.version
    rest = project([*heard, *reversed(moves)], "C1")
    assert rest == project(moves, "C1") and not rest.gap


@pytest.fixture(scope="session")
async def shared(mongo_url: str) -> Any:
    """One database for all examples: making its indexes anew each time would take longer than the rest."""
    own = connect(mongo_url, "projection_tests")
    await own.client.drop_database(own.database.name)
    await own.create_indexes(store_module.INDEXES)
    await own.create_indexes(clock_store.INDEXES)
    yield own
    await own.client.drop_database(own.database.name)
    await own.close()


async def make_case(mongo: Mongo, cases: Cases) -> str:
    return await record(mongo, cases, make_sending({"甲": "1", "乙": "2"}, "行政许可"))


class Crash(Exception):
    """The process dies here."""


async def hear(mongo: Mongo, cases: Cases, event: CoreEvent, *, crash: bool = False) -> None:
    """As the webhook and the feed do: the inbox row and the move are one write; a second time is refused by the inbox."""

    async def both(tx: Tx) -> None:
        await cases.first_time(tx, [(event.event_id, event.case_no)])
        await cases.apply_moves(tx, [(event.request_id, event.case_no, event.move)])
        if crash:
            raise Crash

    try:
        await mongo.transaction(both)
    except (DuplicateKeyError, Crash):
        return


async def reply(mongo: Mongo, cases: Cases, case: Case) -> None:
    """As the worker does when the core answers the submit, or find_case does."""

    async def alone(tx: Tx) -> None:
        await cases.record_filed(tx, case)

    await mongo.transaction(alone)


@st.composite
def races(draw: st.DrawFn) -> tuple[list[CaseMove], list[list[tuple[str, int]]]]:
    """Waves; what is in one wave happens at once. ("event" | "crash" | "reply", place in the history)"""
    moves = draw(histories())
    act = st.tuples(st.sampled_from(("event", "event", "event", "crash", "reply")), st.integers(0, len(moves) - 1))
    return moves, draw(st.lists(st.lists(act, min_size=1, max_size=4), max_size=4))


@given(races())
@settings(max_examples=200)
async def test_webhook_feed_and_reply_racing_end_in_the_case_as_the_core_has_it(
    shared: Mongo, session_keys: Keyring, told: tuple[list[CaseMove], list[list[tuple[str, int]]]]
) -> None:
    moves, waves = told
    cases = Cases(shared, session_keys)
    request_id = await make_case(shared, cases)
    number = f"C{request_id}"
    events = [
        CoreEvent(event_id=f"{request_id}-{one.version}", seq=one.version, type="case.moved", case_no=number, request_id=request_id, move=one)
        for one in moves
    ]
    heard: set[int] = set()
    version = 0
    for wave in waves:
        await asyncio.gather(*(one_act(shared, cases, act, events, place) for act, place in wave))
        for act, place in wave:
            heard |= {place} if act == "event" else set(range(place + 1)) if act == "reply" else set()
        row = await stored(shared, request_id)
        assert row["version"] >= version
        assert row["state"] == (moves[row["version"] - 1].state.value if row["version"] else "sending")
        assert [entry["version"] for entry in row["timeline"]] == sorted(place + 1 for place in heard)
        version = row["version"]
    for event in reversed(events):  # the feed at last tells all of it
        await hear(shared, cases, event)
    await matches(shared, request_id, project(moves, number, submitted_at=moves[0].at))


async def one_act(mongo: Mongo, cases: Cases, act: str, events: list[CoreEvent], place: int) -> None:
    if act == "reply":
        await reply(mongo, cases, as_filed(events[: place + 1]))
    else:
        await hear(mongo, cases, events[place], crash=act == "crash")


def as_filed(events: list[CoreEvent]) -> Case:
    last, moves = events[-1], tuple(event.move for event in events)
    state, version = last.move.state, last.move.version
    more = {"item_code": "I1", "item_version": 1, "item_name": "事项", "submitted_at": moves[0].at}
    return Case.model_validate(
        {"case_no": last.case_no, "request_id": last.request_id, "state": state, "version": version, "timeline": moves, **more}
    )


async def stored(mongo: Mongo, request_id: str) -> dict[str, Any]:
    row = await mongo["cases"].find_one({"_id": request_id})
    assert row is not None
    return row


async def matches(mongo: Mongo, request_id: str, wanted: Projection) -> None:
    row = await stored(mongo, request_id)
    assert wanted.state is not None
    assert (row["state"], row["version"], row["moved_at"]) == (wanted.state.value, wanted.version, wanted.moved_at)
    assert tuple(CaseMove.model_validate(entry) for entry in row["timeline"]) == wanted.timeline
    assert row["open_notice"] == (wanted.open_notice.notice_no if wanted.open_notice else None)
    assert (row["received_at"], row["first_reply_at"], row["gap"]) == (wanted.received_at, wanted.first_reply_at, False)


@pytest.fixture(scope="session")
def session_keys() -> Keyring:
    return Keyring({"k1": bytes(range(32))}, "k1", bytes(32))


async def test_forty_writers_at_once_lose_nothing(mongo: Mongo, keys: Keyring) -> None:
    """Outside of any transaction: the compare-and-set alone keeps every move."""
    await mongo.create_indexes(store_module.INDEXES)
    cases = Cases(mongo, keys)
    request_id = await make_case(mongo, cases)
    moves = [CaseMove(version=version, state=CaseState.OTHER, at=BEGAN) for version in range(1, 41)]
    done: list[Awaitable[Any]] = [cases.apply_move(None, request_id, "C1", move) for move in moves]
    assert None not in await asyncio.gather(*done)
    row = await stored(mongo, request_id)
    assert [entry["version"] for entry in row["timeline"]] == list(range(1, 41)) and row["version"] == 40


async def test_a_second_telling_writes_nothing(mongo: Mongo, keys: Keyring) -> None:
    cases = Cases(mongo, keys)
    request_id = await make_case(mongo, cases)
    move = CaseMove(version=1, state=CaseState.CORRECTIONS, at=BEGAN, findings=(Finding(problem="缺"),))
    first = await cases.apply_move(None, request_id, "C1", move)
    again = await cases.apply_move(None, request_id, "C1", move)
    assert first is not None and again is not None and first["revision"] == again["revision"]


async def test_a_case_of_an_earlier_release_moves_on(mongo: Mongo, keys: Keyring) -> None:
    """No revision, no content, no notice in its timeline."""
    old = {"version": 1, "state": "submitted", "at": BEGAN, "text": "", "findings": []}
    row = {"_id": "q1", "case_no": "C1", "state": "submitted", "version": 1, "timeline": [old], "submitted_at": BEGAN, "answers": "k1:x"}
    await mongo["cases"].insert_one(row)
    moved = await Cases(mongo, keys).apply_move(None, "q1", "C1", CaseMove(version=2, state=CaseState.CORRECTIONS, at=BEGAN))
    assert moved is not None and (moved["state"], moved["revision"], moved["open_notice"]) == ("corrections", 1, "C1-2")


async def test_a_version_told_twice_with_other_words_keeps_the_first(mongo: Mongo, keys: Keyring) -> None:
    cases = Cases(mongo, keys)
    request_id = await make_case(mongo, cases)
    for text in ("先说的", "后说的"):
        row = await cases.apply_move(None, request_id, "C1", CaseMove(version=1, state=CaseState.ACCEPTED, at=BEGAN, text=text))
    assert row is not None and [entry["text"] for entry in row["timeline"]] == ["先说的"]
