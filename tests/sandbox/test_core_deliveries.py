"""Parcels at the core as the sandbox keeps them: told once, ended once, freight billed once."""

import json
import secrets

import pytest

from core.bills import Bill
from core.deliveries import Delivery
from tests.sandbox.outside import Json, Outside, Reply


def refusal(reply: Reply) -> tuple[int, str]:
    assert reply.kind.startswith("application/problem+json"), reply
    return reply.status, reply.json["code"]


def told(case: Json, **other: Json) -> Json:
    own = f"d_{secrets.token_hex(8)}"
    about = {"delivery_id": own, "case_no": case["case_no"], "direction": "to_resident", "courier": "sf", "waybill": "SF1391760200235"}
    return {**about, "handed_over_at": "2026-11-25T10:00:00+08:00", **other}


async def tell(world: Outside, asked: Json) -> Reply:
    return await world.core("POST", "/deliveries", asked, key=asked["delivery_id"])


async def end(world: Outside, own: str, state: str, at: str = "2026-11-26T15:20:00+08:00") -> Reply:
    return await world.core("POST", f"/deliveries/{own}/outcomes", {"state": state, "at": at}, key=own)


async def lines(world: Outside, kind: str, **about: Json) -> list[Json]:
    return [one for one in await world.ledger("core") if one["kind"] == kind and about.items() <= one.items()]


async def test_a_delivery_is_told_once(outside: Outside) -> None:
    asked = told(await outside.case())
    assert refusal(await outside.core("GET", f"/deliveries/{asked['delivery_id']}")) == (404, "unknown_delivery")
    first, again = await tell(outside, asked), await tell(outside, asked)
    assert (first.status, again.status, first.json) == (201, 200, again.json)
    kept = Delivery.model_validate_json(json.dumps(first.json))
    assert (kept.delivery_id, kept.courier, kept.outcome) == (asked["delivery_id"], "sf", None)
    assert (await outside.core("GET", f"/deliveries/{asked['delivery_id']}")).json == first.json
    assert len(await lines(outside, "delivery.handed_over", delivery_id=asked["delivery_id"])) == 1


async def test_other_content_under_the_same_id_is_refused(outside: Outside) -> None:
    asked = told(await outside.case())
    await tell(outside, asked)
    assert refusal(await tell(outside, {**asked, "waybill": "SF1"})) == (422, "delivery_id_reused")


async def test_what_nobody_carries_has_no_courier(outside: Outside) -> None:
    asked = told(await outside.case(), courier=None, waybill=None)
    assert (await tell(outside, asked)).status == 201
    assert (await end(outside, asked["delivery_id"], "picked_up")).json["outcome"]["state"] == "picked_up"


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"case_no": "nowhere"}, 404),
        ({"direction": "up"}, 422),
        ({"courier": "SF!"}, 422),
        ({"handed_over_at": "2026-11-25"}, 422),
        ({"waybill": ""}, 422),
    ],
)
async def test_a_wrong_delivery_is_refused(outside: Outside, wrong: Json, status: int) -> None:
    asked = told(await outside.case(), **wrong)
    assert (await tell(outside, asked)).status == status
    assert (await outside.core("GET", f"/deliveries/{asked['delivery_id']}")).status == 404


async def test_another_key_than_the_id_is_refused(outside: Outside) -> None:
    asked = told(await outside.case())
    assert (await outside.core("POST", "/deliveries", asked, key="another")).status == 422
    assert (await outside.core("POST", "/deliveries", asked)).status == 422


async def test_the_first_outcome_stays(outside: Outside) -> None:
    own = (await tell(outside, told(await outside.case()))).json["delivery_id"]
    first = await end(outside, own, "delivered")
    later = await end(outside, own, "delivered", "2026-11-27T15:20:00+08:00")
    assert (first.status, later.status, first.json) == (200, 200, later.json)
    assert Delivery.model_validate_json(json.dumps(first.json)).outcome is not None
    assert refusal(await end(outside, own, "lost")) == (409, "outcome_known")
    assert len(await lines(outside, "delivery.ended", delivery_id=own)) == 1


async def test_only_a_known_delivery_ends_and_only_in_a_known_way(outside: Outside) -> None:
    assert refusal(await end(outside, "d_nothing", "delivered")) == (404, "unknown_delivery")
    own = (await tell(outside, told(await outside.case()))).json["delivery_id"]
    assert (await end(outside, own, "eaten")).status == 422
    assert (await outside.core("POST", f"/deliveries/{own}/outcomes", {"state": "lost", "at": "2026-11-26T15:20:00+08:00"}, key="x")).status == 422


# freight


async def freight(world: Outside, **wanted: Json) -> Json:
    person = await world.person()
    case = await world.case(person)
    asked = {"delivery_id": f"d_{secrets.token_hex(8)}", "person_id": person["person"], "case_no": case["case_no"], "amount_fen": 1800}
    return {**asked, "title": "证照寄递运费", **wanted}


async def bill(world: Outside, asked: Json) -> Reply:
    return await world.core("POST", "/freight-bills", asked, key=asked["delivery_id"])


async def test_freight_is_a_bill_like_any_other_and_one_only(outside: Outside) -> None:
    asked = await freight(outside)
    first, again = await bill(outside, asked), await bill(outside, asked)
    assert (first.status, again.status, first.json) == (201, 200, again.json)
    made = Bill.model_validate_json(json.dumps(first.json))
    assert (made.person_id, made.case_no, made.amount_fen, made.title, made.state) == (
        asked["person_id"],
        asked["case_no"],
        1800,
        "证照寄递运费",
        "unpaid",
    )
    assert [one["bill_id"] for one in (await outside.core("GET", f"/bills?person_id={asked['person_id']}")).json["bills"]] == [made.bill_id]
    events = [one for one in await outside.all_events() if one["type"] == "bill.issued" and one["bill"]["bill_id"] == made.bill_id]
    assert len(events) == 1


async def test_a_paid_freight_bill_is_given_back_as_it_is_now(outside: Outside) -> None:
    asked = await freight(outside)
    made = (await bill(outside, asked)).json
    paid = {
        "settlement_id": "S-" + secrets.token_hex(6),
        "bill_id": made["bill_id"],
        "bill_version": made["version"],
        "order_no": secrets.token_hex(8),
    }
    paid |= {"channel": "wechat", "transaction_id": "4200", "amount_fen": 1800, "paid_at": "2026-11-23T09:31:07+08:00"}
    assert (await outside.core("POST", "/settlements", paid, key=paid["settlement_id"])).status == 201
    assert (await bill(outside, asked)).json["state"] == "paid"


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"amount_fen": 0}, (422, "bad_request")),
        ({"title": ""}, (422, "bad_request")),
        ({"case_no": "nowhere"}, (404, "unknown_case")),
        ({"person_id": "nobody"}, (404, "unknown_person")),
    ],
)
async def test_wrong_freight_is_refused(outside: Outside, wrong: Json, expected: tuple[int, str]) -> None:
    assert refusal(await bill(outside, await freight(outside, **wrong))) == expected


async def test_other_freight_under_the_same_id_is_refused(outside: Outside) -> None:
    asked = await freight(outside)
    await bill(outside, asked)
    assert refusal(await bill(outside, {**asked, "amount_fen": 1})) == (422, "delivery_id_reused")
