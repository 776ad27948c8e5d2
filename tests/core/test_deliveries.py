"""Our side of parcels at the core, against the sandbox's core over real HTTP; what the sandbox never does is played by a listener."""

import json
from datetime import timedelta
from typing import Any

import pytest

from core.bills import BillState
from core.client import Core
from core.deliveries import CoreDeliveries, DeliveryAsk, DeliveryOutcome, FreightAsk
from core.money import CoreMoney
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.ids import new_id
from tests.core.door import Answers
from tests.sandbox.outside import Json, Outside


@pytest.fixture
def deliveries(core: Core) -> CoreDeliveries:
    return CoreDeliveries(core)


def handed_over(case: Json, **other: Any) -> DeliveryAsk:
    fields = {
        "delivery_id": new_id("d"),
        "case_no": case["case_no"],
        "direction": "to_resident",
        "courier": "sf",
        "waybill": "SF1391760200235",
        "handed_over_at": now(),
    }
    return DeliveryAsk.model_validate(fields | other)


def freight(case: Json, person_id: str, **other: Any) -> FreightAsk:
    fields = {"delivery_id": new_id("d"), "person_id": person_id, "case_no": case["case_no"], "amount_fen": 1200, "title": "证照寄递运费"}
    return FreightAsk.model_validate(fields | other)


async def test_a_parcel_is_made_known_and_ends_once(world: Outside, deliveries: CoreDeliveries) -> None:
    ask, end = handed_over(await world.case()), DeliveryOutcome(state="delivered", at=now())
    assert await deliveries.find_delivery(ask.delivery_id) is None
    assert (await deliveries.hand_over(ask)).outcome is None
    assert (await deliveries.hand_over(ask)).model_dump(exclude={"outcome"}) == ask.model_dump()
    ended = await deliveries.tell_outcome(ask.delivery_id, end)
    again = await deliveries.tell_outcome(ask.delivery_id, DeliveryOutcome(state="delivered", at=now() + timedelta(hours=1)))
    assert ended.outcome == again.outcome == end  # the time of the first
    assert await deliveries.find_delivery(ask.delivery_id) == ended
    lines = [one["kind"] for one in await world.ledger("core") if one.get("delivery_id") == ask.delivery_id]
    assert lines == ["delivery.handed_over", "delivery.ended"]


async def test_what_waits_at_the_hall_has_no_courier(world: Outside, deliveries: CoreDeliveries) -> None:
    ask = handed_over(await world.case(), courier=None, waybill=None)
    assert (await deliveries.hand_over(ask)).courier is None
    assert (await deliveries.tell_outcome(ask.delivery_id, DeliveryOutcome(state="picked_up", at=now()))).outcome is not None


async def test_freight_is_a_bill_like_any_other_and_charged_once(world: Outside, core: Core, deliveries: CoreDeliveries) -> None:
    case = await world.case()
    owner = await CoreMoney(core).bill(await _a_bill(world, case))
    assert owner is not None
    ask = freight(case, owner.person_id)
    bill = await deliveries.bill_freight(ask)
    assert (bill.amount_fen, bill.title, bill.state, bill.case_no) == (1200, "证照寄递运费", BillState.UNPAID, case["case_no"])
    assert await deliveries.bill_freight(ask) == bill == await CoreMoney(core).bill(bill.bill_id)
    assert bill in await CoreMoney(core).bills(owner.person_id)


async def test_a_refusal_says_which(world: Outside, deliveries: CoreDeliveries) -> None:
    case = await world.case()
    ask = handed_over(case)
    with pytest.raises(Refused, match="unknown_case"):
        await deliveries.hand_over(handed_over(case, case_no="none"))
    with pytest.raises(Refused, match="unknown_delivery"):
        await deliveries.tell_outcome(ask.delivery_id, DeliveryOutcome(state="lost", at=now()))
    await deliveries.hand_over(ask)
    with pytest.raises(Refused, match="delivery_id_reused"):
        await deliveries.hand_over(ask.model_copy(update={"waybill": "SF0000000000001"}))
    await deliveries.tell_outcome(ask.delivery_id, DeliveryOutcome(state="lost", at=now()))
    with pytest.raises(Refused, match="outcome_known"):
        await deliveries.tell_outcome(ask.delivery_id, DeliveryOutcome(state="delivered", at=now()))
    with pytest.raises(Refused, match="unknown_person"):
        await deliveries.bill_freight(freight(case, "P-nobody"))


async def test_an_answer_about_another_parcel_proves_nothing(odd_core: Core, answers: Answers) -> None:
    deliveries, ask = CoreDeliveries(odd_core), handed_over({"case_no": "C1"})
    other = ask.model_copy(update={"delivery_id": "d_other"})
    answers.body = json.dumps(other.model_dump(mode="json") | {"outcome": None}).encode()
    with pytest.raises(Unknown):
        await deliveries.hand_over(ask)
    with pytest.raises(NotReached):
        await deliveries.find_delivery(ask.delivery_id)
    answers.body = json.dumps(ask.model_dump(mode="json") | {"outcome": None}).encode()
    with pytest.raises(Unknown):  # it took our word and does not say so
        await deliveries.tell_outcome(ask.delivery_id, DeliveryOutcome(state="lost", at=now()))
    answers.status, answers.body = 404, b"{}"
    with pytest.raises(NotReached):  # of somebody in between: not the core's "none"
        await deliveries.find_delivery(ask.delivery_id)


async def _a_bill(world: Outside, case: Json) -> str:
    return str((await world.world("POST", f"/core/cases/{case['case_no']}/bills", {"amount_fen": 100}))["bill_id"])
