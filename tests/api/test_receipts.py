"""The receipt of a payment: for its person alone, checked online by anyone who is shown it, and worth nothing once it is forged, old or refunded."""

import json
import re
import uuid
from datetime import timedelta

import pytest

from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import connect
from miniapp_api.settings import unbase64
from miniapp_api.stack import Stack
from payments import receipt_token
from tests.api.desk import make_desk
from tests.api.house import Answer, House, Json, make_resident, until
from tests.api.purse import Payer, make_payer


@pytest.fixture
def codes(stack: Stack) -> Keyring:
    """The house's own keys."""
    fields = {name: unbase64(value) for name, value in json.loads(stack.env["ZHANGBAN_FIELD_KEYS"]).items()}
    return Keyring(fields, "k1", unbase64(stack.env["ZHANGBAN_INDEX_KEY"]))


async def download(payer: Payer, order_no: str) -> Answer:
    return await payer.resident.api("GET", f"/v1/orders/{order_no}/receipt")


async def checked(house: House, token: str) -> Json:
    answer = await house.api("GET", f"/v1/receipts/{token}")
    assert answer.status == 200, answer.body
    return answer.json


async def give_back(house: House, payer: Payer, order_no: str, fen: int) -> None:
    cashier, approver = await make_desk(house, "cashier"), await make_desk(house, "approver")
    wish = {"amount_fen": fen, "reason": "多收"}
    asked = await cashier.api("POST", f"/staff/v1/orders/{order_no}/refunds", wish, headers={"Idempotency-Key": uuid.uuid4().hex})
    await approver.api("POST", f"/staff/v1/refunds/{asked.json['refund_no']}/approve", {})


async def test_a_paid_bill_has_a_receipt_and_an_unpaid_one_has_none(house: House) -> None:
    payer = await make_payer(house)
    order_no = await payer.placed(12345)
    early = await download(payer, order_no)
    assert (early.status, early.json["code"]) == (409, "not_paid") and (await payer.look(order_no))["receipt"] is False
    await payer.thumb(order_no)
    assert (await payer.until(order_no, "settled"))["receipt"] is True
    got = await download(payer, order_no)
    assert got.status == 200 and got.body.startswith(b"%PDF-") and got.headers["content-type"] == "application/pdf"
    assert got.headers["content-disposition"] == f'attachment; filename="{order_no}.pdf"' and "no-store" in got.headers["cache-control"]
    assert (await download(payer, order_no)).body == got.body, "asked twice on one day it is the same document"


async def test_only_the_person_whose_bill_it_is_gets_it(house: House) -> None:
    payer, other = await make_payer(house), await make_payer(house)
    order_no = await payer.settled()
    assert (await download(other, order_no)).json["code"] == "order_unknown"
    assert (await other.resident.api("GET", "/v1/orders/Z-none/receipt")).json["code"] == "order_unknown"
    unbound = await make_resident(house, bound=False)
    assert (await unbound.api("GET", f"/v1/orders/{order_no}/receipt")).json["code"] == "real_name_needed"
    assert (await house.api("GET", f"/v1/orders/{order_no}/receipt")).status == 401


async def test_a_genuine_code_says_what_was_paid_and_nothing_about_whom(house: House, codes: Keyring) -> None:
    payer = await make_payer(house)
    order_no = await payer.settled(12345)
    order = await payer.look(order_no)
    printed = re.search(rb"/URI \(([^)]+)\)", (await download(payer, order_no)).body)
    assert printed is not None, "the QR code is a link as well"
    address, _, token = printed[1].decode().rpartition("/")
    assert (address, token) == (f"{house.stack.api}/v1/receipts", receipt_token.sign(codes, order_no, now()))
    found = await checked(house, token)
    assert (found["valid"], found["text"], found["amount_fen"], found["refunded_fen"]) == (True, "凭证真实有效", 12345, 0)
    assert (found["title"], found["payee"], found["e_bill_no"], found["paid_at"]) == (
        order["title"],
        order["payee"],
        order["e_bill_no"],
        order["paid_at"],
    )
    person = payer.resident.person
    page = await house.api("GET", f"/v1/receipts/{token}", headers={"Accept": "text/html"})
    assert "123.45" in page.body.decode() and page.headers["content-type"].startswith("text/html")
    for body in (json.dumps(found, ensure_ascii=False), page.body.decode()):
        assert all(
            value not in body for value in (person["name"], person["name"][0] + "*", person["id_number"], person["phone"], order_no, payer.case_no)
        )


async def test_a_forged_changed_or_old_code_is_told_apart_and_says_nothing_else(house: House, codes: Keyring) -> None:
    payer = await make_payer(house)
    dear, cheap = await payer.settled(500_000), await payer.settled(1)
    token = receipt_token.sign(codes, cheap, now())
    nobody = Keyring({"k1": b"0" * 32}, "k1", b"1" * 32)
    forged = [
        token.replace(cheap, dear),
        token[:-1] + ("a" if token[-1] != "a" else "b"),
        receipt_token.sign(nobody, cheap, now()),
        "x",
        "%00",
        "a" * 200,
    ]
    for one in forged:
        found = await checked(house, one)
        assert found["valid"] is False and found["text"].startswith("凭证不真实")
        assert {value for name, value in found.items() if name not in ("valid", "text")} == {None}
    old = await checked(house, receipt_token.sign(codes, cheap, now() - receipt_token.VALID - timedelta(days=1)))
    assert old["valid"] is False and "有效期" in old["text"] and old["amount_fen"] is None
    assert (await checked(house, receipt_token.sign(codes, cheap, now() - receipt_token.VALID + timedelta(days=1))))["valid"] is True
    unpaid = await checked(house, receipt_token.sign(codes, await payer.placed(), now()))
    assert unpaid["valid"] is False and unpaid["text"].startswith("没有找到这笔缴费")


async def test_a_refund_shows_in_the_check_and_a_full_one_ends_the_receipt(house: House, codes: Keyring) -> None:
    payer = await make_payer(house)
    order_no = await payer.settled(2000)
    token, first = receipt_token.sign(codes, order_no, now()), (await download(payer, order_no)).body
    await give_back(house, payer, order_no, 700)

    async def part() -> Json:
        seen = await checked(house, token)
        return seen if seen["refunded_fen"] else None

    found = await until(part)
    assert (found["valid"], found["amount_fen"], found["refunded_fen"]) == (True, 2000, 700)
    assert (await download(payer, order_no)).body != first, "the receipt says it too"
    await give_back(house, payer, order_no, 1300)
    await payer.until(order_no, "refunded")
    found = await checked(house, token)
    assert (found["valid"], found["refunded_fen"]) == (False, 2000) and "全额退款" in found["text"]
    assert (await download(payer, order_no)).status == 200, "with a stamp that it was given back"


async def test_money_on_its_way_back_is_proved_by_no_receipt(house: House, stack: Stack, codes: Keyring) -> None:
    """The core did not take it; whoever downloaded a receipt in the second before cannot show it either."""
    payer = await make_payer(house)
    order_no = await payer.settled(2000)
    store = connect(stack.env["MONGO_URL"], stack.env["ZHANGBAN_MONGO_DATABASE"])
    await store["orders"].update_one({"_id": order_no}, {"$set": {"state": "returning"}})
    refused = await download(payer, order_no)
    assert (refused.status, refused.json["code"], refused.json["title"]) == (409, "not_paid", "这笔款项正在原路退回，没有缴费凭证")
    assert (await checked(house, receipt_token.sign(codes, order_no, now())))["valid"] is False
    await store["orders"].update_one({"_id": order_no}, {"$set": {"state": "settled"}})
    await store.close()
