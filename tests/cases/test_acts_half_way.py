"""Filing, correcting, withdrawing and showing a licence, dying at every write in between: what reached the core is found, and never done twice."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from cases import acting as acting_module
from cases import file_store, licence_store
from cases import store as store_module
from cases import submit as submit_module
from cases.act_store import CaseActs
from cases.acting import Acting
from cases.corrections import CORRECTION, Correction, correct
from cases.draft_store import Content, Drafts, Head
from cases.file_keeping import Filekeeping
from cases.file_store import Files, Owner
from cases.forms import Checks
from cases.hand_over import HandOver
from cases.licence_store import LicenceUses
from cases.licences import Licensing, Shelf
from cases.store import Cases
from cases.submit import Asked, Filing, Part, one_case, submit
from cases.withdraw import WITHDRAWAL, withdraw
from core.types import CaseState
from kit import outbox as outbox_module
from kit.clock import now
from kit.crypto import Keyring
from kit.errors import Conflict, Invalid, Unavailable
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox
from tests.cases.pretend_core import PretendCore, make_licence

WANG = Owner("person:P1", "P1", "r1")


class Crash(BaseException):
    """The process dies here."""


class House:
    """The real stores and rules, and a pretend core. `dies_at`: the n-th transaction from now does not happen."""

    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self.core = PretendCore()
        self.mongo = mongo
        mortal = cast("Mongo", self)
        self.outbox, self.cases, self.drafts = Outbox(mongo), Cases(mongo, keys), Drafts(mongo, keys)
        any_core = cast("Any", self.core)
        licensing = Licensing(LicenceUses(mongo, keys), any_core, Shelf(any_core))
        keeping = Filekeeping(mongo, Files(mongo, keys), cast("Any", None), self.outbox, cast("Any", None), None, (0, 0))
        over = HandOver(keeping, any_core, licensing)
        self.filing = Filing(mortal, self.cases, self.drafts, self.outbox, any_core, self.core, over)
        self.acting = Acting(mortal, self.cases, CaseActs(mongo, keys), self.outbox, over)
        self.dies_at = 0

    async def transaction(self, work: Callable[[Tx], Awaitable[Any]]) -> Any:
        self.dies_at -= 1
        if self.dies_at == 0:
            raise Crash
        return await self.mongo.transaction(work)

    async def draft(self) -> dict[str, Any]:
        seen = [{"code": "I1", "version": 1, "name": "事项"}]
        return await self.drafts.add(WANG, Head("I1", 1, "事项"), Content({"street": "和平路"}, {}, [], [], seen))

    async def submit(self, draft: dict[str, Any]) -> str | None:
        fresh = await self.drafts.draft(draft["_id"], WANG) or draft
        covers: list[dict[str, Any]] = [{"name": "居民身份证", "hand_in": "online", "files": [], "licence_id": None, "cover": "居民身份证"}]
        part = Part(("I1", 1, "事项", None), fresh["answers"], [], covers)
        return one_case(await submit(self.filing, Asked(fresh, [part], WANG, "wechat")), may_wait=False).case_no

    async def case(self) -> dict[str, Any]:
        """Filed, and waiting for corrections."""
        case_no = await self.submit(await self.draft())
        row = await self.cases.by_number(str(case_no))
        assert row is not None
        await self.cases.apply_move(None, row["_id"], str(case_no), self.core.notice(row["_id"]))
        return await self.row(str(case_no))

    async def row(self, case_no: str) -> dict[str, Any]:
        row = await self.cases.case(case_no, WANG.key)
        assert row is not None
        return row

    async def work(self) -> None:
        """A worker, much later: every lease has ended."""
        await self.mongo["outbox"].update_many({"state": "waiting"}, {"$set": {"due_at": now() - timedelta(minutes=5), "held": False}})
        kinds = [submit_module.KIND, *acting_module.KINDS.values()]
        while (row := await self.outbox.take(kinds)) is not None:
            if row.kind == submit_module.KIND:
                await submit_module.carry_out(self.filing, row)
            else:
                await acting_module.carry_out(self.acting, CORRECTION if row.kind == acting_module.KINDS["correction"] else WITHDRAWAL, row)


@pytest.fixture
async def here(mongo: Mongo, keys: Keyring) -> House:
    for module in (store_module, licence_store, file_store, outbox_module):
        await mongo.create_indexes(module.INDEXES)
    return House(mongo, keys)


def corrections(street: str = "和平路 1 号") -> Correction:
    return Correction({"street": street}, [], None, WANG)


async def test_a_case_is_filed_once_wherever_the_process_dies(here: House) -> None:
    here.core.held = (make_licence(),)
    for dies_at in (1, 2):
        draft = await here.draft()
        here.dies_at = dies_at
        with pytest.raises(Crash):
            await here.submit(draft)
        await here.work()
        case_no = await here.submit(draft)
        request_id = str((await here.cases.by_number(str(case_no)) or {})["_id"])
        assert here.core.acts[request_id] == 1 and set(here.core.acts.values()) == {1}
        assert here.core.sent[request_id].materials[0].presentation is not None
    assert len(here.core.shown) == 2


async def test_a_lost_reply_of_filing_or_showing_is_looked_for_at_once(here: House) -> None:
    here.core.held = (make_licence(),)
    here.core.lost = True  # of the presentation, which comes first
    assert await here.submit(await here.draft()) is not None
    here.core.held = ()
    here.core.lost = True  # of the case
    assert await here.submit(await here.draft()) is not None
    assert set(here.core.acts.values()) == {1}


async def test_the_papers_of_a_case_are_decided_once(here: House) -> None:
    """A licence that turns up between two attempts is not slipped in: the core would see another content under one request id."""
    draft = await here.draft()
    here.dies_at = 2
    with pytest.raises(Crash):
        await here.submit(draft)
    here.core.cases.clear()  # the core had not heard of it after all
    here.core.held = (make_licence(),)
    await here.work()
    case_no = await here.submit(draft)
    assert here.core.shown == {} and (await here.row(str(case_no)))["materials"] == []


async def test_a_refusal_opens_the_draft_and_the_next_try_is_another_request(here: House) -> None:
    draft = await here.draft()
    here.core.refuse = "not_entitled"
    for _ in range(2):
        with pytest.raises(Conflict, match="core_refused"):
            await here.submit(draft)
    here.core.refuse = None
    assert await here.submit(draft) is not None
    assert len(await here.cases.of_draft(draft["_id"])) == 3 and len(here.core.sent) == 1


@pytest.mark.parametrize("dies_at", [1, 2])
async def test_a_correction_is_made_once_wherever_the_process_dies(here: House, dies_at: int) -> None:
    row = await here.case()
    here.dies_at = dies_at
    with pytest.raises(Crash):
        await correct(here.acting, Checks(), row, corrections(), may_wait=False)
    await here.work()
    done = await correct(here.acting, Checks(), await here.row(row["case_no"]), corrections(), may_wait=False)
    assert done.case_state is CaseState.SUPPLEMENTED and here.core.acts[done.act_id] == 1
    after = await here.row(row["case_no"])
    assert after["version"] == 3 and [one["version"] for one in after["rounds"]] == [2] and after["open_notice"] is None


async def test_a_lost_reply_of_a_correction_is_looked_for_at_once(here: House) -> None:
    row = await here.case()
    here.core.lost = True
    done = await correct(here.acting, Checks(), row, corrections(), may_wait=False)
    assert done.done and here.core.acts[done.act_id] == 1
    with pytest.raises(Conflict, match="not_waiting_for_corrections"):
        await correct(here.acting, Checks(), await here.row(row["case_no"]), corrections("解放路"), may_wait=False)


async def test_other_corrections_of_the_same_notice_wait_for_the_first(here: House) -> None:
    row = await here.case()
    here.dies_at = 2
    with pytest.raises(Crash):
        await correct(here.acting, Checks(), row, corrections(), may_wait=False)
    with pytest.raises(Conflict, match="correction_under_way"):
        await correct(here.acting, Checks(), row, corrections("解放路"), may_wait=False)
    with pytest.raises(Unavailable):
        await correct(here.acting, Checks(), row, corrections(), may_wait=False)
    with pytest.raises(Invalid, match="corrections_incomplete"):
        await correct(here.acting, Checks(), await here.case(), Correction({}, [], None, WANG), may_wait=False)


@pytest.mark.parametrize("dies_at", [1, 2])
async def test_a_withdrawal_is_made_once_wherever_the_process_dies(here: House, dies_at: int) -> None:
    row = await here.case()
    here.dies_at = dies_at
    with pytest.raises(Crash):
        await withdraw(here.acting, row, "填错了", WANG, may_wait=False)
    await here.work()
    done = await withdraw(here.acting, await here.row(row["case_no"]), "别的理由", WANG, may_wait=False)
    assert done.case_state is CaseState.WITHDRAWN and here.core.acts[done.act_id] == 1


async def test_a_case_that_was_decided_meanwhile_is_not_withdrawn(here: House) -> None:
    row = await here.case()
    here.core.move(row["_id"], CaseState.ISSUED)  # the core knows, we have not heard
    for _ in range(2):
        with pytest.raises(Conflict, match="case_not_withdrawable"):
            await withdraw(here.acting, row, "", WANG, may_wait=False)
    assert (await here.row(row["case_no"]))["state"] == "corrections"


async def test_cases_of_an_earlier_release_are_their_persons(here: House) -> None:
    row = await here.case()
    await here.mongo["cases"].update_one({"_id": row["_id"]}, {"$unset": {"subject_key": ""}})
    assert await here.cases.case(row["case_no"], WANG.key) is None
    assert [await here.cases.name_subjects() for _ in range(2)] == [1, 0]
    assert (await here.row(row["case_no"]))["subject_key"] == WANG.key
