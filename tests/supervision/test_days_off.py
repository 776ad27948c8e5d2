"""The operator's days count, whoever begins to work and whatever it knew before: nobody is warned by the library's."""

import asyncio
import logging
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from cases.store import Cases
from content.store import Content
from core.types import CaseMove, CaseState
from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.workdays import Calendar, Special, Workdays, built_in, day_of
from miniapp_api import supervised as supervised_module
from miniapp_api import supervision_snapshot
from miniapp_api.jobs_supervision import look_for_warnings
from miniapp_api.supervised import Supervised, count_anew
from miniapp_api.wiring import Deps
from supervision import warning_store
from supervision.store import Facts
from supervision.warning_store import Warnings
from supervision.warnings import warn
from tests.cases.sendings import make_sending, record
from tests.supervision.test_facts import facts, move, prepared

CASES = 5
BACK, AHEAD = 60, 60  # days off around today


async def days_off(mongo: Mongo) -> Calendar:
    """As an operator set them, in another process: two months without a working day, and two to come."""
    calendar, today = Workdays(mongo), day_of(now())
    for n in range(-BACK, AHEAD):
        await calendar.set_day(today + timedelta(days=n), Special("holiday", "停工"))
    return await calendar.load()


async def waiting(mongo: Mongo, cases: Cases, supervised: Supervised) -> None:
    """Accepted fifty days ago, ten working days: late by the library's calendar, and by the operator's none has gone by."""
    for _ in range(CASES):
        request_id = await record(mongo, cases, make_sending(kind="行政许可"))
        for version, state in enumerate((CaseState.SUBMITTED, CaseState.ACCEPTED), 1):
            await move(mongo, cases, supervised, request_id, CaseMove(version=version, state=state, at=now() - timedelta(days=50)))


def worker(mongo: Mongo, cases: Cases) -> Deps:
    """The parts of one that the job uses. It has just begun and knows the library's days only."""
    workdays, kept = Workdays(mongo), Facts(mongo)
    supervising = SimpleNamespace(facts=kept, warnings=Warnings(mongo), supervised=Supervised(kept, Content(mongo), workdays))
    return cast("Deps", SimpleNamespace(mongo=mongo, cases=cases, supervising=supervising, workdays=workdays))


async def test_a_worker_that_has_just_begun_warns_of_nothing_that_is_due_by_the_librarys_days_alone(mongo: Mongo, keys: Keyring) -> None:
    cases, supervised = await prepared(mongo, keys)
    await mongo.create_indexes(warning_store.INDEXES)
    await waiting(mongo, cases, supervised)
    assert all(row["due_at"] < now() for row in await facts(mongo))
    own = await days_off(mongo)
    await look_for_warnings(worker(mongo, cases))
    assert await mongo["supervision_warnings"].count_documents({}) == 0
    assert {row["edition"] for row in await facts(mongo)} == {own.edition} != {built_in().edition}
    assert all(row["due_at"] > now() + timedelta(days=AHEAD) for row in await facts(mongo))


async def test_counting_anew_ends_and_counts_by_its_own_days_where_the_process_knows_others(
    mongo: Mongo, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised_module, "BATCH", 2)
    cases, supervised = await prepared(mongo, keys)
    await waiting(mongo, cases, supervised)
    own = await days_off(mongo)
    async with asyncio.timeout(20):
        assert await count_anew(mongo, cases, supervised, own) == CASES  # `supervised` still has the library's
        assert await count_anew(mongo, cases, supervised, own) == 0
    assert {row["edition"] for row in await facts(mongo)} == {own.edition}


async def test_counting_anew_ends_while_another_process_counts_otherwise(mongo: Mongo, keys: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised_module, "BATCH", 2)
    cases, supervised = await prepared(mongo, keys)
    await waiting(mongo, cases, supervised)
    own, asked = await days_off(mongo), supervised.facts.put

    async def undone(tx: object, rows: list[dict[str, object]]) -> None:
        await asked(tx, [{**row, "edition": "other"} for row in rows])  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(supervised.facts, "put", undone)
    async with asyncio.timeout(20):
        assert await count_anew(mongo, cases, supervised, own) <= 2 * CASES


async def test_facts_of_cases_that_are_gone_do_not_keep_the_others_from_being_counted(
    mongo: Mongo, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised_module, "BATCH", 2)
    cases, supervised = await prepared(mongo, keys)
    await waiting(mongo, cases, supervised)
    gone = [row["_id"] for row in await facts(mongo)][:2]
    await mongo["cases"].delete_many({"_id": {"$in": gone}})
    async with asyncio.timeout(20):
        assert await count_anew(mongo, cases, supervised, await days_off(mongo)) == CASES - 2


class OneCase:
    """A store with one open case that is late, whose days were counted by that calendar."""

    def __init__(self, edition: str) -> None:
        day = now() - timedelta(days=1)
        kept = {"case_no": "C1", "item_code": "I1", "department": "一局", "region": None, "step": "accepted", "due_kind": "legal"}
        self.row: dict[str, object] = {"_id": "q1", **kept, "near_at": day, "due_at": day, "edition": edition}
        self.opened: list[dict[str, object]] = []

    async def near(self, moment: datetime, after: object, limit: int) -> list[dict[str, object]]:
        return [self.row] if after is None else []

    async def known(self, own: list[str]) -> set[str]:
        return set()

    async def open(self, rows: list[dict[str, object]]) -> int:
        self.opened += rows
        return len(rows)


async def test_a_case_counted_by_a_process_with_other_days_is_not_warned_of_before_it_is_counted_anew() -> None:
    for edition, new in ((built_in().edition, 2), ("of a process that has not heard yet", 0)):
        one = OneCase(edition)
        assert await warn(one, one, built_in(), now()) == new == len(one.opened)


async def test_whether_a_month_can_be_kept_is_asked_by_the_operators_days(mongo: Mongo, caplog: pytest.LogCaptureFixture) -> None:
    workdays = Workdays(mongo)
    monday = datetime.fromisoformat("2026-03-02T04:00:00+00:00")
    await workdays.set_day(day_of(monday), Special("holiday", "停工"))
    deps = cast("Deps", SimpleNamespace(workdays=workdays))  # whoever went on from here would need more
    with caplog.at_level(logging.INFO):
        await supervision_snapshot.keep_by_itself(deps, at=monday)
    assert caplog.records == []
