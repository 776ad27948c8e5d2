"""Our side of money at the core, against the sandbox's core over real HTTP; what the sandbox never does is played by a listener."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from core.bills import Bill, BillState
from core.client import Core, CoreAccount
from core.money import CoreMoney, ReversalAsk, SettlementAsk
from kit.clock import BEIJING, now
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http
from kit.ids import new_id
from tests.core.door import Answers, Watched
from tests.sandbox.outside import Json, Outside


@pytest.fixture
def money(core: Core) -> CoreMoney:
    return CoreMoney(core)


async def owed(world: Outside, amount_fen: int = 12000, **more: Json) -> Bill:
    case = await world.case()
    return Bill.model_validate(await world.world("POST", f"/core/cases/{case['case_no']}/bills", {"amount_fen": amount_fen, **more}))


def paid(bill: Bill, **other: Any) -> SettlementAsk:
    order_no = new_id("o")
    fields = {
        "settlement_id": f"S-{order_no}",
        "bill_id": bill.bill_id,
        "bill_version": bill.version,
        "order_no": order_no,
        "channel": "wechat",
        "transaction_id": "4200009901202611230000000001",
        "amount_fen": bill.amount_fen,
        "paid_at": now(),
    }
    return SettlementAsk.model_validate(fields | other)


def given_back(settled: SettlementAsk, amount_fen: int, **other: Any) -> ReversalAsk:
    fields = {"reversal_id": new_id("r"), "settlement_id": settled.settlement_id, "amount_fen": amount_fen, "reason": "多收", "refunded_at": now()}
    return ReversalAsk.model_validate(fields | other)


async def booked(world: Outside, kind: str, ask: SettlementAsk | ReversalAsk) -> list[Json]:
    name, own = ("settlement_id", ask.settlement_id) if isinstance(ask, SettlementAsk) else ("reversal_id", ask.reversal_id)
    return [one for one in await world.ledger("core") if one["kind"] == kind and one[name] == own]


async def test_a_bill_is_read_settled_and_partly_given_back(world: Outside, money: CoreMoney) -> None:
    bill = await owed(world)
    assert await money.bills(bill.person_id) == (bill,) and await money.bill(bill.bill_id) == bill
    ask = paid(bill)
    settled = await money.settle(ask)
    assert settled.model_dump(exclude={"settled_at", "e_bill"}) == ask.model_dump(exclude={"bill_version"})
    assert settled.e_bill is not None and (len(settled.e_bill.code), len(settled.e_bill.number), len(settled.e_bill.check_code)) == (8, 10, 6)
    assert await money.find_settlement(ask.settlement_id) == settled
    assert await money.bills(bill.person_id) == ()
    (now_paid,) = await money.bills(bill.person_id, "all")
    assert (now_paid.state, now_paid.version) == (BillState.PAID, bill.version + 1)
    back = given_back(ask, 2000)
    reversal = await money.reverse(back)
    assert reversal.model_dump(exclude={"reversed_at"}) == back.model_dump()
    assert await money.find_reversal(back.reversal_id) == reversal
    page = await money.book_page(now().astimezone(BEIJING).date())
    mine = [(one.kind, one.id, one.amount_fen, one.at) for one in page.entries if one.order_no == ask.order_no]
    assert mine == [("settled", ask.settlement_id, 12000, ask.paid_at), ("reversed", back.reversal_id, 2000, back.refunded_at)]


async def test_booking_again_is_the_same_booking(world: Outside, money: CoreMoney) -> None:
    ask = paid(await owed(world))
    back = given_back(ask, 500)
    assert await money.settle(ask) == await money.settle(ask)
    assert await money.reverse(back) == await money.reverse(back)
    assert len(await booked(world, "settled", ask)) == len(await booked(world, "reversed", back)) == 1


async def test_what_is_not_there_is_none(money: CoreMoney) -> None:
    assert await money.bill("B1") is None
    assert await money.find_settlement("S-1") is None
    assert await money.find_reversal("R1") is None


async def test_ids_with_every_sign_the_gateways_allow_are_found(world: Outside, money: CoreMoney) -> None:
    ask = paid(await owed(world), settlement_id="S-a_b|c*d:e.f-1")
    await money.settle(ask)
    assert await money.find_settlement(ask.settlement_id) is not None
    back = given_back(ask, 1, reversal_id="R_a|c*d:e.f-1")
    assert await money.find_reversal(back.reversal_id) is None
    await money.reverse(back)
    assert await money.find_reversal(back.reversal_id) is not None


async def test_a_refusal_says_which(world: Outside, money: CoreMoney) -> None:
    bill, cancelled = await owed(world), await owed(world)
    await world.world("PUT", f"/core/bills/{cancelled.bill_id}", {"state": "cancelled"})
    ask = paid(bill)

    async def refusal(wrong: SettlementAsk | ReversalAsk) -> str:
        with pytest.raises(Refused) as caught:
            await (money.settle(wrong) if isinstance(wrong, SettlementAsk) else money.reverse(wrong))
        return caught.value.reason

    assert await refusal(paid(bill, bill_id="B1")) == "unknown_bill"
    assert await refusal(paid(bill, amount_fen=bill.amount_fen - 1)) == "amount_mismatch"
    assert await refusal(paid(cancelled)) == "bill_cancelled"
    assert await refusal(given_back(ask, 1)) == "unknown_settlement"
    await money.settle(ask)
    assert await refusal(paid(bill)) == "bill_already_paid"
    assert await refusal(ask.model_copy(update={"transaction_id": "another"})) == "settlement_id_reused"
    assert await refusal(given_back(ask, bill.amount_fen + 1)) == "more_than_settled"
    assert len(await booked(world, "settled", ask)) == 1


async def test_a_lost_reply_is_unknown_and_asking_finds_the_booking(world: Outside, money: CoreMoney, http: Watched) -> None:
    ask = paid(await owed(world))
    back = given_back(ask, 300)
    async with world.faults(core={"lose_replies": True}):
        with pytest.raises(Unknown):
            await money.settle(ask)
        with pytest.raises(Unknown):
            await money.reverse(back)
        assert http.calls == [("POST", 6.0), ("POST", 6.0)]  # not one attempt more
    assert (found := await money.find_settlement(ask.settlement_id)) is not None and found.order_no == ask.order_no
    assert (reversal := await money.find_reversal(back.reversal_id)) is not None and reversal.amount_fen == 300
    assert len(await booked(world, "settled", ask)) == len(await booked(world, "reversed", back)) == 1


async def test_a_core_that_is_not_idempotent_is_asked_first_or_it_books_twice(world: Outside, money: CoreMoney) -> None:
    careful, blind = paid(await owed(world)), paid(await owed(world))
    async with world.faults(core={"not_idempotent": True, "lose_replies": True}):
        for ask in (careful, blind):
            with pytest.raises(Unknown):
                await money.settle(ask)
    async with world.faults(core={"not_idempotent": True}):
        assert await money.find_settlement(careful.settlement_id) is not None
        await money.settle(blind)
    assert [one["effective"] for one in await booked(world, "settled", careful)] == [True]
    assert [one["effective"] for one in await booked(world, "settled", blind)] == [True, False]


async def test_a_core_may_not_find_yet_what_it_has_booked(world: Outside, money: CoreMoney) -> None:
    ask = paid(await owed(world))
    async with world.faults(core={"hide_settlements_ms": 600_000}):
        await money.settle(ask)
        assert await money.find_settlement(ask.settlement_id) is None
    assert await money.find_settlement(ask.settlement_id) is not None


async def test_the_book_is_read_page_by_page(world: Outside, money: CoreMoney) -> None:
    day = date(2001, 2, 3)
    at = datetime(2001, 2, 3, 12, tzinfo=BEIJING)
    asks = [paid(await owed(world, 100 + n), paid_at=at + timedelta(seconds=n)) for n in range(3)]
    for ask in asks:
        await money.settle(ask)
    first = await money.book_page(day, limit=2)
    rest = await money.book_page(day, first.next_cursor, limit=2)
    assert [one.id for one in first.entries + rest.entries] == [ask.settlement_id for ask in asks]
    assert (first.has_more, rest.has_more) == (True, False)


# what the sandbox never does


@pytest.fixture
def odd(odd_core: Core) -> CoreMoney:
    return CoreMoney(odd_core)


BILL = Bill(
    bill_id="B1", version=1, person_id="P1", item_name="x", title="x", payee="x", amount_fen=1, state=BillState.UNPAID, issued_at=now()
).model_dump(mode="json")
ASK = paid(Bill.model_validate(BILL))


@pytest.mark.parametrize("body", [b"<html>not found</html>", b'{"code":"unknown_case"}', b'{"code":404}', b"", b"[]"])
async def test_a_404_without_the_cores_own_word_is_no_proof_that_there_is_none(odd: CoreMoney, answers: Answers, body: bytes) -> None:
    answers.status, answers.body = 404, body
    for ask in (odd.bill("B1"), odd.find_settlement("S-1"), odd.find_reversal("R1")):
        with pytest.raises(NotReached):
            await ask
    answers.body = b'{"code":"unknown_settlement"}'
    assert await odd.find_settlement("S-1") is None
    with pytest.raises(NotReached):  # the word of another question
        await odd.find_reversal("R1")


async def test_a_bill_of_somebody_else_is_never_shown(odd: CoreMoney, answers: Answers) -> None:
    answers.body = json.dumps({"bills": [BILL, BILL | {"person_id": "P2"}]}).encode()
    with pytest.raises(NotReached, match="wrong_content"):
        await odd.bills("P1")
    answers.body = json.dumps(BILL).encode()
    assert await odd.bill("B1") == Bill.model_validate(BILL)
    with pytest.raises(NotReached, match="wrong_content"):
        await odd.bill("B2")


@pytest.mark.parametrize(
    "change", [{"settlement_id": "S-2"}, {"bill_id": "B2"}, {"order_no": "o2"}, {"amount_fen": 2}, {"amount_fen": "1"}, {"settled_at": None}]
)
async def test_a_settlement_of_something_else_settles_nothing(odd: CoreMoney, answers: Answers, change: Json) -> None:
    right = ASK.model_dump(mode="json", exclude={"bill_version"}) | {"settled_at": now().isoformat()}
    answers.body = json.dumps(right).encode()
    assert (await odd.settle(ASK)).order_no == ASK.order_no
    answers.body = json.dumps(right | change).encode()
    with pytest.raises(Unknown):
        await odd.settle(ASK)


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [(500, b"", Unknown), (200, b"<html>", Unknown), (302, b"", Unknown), (429, b"", NotReached), (401, b"", NotReached)],
)
async def test_booking_is_one_attempt_whatever_the_answer(
    odd: CoreMoney, answers: Answers, status: int, body: bytes, raised: type[Exception]
) -> None:
    answers.status, answers.body = status, body
    with pytest.raises(raised):
        await odd.settle(ASK)
    assert answers.calls == ["POST /core/v1/settlements"]


async def test_a_read_is_repeated_and_ends_as_not_reached(odd: CoreMoney, answers: Answers) -> None:
    answers.status = 502
    with pytest.raises(NotReached):
        await odd.find_settlement("S-1")
    assert answers.calls == ["GET /core/v1/settlements/S-1"] * 3


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b"null", b"{"])
async def test_a_read_that_cannot_be_understood_proves_nothing(odd: CoreMoney, answers: Answers, body: bytes) -> None:
    answers.body = body
    for ask in (odd.bill("B1"), odd.bills("P1"), odd.find_settlement("S-1"), odd.find_reversal("R1"), odd.book_page(date(2026, 11, 23))):
        with pytest.raises(NotReached):
            await ask


async def test_nobody_there_is_not_reached() -> None:
    http = Http(["http://127.0.0.1:1"])
    money = CoreMoney(Core(http, CoreAccount("http://127.0.0.1:1/core/v1", "tests", b"a secret of the tests")))
    with pytest.raises(NotReached):
        await money.settle(ASK)
    await http.close()
