"""A case's timeline under any order, repetition and strangeness of what the core tells."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from cases import store as store_module
from cases.store import Cases
from core.types import CaseMove, CaseState, RawEventPage
from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import Mongo
from miniapp_api.core_events import take_feed
from tests.cases.sendings import make_sending, record


@pytest.fixture
async def cases(mongo: Mongo, keys: Keyring) -> Cases:
    await mongo.create_indexes(store_module.INDEXES)
    return Cases(mongo, keys)


async def make_case(mongo: Mongo, cases: Cases) -> str:
    """A case whose submit the core has not answered yet."""
    return await record(mongo, cases, make_sending())


def make_move(version: int, state: CaseState) -> CaseMove:
    return CaseMove(version=version, state=state, at=now())


MOVES = [make_move(1, CaseState.SUBMITTED), make_move(2, CaseState.ACCEPTED), make_move(3, CaseState.APPROVED)]


@pytest.mark.parametrize("order", list(itertools.permutations(MOVES)))
async def test_any_order_and_repetition_ends_in_the_same_case(mongo: Mongo, cases: Cases, order: tuple[CaseMove, ...]) -> None:
    request_id = await make_case(mongo, cases)
    rows = [row for move in (*order, *order) if (row := await cases.apply_move(None, request_id, "C1", move)) is not None]
    versions, row = [one["version"] for one in rows], rows[-1]
    assert len(versions) == 6 and versions == sorted(versions)
    assert (row["state"], row["version"], row["case_no"]) == ("approved", 3, "C1")
    assert [entry["version"] for entry in row["timeline"]] == [1, 2, 3]


async def test_a_case_that_is_not_ours_is_not_made(mongo: Mongo, cases: Cases) -> None:
    assert await cases.apply_move(None, "q_unknown", "C9", MOVES[1]) is None
    assert await mongo["cases"].count_documents({}) == 0


async def test_an_event_nobody_can_read_is_kept_once_and_the_feed_goes_on(mongo: Mongo, cases: Cases) -> None:
    odd = {"event_id": "e1", "seq": 1, "type": "case.moved", "case_no": "C1", "request_id": "q1", "move": {"version": 2, "state": "sent-to-the-moon"}}

    class Core:
        async def events_page(self, cursor: str) -> RawEventPage:
            return RawEventPage(events=() if cursor else (odd, {"$odd": {"a.b": 1}}), next_cursor="2", has_more=False)

    deps: Any = SimpleNamespace(cases=cases, core=Core())
    assert await take_feed(deps) == 0
    await mongo["feeds"].delete_many({})
    await take_feed(deps)
    parked = [row async for row in mongo["core_events_parked"].find()]
    assert len(parked) == 2 and any("move.state" in row["reason"] for row in parked)
    assert all("moon" not in repr(row) for row in parked)
    assert await cases.feed_cursor() == "2"
