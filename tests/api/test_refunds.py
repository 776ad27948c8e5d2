"""Refunds over HTTP: residents and cashiers ask, somebody else decides, each department sees its own money, and the audit tells who did what."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack
from staff.roles import Scope
from tests.api.desk import Desk, make_desk
from tests.api.house import Answer, House, until
from tests.api.purse import Payer, make_payer

BOTH = pytest.mark.parametrize("channel", ["wechat", "alipay"])


@pytest.fixture
async def store(stack: Stack) -> AsyncIterator[Mongo]:
    own = connect(stack.env["MONGO_URL"], stack.env["ZHANGBAN_MONGO_DATABASE"])
    yield own
    await own.close()


async def asks(desk: Desk, order_no: str, amount_fen: int, key: str | None = None) -> Answer:
    wish = {"amount_fen": amount_fen, "reason": "多收"}
    return await desk.api("POST", f"/staff/v1/orders/{order_no}/refunds", wish, headers={"Idempotency-Key": key or uuid.uuid4().hex})


async def approves(desk: Desk, refund_no: str) -> Answer:
    return await desk.api("POST", f"/staff/v1/refunds/{refund_no}/approve", {})


async def story(store: Mongo, desk: Desk) -> list[tuple[str, str, str]]:
    """What the audit tells of their writes."""
    wanted = {"who": desk.username, "action": {"$regex": "^POST .*refunds"}}
    return [(row["action"], row["object"], row["result"]) async for row in store["staff_audit"].find(wanted).sort("_id", 1)]


async def went_back(payer: Payer, order_no: str, fen: int) -> None:
    """At the gateway, at the core, in the order, and told: each once."""

    async def all_of_it() -> bool:
        order = await payer.look(order_no)
        taken_back = sum(one["amount_fen"] for one in await payer.at_core(order_no, "reversed"))
        told = [one for one in await payer.told(order_no) if "已原路退回" in one["text"]]
        return order["refunded_fen"] == fen == taken_back and len(told) == len([one for one in order["refunds"] if one["state"] == "done"])

    await until(all_of_it)
    assert sum(one["amount_fen"] for one in await payer.at_gateway(order_no, "pay.refunded")) == fen


@BOTH
async def test_a_resident_asks_for_part_and_a_cashier_for_the_rest_and_an_approver_decides(house: House, store: Mongo, channel: str) -> None:
    payer = await make_payer(house, channel)
    cashier, approver = await make_desk(house, "cashier"), await make_desk(house, "approver")
    order_no = await payer.settled(2000)
    mine = await payer.ask_back(order_no, amount_fen=700)
    assert mine.status == 201 and mine.json["state_text"] == "退款申请待审核", mine.body
    assert (await approves(approver, mine.json["refund_no"])).json["state"] == "approved"
    await went_back(payer, order_no, 700)
    rest = await asks(cashier, order_no, 1300)
    assert (rest.status, rest.json["requested_by"], rest.json["payee"]) == (201, cashier.id, (await payer.look(order_no))["payee"])
    assert (await approves(approver, rest.json["refund_no"])).json["approved_by"] == approver.id
    await went_back(payer, order_no, 2000)
    assert (await payer.look(order_no))["state_text"] == "已全部退款"
    assert (await payer.ask_back(order_no)).json["code"] == "nothing_to_refund"
    assert (await payer.resident.api("GET", "/v1/bills")).json["items"][0]["state"] == "unpaid", "what was given back in full is owed again"
    path, decide = "POST /staff/v1/orders/<order_no:str>/refunds", "POST /staff/v1/refunds/<refund_no:str>/approve"
    refund_no = rest.json["refund_no"]
    assert await story(store, cashier) == [(path, order_no, "begun"), (path, f"{order_no} {refund_no}", "done")]
    told = [(decide, no, result) for no in (mine.json["refund_no"], refund_no) for result in ("begun", "done")]
    assert await story(store, approver) == told


async def test_who_asks_never_decides_whatever_roles_they_hold(house: House, store: Mongo) -> None:
    payer = await make_payer(house)
    cashier, approver, both = [await make_desk(house, *roles) for roles in (("cashier",), ("approver",), ("cashier", "approver"))]
    order_no = await payer.settled(2000)
    asked = await asks(both, order_no, 500)
    own = await approves(both, asked.json["refund_no"])
    assert (own.status, own.json["code"]) == (403, "own_refund")
    assert (await approves(cashier, asked.json["refund_no"])).json["code"] == "staff_not_allowed"
    assert (await asks(approver, order_no, 500)).json["code"] == "staff_not_allowed"
    assert [result for _, _, result in await story(store, both)] == ["begun", "done", "begun", "refused own_refund"]
    assert (await payer.look(order_no))["refunds"][0]["state"] == "requested"
    rejected = await approver.api("POST", f"/staff/v1/refunds/{asked.json['refund_no']}/reject", {"reason": "已经办结"})
    assert rejected.json["state"] == "rejected"
    assert (await approves(approver, asked.json["refund_no"])).json["code"] == "refund_decided"
    assert (await asks(cashier, order_no, 2000)).status == 201, "what was rejected is free again"
    assert (await payer.at_gateway(order_no, "pay.refunded")) == []


async def test_the_same_key_is_the_same_request_and_ten_keys_never_ask_for_more_than_was_paid(house: House) -> None:
    payer, cashier = await make_payer(house), await make_desk(house, "cashier")
    order_no, key = await payer.settled(2000), uuid.uuid4().hex
    first, again = await asks(cashier, order_no, 300, key), await asks(cashier, order_no, 300, key)
    assert first.status == again.status == 201 and first.body == again.body
    assert (await asks(cashier, order_no, 301, key)).json["code"] == "idempotency_key_reused"
    told = await asyncio.gather(*(asks(cashier, order_no, 400) for _ in range(10)))
    assert sorted(one.status for one in told) == [201] * 4 + [422] * 6
    assert {one.json["code"] for one in told if one.status == 422} == {"refund_too_large"}
    left = next(one for one in told if one.status == 422).json["errors"][0]
    assert left["field"] == "amount_fen" and "1.00 元" in left["message"]


@pytest.mark.parametrize(
    "wish", [{"amount_fen": 0}, {"amount_fen": -1}, {"amount_fen": "5"}, {"amount_fen": 1.5}, {"amount_fen": True}, {"to": "another-account"}]
)
async def test_an_amount_that_is_none_and_a_way_of_ones_own_are_refused(house: House, wish: dict[str, Any]) -> None:
    payer = await make_payer(house)
    order_no = await payer.placed()
    assert (await payer.ask_back(order_no, **wish)).status == 422


async def test_a_department_sees_its_own_money_only(house: House) -> None:
    payer = await make_payer(house)
    bill = await payer.bill(2000, payee="临江市税务局")
    order_no = (await payer.order(bill)).json["order_no"]
    await payer.thumb(order_no)
    await payer.until(order_no, "settled")
    refund_no = (await payer.ask_back(order_no, amount_fen=100)).json["refund_no"]
    own, other = Scope(frozenset({"临江市税务局"}), frozenset({"*"})), Scope(frozenset({"临江市公安局"}), frozenset({"*"}))
    for scope, sees in ((own, True), (other, False)):
        desk = await make_desk(house, "cashier", "approver", scope=scope)
        assert (await desk.api("GET", f"/staff/v1/orders/{order_no}")).status == (200 if sees else 404)
        assert [
            one["payee"] for one in (await desk.api("GET", "/staff/v1/orders?limit=100")).json["items"] if one["payee"] not in scope.departments
        ] == []
        assert (order_no in [one["order_no"] for one in (await desk.api("GET", "/staff/v1/orders?limit=100")).json["items"]]) is sees
        assert (refund_no in [one["refund_no"] for one in (await desk.api("GET", "/staff/v1/refunds?limit=100")).json["items"]]) is sees
        assert (await asks(desk, order_no, 100)).status == (201 if sees else 404)
        rejected = await desk.api("POST", f"/staff/v1/refunds/{refund_no}/reject", {"reason": "不符合规定"})
        assert rejected.status == (200 if sees else 404)
        if not sees:
            nobodys = await desk.api("POST", "/staff/v1/refunds/R-none/approve", {})
            assert (await approves(desk, refund_no)).json | {"request_id": ""} == nobodys.json | {"request_id": ""}, "no way to tell that it exists"


async def test_no_answer_to_staff_says_who_paid(house: House) -> None:
    payer, cashier = await make_payer(house), await make_desk(house, "cashier")
    order_no = await payer.settled()
    person = payer.resident.person
    for path in (f"/staff/v1/orders/{order_no}", "/staff/v1/orders?limit=100", "/staff/v1/refunds?limit=100"):
        body = (await cashier.api("GET", path)).body.decode()
        assert all(value not in body for value in (person["name"], person["id_number"], person["phone"]))


async def test_the_pages_of_the_lists_hold_every_entry_once(house: House, store: Mongo) -> None:
    """Also when many were made in the same millisecond."""
    payer, cashier = await make_payer(house), await make_desk(house, "cashier")
    order_no = await payer.settled(2000)
    made = [one.json["refund_no"] for one in await asyncio.gather(*(asks(cashier, order_no, 1) for _ in range(12)))]
    same = (await store["refunds"].find_one({"_id": made[0]}) or {})["requested_at"]
    await store["refunds"].update_many({"_id": {"$in": made}}, {"$set": {"requested_at": same}})
    for path, name, wanted in (("refunds", "refund_no", made), ("orders", "order_no", [order_no])):
        seen, cursor = [], ""
        for _ in range(500):
            page = (await cashier.api("GET", f"/staff/v1/{path}?limit=5&cursor={cursor}")).json
            seen += [one[name] for one in page["items"]]
            cursor = page["next_cursor"]
            if not cursor:
                break
        assert sorted(one for one in seen if one in wanted) == sorted(wanted)
    assert all(one["state"] == "requested" for one in (await cashier.api("GET", "/staff/v1/refunds?state=requested")).json["items"])
    for query in ("state=%24ne", "cursor=1", "cursor=99999999999999999.Z1", "cursor=1.%7B", "limit=101"):
        assert (await cashier.api("GET", f"/staff/v1/refunds?{query}")).status == 422
