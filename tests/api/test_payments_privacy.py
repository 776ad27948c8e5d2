"""Who pays, and with which keys, stays out of every log, whatever goes wrong, and out of the store in the clear."""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

from kit.mongo import connect
from miniapp_api import wiring
from miniapp_api.settings import Settings
from miniapp_api.stack import Stack
from tests.api.desk import make_desk
from tests.api.house import House, until
from tests.api.purse import Payer, make_payer

STORED = ("orders", "refunds", "ledger_entries", "outbox", "payment_refusals", "bills_seen")


def secrets_of(given: Any) -> list[str]:
    """Every key among accounts, however deep; of a long one a piece out of its middle, which is the same however lines are broken."""
    if isinstance(given, dict):
        return [one for name, value in given.items() for one in secrets_of(value) if isinstance(value, dict | list) or _is_secret(name)]
    if isinstance(given, list):
        return [one for value in given for one in secrets_of(value)]
    lines = str(given).split("\n")
    return [lines[len(lines) // 2]] if len(lines) > 2 else [str(given)]


def _is_secret(name: str) -> bool:
    return any(part in name for part in ("key", "secret", "token"))


async def pay_and_give_back(payer: Payer, house: House) -> list[str]:
    """A life of a bill with troubles in it; returns what the client was handed."""
    bill = await payer.bill()
    placed = await payer.order(bill)
    assert placed.status == 201, placed.body
    order_no = str(placed.json["order_no"])
    await payer.thumb(order_no, "forged")
    await until(lambda: payer.at_gateway(order_no, "pay.notice"))
    await payer.thumb(order_no, "wrong_amount")
    await house.faults(core={"lose_replies": True})
    await payer.thumb(order_no, "twice")
    await payer.until(order_no, "paid")
    await asyncio.sleep(0.5)  # long enough for one lost attempt
    await house.faults(core={})
    await payer.until(order_no, "settled", 60)
    cashier, approver = await make_desk(house, "cashier"), await make_desk(house, "approver")
    wish = {"amount_fen": 700, "reason": f"{payer.resident.person['name']}办错了，电话{payer.resident.person['phone']}"}
    asked = await cashier.api("POST", f"/staff/v1/orders/{order_no}/refunds", wish, headers={"Idempotency-Key": uuid.uuid4().hex})
    await approver.api("POST", f"/staff/v1/refunds/{asked.json['refund_no']}/approve", {})

    async def taken_back() -> bool:
        return bool(await payer.at_core(order_no, "reversed"))

    await until(taken_back)
    await payer.resident.api("GET", f"/v1/orders/{order_no}/receipt")
    return [cashier.token, approver.token, *(value for name, value in placed.json["pay_params"].items() if name in ("paySign", "package", "tradeNO"))]


async def test_no_log_line_holds_who_paid_what_signs_it_or_what_opens_it(house: House, stack: Stack) -> None:
    payers = [await make_payer(house, channel) for channel in ("wechat", "alipay")]
    handed = [one for payer in payers for one in await pay_and_give_back(payer, house)]
    for payer in payers:  # and what is refused, away or garbled
        await house.faults(core={"down": True}, wechat_pay={"down": True}, alipay={"down": True})
        await payer.order("B-none")
        await house.faults(core={}, wechat_pay={"error_rate": 1.0}, alipay={"error_rate": 1.0})
        await payer.order(await payer.bill(), channel=payer.resident.channel)
        await house.faults(wechat_pay={}, alipay={})
        for path in ("wechat-pay/v2", "wechat-pay/v2/refund", "wechat-pay/v3", "alipay"):
            await house.api("POST", f"/callbacks/{path}", raw=f"<xml><openid>{payer.resident.person['id_number']}</openid></xml>".encode())
    keyring = wiring.keyring(Settings(field_keys=stack.env["ZHANGBAN_FIELD_KEYS"], index_key=stack.env["ZHANGBAN_INDEX_KEY"]))  # type: ignore[arg-type]
    store = connect(stack.env["MONGO_URL"], stack.env["ZHANGBAN_MONGO_DATABASE"])
    wallets = {keyring.open(row["payer"], f"orders/payer/{row['_id']}") async for row in store["orders"].find()}
    kept = {name: repr([row async for row in store[name].find()]) for name in STORED}
    await store.close()
    keys = [one for one in secrets_of(await house.world("GET", "/world/accounts")) if len(one) >= 16]
    keys += [stack.env["ZHANGBAN_INDEX_KEY"], *json.loads(stack.env["ZHANGBAN_FIELD_KEYS"]).values()]
    assert len(wallets) >= 2 and len(keys) >= 12 and all(kept.values())
    people = [payer.resident.person for payer in payers]
    numbers = [person[name] for person in people for name in ("id_number", "phone")]
    never = [*numbers, *(person["name"] for person in people), *(payer.resident.token for payer in payers), *wallets, *keys, *handed]
    logs = {name: (Path(stack.data) / "logs" / f"{name}.log").read_text() for name in ("api", "worker")}
    assert "notice turned away" in logs["api"] and all(logs.values())
    assert [(name, one[:6]) for name, text in logs.items() for one in never if one in text] == []
    assert [
        (name, one[:6]) for name, text in kept.items() for one in (*wallets, *keys, *(person["id_number"] for person in people)) if one in text
    ] == []
