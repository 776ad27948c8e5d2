"""A storm of notices on the whole house: 500 orders, each told four times, shuffled, 2,000 notices in 10 s. How late was the latest answer,
and was every order booked once and told once?

The bills are real ones at the core and the orders stand as they do after the prepay, but no gateway is asked to make them: then nothing but
these notices tells of the money.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import aiohttp

from bench.figures import percentile, progress, report
from bench.pay.notices import Teller
from bench.pay.posting import Ack, on_time
from bench.pay.prepared import keyring, prepare
from core.bills import Bill
from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack
from payments.gateways import Payment
from tests.api.house import House
from tests.api.purse import Payer, make_payer

RESIDENTS, BILLS, COPIES, SECONDS = 25, 20, 4, 10.0
QUIET = 180.0  # seconds at most until the worker has done what follows
_FOLLOWS = ["pay.settle", "pay.tell"]


def measure(stack: Stack) -> None:
    asyncio.run(_measure(stack))


async def _measure(stack: Stack) -> None:
    mongo = connect(stack.env["MONGO_URL"], stack.env.get("ZHANGBAN_MONGO_DATABASE", "zhangban"))
    async with aiohttp.ClientSession() as http:
        house = House(stack, http)
        progress(f"  {RESIDENTS} 人各办一件事，共 {RESIDENTS * BILLS} 张缴费单…")
        payers = [await make_payer(house) for _ in range(RESIDENTS)]
        bills = [bill for some in await asyncio.gather(*(_bills(payer) for payer in payers)) for bill in some]
        teller = Teller.of(stack.data / "sandbox")
        payments = await prepare(mongo, keyring(stack.env), bills, teller.keys.mchid)
        acks = await on_time(stack.api, _shuffled(teller, stack.api, payments), seconds=SECONDS)
        took = await _follow_up(mongo)
        inboxes = [(await payer.resident.api("GET", "/v1/messages?limit=50")).json["items"] for payer in payers]
        once = settled_once([one.order_no for one in payments], await house.ledger("core"), [one["text"] for some in inboxes for one in some])
    await mongo.close()
    _report(acks, len(once), len(payments), took)


async def _bills(payer: Payer) -> list[Bill]:
    path = f"/world/core/cases/{payer.case_no}/bills"
    return [Bill.model_validate(await payer.house.world("POST", path, {"amount_fen": 100 + n})) for n in range(BILLS)]


def _shuffled(teller: Teller, base: str, payments: Sequence[Payment]) -> list[bytes]:
    """Each copy is signed by itself, as every delivery is."""
    copies = [teller.request(base, one) for one in payments for _ in range(COPIES)]
    random.Random(5).shuffle(copies)  # noqa: S311 - the same order every time
    return copies


async def _follow_up(mongo: Mongo) -> float:
    """Seconds until nothing that a notice left behind is waiting any more. Counting before that would miss what is done twice."""
    started = time.monotonic()
    while await mongo["outbox"].count_documents({"kind": {"$in": _FOLLOWS}, "state": "waiting"}):
        if time.monotonic() - started > QUIET:
            progress("  还有没办完的后续事项，按现在的结果计数")
            break
        await asyncio.sleep(0.5)
    return time.monotonic() - started


def settled_once(order_nos: Sequence[str], ledger: Iterable[Mapping[str, Any]], texts: Iterable[str]) -> set[str]:
    """Orders that the core booked exactly once, effectively, and of which exactly one message tells. `ledger`: the core's lines; `texts`: every inbox."""
    bookings = [one for one in ledger if one["kind"] == "settled"]
    booked = Counter(one["order_no"] for one in bookings)
    effective = {one["order_no"] for one in bookings if one["effective"]}
    told = Counter(no for text in texts for no in order_nos if no in text)
    return {no for no in order_nos if booked[no] == 1 and no in effective and told[no] == 1}


def _report(acks: Sequence[Ack], once: int, orders: int, took: float) -> None:
    if wrong := Counter(one.status for one in acks if one.status // 100 != 2):
        raise SystemExit(f"pay_storm: notices were not acknowledged: {dict(wrong)}")
    progress(f"  最慢 {max(one.seconds for one in acks):.2f} 秒；最后一次应答后 {took:.0f} 秒全部办完")
    told = f"{len(acks)} notices of {orders} orders, {COPIES} shuffled copies each, in {SECONDS:.0f} s; the whole stack on one machine, client and sandbox too"
    seconds = [one.seconds for one in acks]
    report("pay_storm_max_ack_s", max(seconds), "s", "lower", 3, told, len(acks))
    report("pay_storm_ack_p99_ms", percentile(seconds, 0.99) * 1000, "ms", "lower", 500, told, len(acks))
    about = f"orders of {orders} with one effective settlement at the core and one inbox message"
    report("pay_storm_orders_settled_once", once, "orders", "higher", orders, about, orders)
