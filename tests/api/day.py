"""A day on which money moved in every way there is, against the sandbox's gateways and core; and the desk of the day after."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from kit.clock import BEIJING, now
from kit.mongo import Mongo
from miniapp_api import settings, wiring
from miniapp_api.reconcile_daily import desk
from miniapp_api.stack import Stack
from payments.gateways import Gateway
from payments.reconcile import Desk, Report, ready_from, reconcile
from sandbox.book import Book
from tests.api.desk import Desk as Clerk
from tests.api.desk import make_desk
from tests.api.house import House, Json, until
from tests.api.purse import Payer, due_now, make_payer

A_DAY = 86_400
AMOUNTS = {
    **{"once": 12_345, "twice": 2_001, "never": 3_003, "late": 4_007, "partly_back": 5_011, "all_back": 6_013},
    **{"at_the_window": 7_017, "after_close": 8_019},
}
BACK = {"partly_back": 1_234, "all_back": 6_013, "at_the_window": 7_017, "after_close": 8_019}
NEVER_AT_CORE = ("at_the_window", "after_close")


@dataclass(slots=True)
class Staff:
    cashier: Clerk
    approver: Clerk

    async def give_back(self, payer: Payer, order_no: str, amount_fen: int) -> None:
        """Asked for by one, approved by another, and done."""
        wish = {"amount_fen": amount_fen, "reason": "申请人撤回"}
        key = {"Idempotency-Key": f"back-{order_no}"}
        asked = await self.cashier.api("POST", f"/staff/v1/orders/{order_no}/refunds", wish, headers=key)
        assert asked.status == 201, asked.body
        approved = await self.approver.api("POST", f"/staff/v1/refunds/{asked.json['refund_no']}/approve", {})
        assert approved.status == 200, approved.body

        async def reversed_there() -> bool:
            return [one["amount_fen"] for one in await payer.at_core(order_no, "reversed")] == [amount_fen]

        await until(reversed_there, 30)


@dataclass(slots=True)
class Day:
    """`orders`: (channel, what happened) -> order number."""

    house: House
    mongo: Mongo
    payers: dict[str, Payer]
    staff: Staff
    date: date
    orders: dict[tuple[str, str], str]

    async def buy(self, channel: str, amount_fen: int, how: str = "once") -> str:
        """Paid and booked."""
        payer = self.payers[channel]
        order_no = await payer.placed(amount_fen)
        await payer.thumb(order_no, how)
        await payer.until(order_no, "settled", 60)
        return order_no

    async def at_rest(self) -> None:
        """Nothing that moves or tells money waits any more; questions about orders that nobody paid may."""
        moving = {"state": {"$ne": "done"}, "kind": {"$in": ["pay.settle", "pay.refund", "pay.reverse", "pay.tell"]}}

        async def quiet() -> bool:
            return await self.mongo["outbox"].count_documents(moving) == 0

        await until(quiet, 60)

    async def ends(self) -> None:
        """The sandbox's gateways give this day's statements from now on."""
        await self.at_rest()
        await self.house.world("POST", "/world/clock", {"forward": A_DAY})

    async def everything(self, channel: str) -> None:
        """Every way to pay, one after the other on one channel, the slow ones at the same time."""
        payer = self.payers[channel]
        window, gone = await payer.bill(AMOUNTS["at_the_window"]), await payer.bill(AMOUNTS["after_close"])
        for name, bill in (("at_the_window", window), ("after_close", gone)):
            self.orders[channel, name] = (await payer.order(bill)).json["order_no"]
        await self.house.world("PUT", f"/world/core/bills/{window}", {"state": "cancelled"})
        await self.house.world("PUT", f"/world/core/bills/{gone}", {"amount_fen": 1})
        assert (await payer.order(gone)).status == 201  # another order is made, so the first one is closed
        ways = ("once", "twice", "never", "late")
        paid = await asyncio.gather(*(self.buy(channel, AMOUNTS[how], how) for how in ways))
        self.orders |= {(channel, how): order_no for how, order_no in zip(ways, paid, strict=True)}
        await payer.thumb(self.orders[channel, "at_the_window"])
        await payer.thumb(self.orders[channel, "after_close"], even_closed=True)
        for name in ("partly_back", "all_back"):
            self.orders[channel, name] = await self.buy(channel, AMOUNTS[name])
            await self.staff.give_back(payer, self.orders[channel, name], BACK[name])
        for name in ("at_the_window", "after_close", "all_back"):
            await payer.until(self.orders[channel, name], "refunded", 30)

    async def counted(self, channel: str) -> dict[str, tuple[int, int]]:
        """By hand, from the sandbox's own ledgers of that day's orders: (count, fen)."""
        lines, core = await self.house.ledger(channel), await self.house.ledger("core")
        own = {order_no for (one, _), order_no in self.orders.items() if one == channel}
        of = {
            "paid": [one for one in lines if one["kind"] == "pay.paid" and one["order_no"] in own],
            "refunded": [one for one in lines if one["kind"] == "pay.refunded" and one["order_no"] in own],
            "settled": [one for one in core if one["kind"] == "settled" and one["order_no"] in own],
            "reversed": [one for one in core if one["kind"] == "reversed" and one["settlement_id"].removeprefix("S-") in own],
        }
        return {name: (len(some), sum(one["amount_fen"] for one in some)) for name, some in of.items()}


async def make_day(house: House, mongo: Mongo) -> Day:
    """Two residents, two members of staff, and a Beijing day with at least half an hour left."""
    clock = (await house.world("GET", "/world/state"))["clock"]
    here = (now() + timedelta(seconds=clock["ahead"])).astimezone(BEIJING)
    if here.hour == 23 and here.minute >= 45:
        left = (here.replace(hour=0, minute=0, second=1, microsecond=0) + timedelta(days=1) - here).total_seconds()
        await house.world("POST", "/world/clock", {"forward": left})
        here += timedelta(seconds=left)
    payers = {channel: await make_payer(house, channel) for channel in ("wechat", "alipay")}
    staff = Staff(await make_desk(house, "cashier"), await make_desk(house, "approver"))
    return Day(house, mongo, payers, staff, here.date(), {})


@dataclass(slots=True)
class Books:
    """The real gateways and the real core, seen from 11:00 of the day after."""

    desk: Desk
    gateways: dict[str, Gateway]

    async def reconcile(self, day: date, *, heal: bool = True) -> dict[str, Report]:
        return {name: await reconcile(self.at(day), gateway, day, heal=heal) for name, gateway in self.gateways.items()}

    def at(self, day: date) -> Desk:
        later: datetime = ready_from(day) + timedelta(hours=1)
        return replace(self.desk, clock=lambda: later)


@asynccontextmanager
async def books(stack: Stack) -> AsyncIterator[Books]:
    """What `zhangban payments reconcile` builds, from the same environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.env.items():
            patch.setenv(name, value)
        given = settings.load()
    deps = wiring.build(given)
    try:
        yield Books(desk(deps), {"wechat": deps.paying.gateways["wechat_v3"], "alipay": deps.paying.gateways["alipay"]})
    finally:
        await deps.close()


def sides(report: Report, about: str) -> dict[str, tuple[int, int]]:
    """gateway, ledger, core -> (count, fen)."""
    tallies: Any = report.totals.paid if about == "paid" else report.totals.refunded
    return {name: (tally.count, tally.fen) for name, tally in tallies.items()}


def by_subject(rows: list[Json], victims: dict[str, str]) -> dict[tuple[str, str], Json]:
    """(kind, victim) -> what staff see of it."""
    names = {f"paid:{order_no}": name for name, order_no in victims.items()}
    return {(row["kind"], names[row["id"].rsplit("~", 1)[1]]): row for row in rows if row["id"].rsplit("~", 1)[1] in names}


VICTIMS = ("lost", "unknown", "altered", "unbooked", "gone_at_core", "made_up", "untold")


async def break_day(day: Day, channel: str, sandbox: Book) -> dict[str, str]:
    """What can go wrong with the books, once each; victim -> order number. The day must be open still, and `sandbox` is its memory."""
    payer, victims = day.payers[channel], {name: await day.buy(channel, 1_000 + 100 * number) for number, name in enumerate(VICTIMS[:6])}
    bill = await payer.bill(1_600)
    victims["untold"] = (await payer.order(bill)).json["order_no"]
    await day.house.world("PUT", f"/world/core/bills/{bill}", {"state": "cancelled"})
    await close_here(day, victims["untold"])
    await payer.thumb(victims["untold"], "never", even_closed=True)
    await day.at_rest()
    money, orders, rows = day.mongo["ledger_entries"], day.mongo["orders"], day.mongo["outbox"]
    # as if nobody had ever told us of it
    lost = victims["lost"]
    await money.delete_many({"order_no": lost})
    facts = {"state": "awaiting", "live": True, "transaction_id": None}
    forgotten = {"paid_at": "", "settled_at": "", "found_by": "", "settle_tried_at": "", "e_bill": ""}
    await orders.update_one({"_id": lost}, {"$set": facts, "$unset": forgotten})
    await rows.delete_many({"_id": {"$in": [f"ask:{lost}", f"settle:{lost}", f"tell:paid:{lost}"]}})
    # restored from a backup of before
    await money.delete_many({"order_no": victims["unknown"]})
    await orders.delete_one({"_id": victims["unknown"]})
    await money.update_one({"_id": f"paid:{victims['altered']}"}, {"$inc": {"amount_fen": 1}})
    # booked at the core, and we died before we wrote that down
    unbooked = victims["unbooked"]
    await money.delete_one({"_id": f"settled:{unbooked}"})
    await orders.update_one({"_id": unbooked}, {"$set": {"state": "paid"}, "$unset": {"settled_at": "", "e_bill": ""}})
    await rows.delete_one({"_id": f"settle:{unbooked}"})
    for key, line in sandbox.every("core_book"):
        if line["order_no"] == victims["gone_at_core"]:
            sandbox.take("core_book", key)
    victims["made_up"] += "X"
    for kind in ("paid", "settled"):
        line = await money.find_one({"_id": f"{kind}:{victims['made_up'][:-1]}"}) or {}
        await money.insert_one({**line, "_id": f"{kind}:{victims['made_up']}", "order_no": victims["made_up"]})
    return victims


async def close_here(day: Day, order_no: str) -> None:
    """Its time is over: the worker closes it at the gateway and here."""
    gone = {"expires_at": now() - timedelta(minutes=5)}
    await day.mongo["orders"].update_one({"_id": order_no}, {"$set": gone})
    await due_now(day.mongo, f"ask:{order_no}")

    async def closed() -> bool:
        return await day.mongo["orders"].count_documents({"_id": order_no, "state": "closed"}) == 1

    await until(closed, 30)
