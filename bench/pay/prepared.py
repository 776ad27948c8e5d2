"""Orders that wait for their money, put where an order placed over HTTP would stand, and what a gateway would say of each."""

import json
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta

from core.bills import Bill, BillState
from kit.clock import now
from kit.crypto import Keyring
from kit.ids import new_id, new_number
from kit.mongo import Mongo, Tx
from miniapp_api.settings import unbase64
from payments.gateways import Payment
from payments.order_store import Orders
from payments.states import OrderState

TOGETHER = 50  # orders in one transaction: making them is not what is measured


def keyring(env: Mapping[str, str]) -> Keyring:
    """The one that a stack's processes were started with: payers are sealed, and must open there."""
    keys = {name: unbase64(value) for name, value in json.loads(env["ZHANGBAN_FIELD_KEYS"]).items()}
    return Keyring(keys, next(iter(keys)), unbase64(env["ZHANGBAN_INDEX_KEY"]))


def made_up_bills(count: int) -> list[Bill]:
    """Nobody's: for what ends before a core is asked."""
    own, at = new_id("bench"), now()
    return [
        Bill(
            bill_id=f"B-{own}-{n}",
            version=1,
            person_id=f"p_{own}_{n % 97}",
            case_no=f"C-{own}-{n}",
            item_name="居民身份证补领",
            title="居民身份证工本费",
            payee="临江市公安局",
            amount_fen=random.randint(100, 99_999),  # noqa: S311 - a price
            state=BillState.UNPAID,
            issued_at=at,
        )
        for n in range(count)
    ]


async def prepare(mongo: Mongo, keys: Keyring, bills: Sequence[Bill], merchant: str) -> list[Payment]:
    """One awaiting order a bill, and the payment of each, paid now at WeChat (v3)."""
    orders, payments = Orders(mongo, keys), list[Payment]()
    for first in range(0, len(bills), TOGETHER):
        some = [_payment(bill) for bill in bills[first : first + TOGETHER]]

        async def all_of_them(tx: Tx, first: int = first, some: Sequence[Payment] = some) -> None:
            for bill, payment in zip(bills[first : first + TOGETHER], some, strict=True):
                payer = {"resident_id": f"r_{bill.person_id}", "channel": "wechat", "account": payment.payers[0]}
                own = {"name": payment.gateway, "merchant": merchant}
                await orders.add(tx, payment.order_no, bill, payer, own, now() + timedelta(minutes=30))
                await orders.move(tx, payment.order_no, OrderState.AWAITING)

        await mongo.transaction(all_of_them)
        payments += some
    return payments


def _payment(bill: Bill) -> Payment:
    order_no = new_number("Z")
    at = now().replace(microsecond=0)  # WeChat tells whole seconds
    transaction = f"4200{at:%Y%m%d%H%M%S}{random.randrange(10**10):010d}"  # noqa: S311 - a number, not a secret
    return Payment("wechat_v3", order_no, transaction, bill.amount_fen, bill.currency, (f"o{order_no[-20:]:0>27}",), at)


async def paid(mongo: Mongo, payments: Sequence[Payment]) -> int:
    """How many of them stand as paid, each with its ledger line and both rows of what must follow."""
    numbers = [one.order_no for one in payments]
    stand = {row["_id"] async for row in mongo["orders"].find({"_id": {"$in": numbers}, "state": OrderState.PAID.value}, {"_id": 1})}
    entries = {row["order_no"] async for row in mongo["ledger_entries"].find({"_id": {"$in": [f"paid:{one}" for one in numbers]}})}
    keys = [key for one in numbers for key in (f"settle:{one}", f"tell:paid:{one}")]
    rows = {row["_id"] async for row in mongo["outbox"].find({"_id": {"$in": keys}}, {"_id": 1})}
    return sum(one in stand and one in entries and f"settle:{one}" in rows and f"tell:paid:{one}" in rows for one in numbers)
