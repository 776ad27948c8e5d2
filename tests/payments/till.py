"""Everything paying needs, on a real database, with a pretend gateway on each side and a pretend core; and a worker that is stepped by hand."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from core.bills import Bill, PayChannel
from core.money import CoreMoney
from kit.clock import now
from kit.crypto import Keyring
from kit.errors import Outside
from kit.mongo import Mongo
from kit.outbox import COLLECTION, Outbox, Row
from miniapp_api.after_payment import TELL, AfterPayment
from payments import asking, orders, refunding, refunds, settlement
from payments.order_store import INDEXES as ORDER_INDEXES
from payments.order_store import Orders
from payments.paying import Paying
from payments.refund_store import INDEXES as REFUND_INDEXES
from payments.refund_store import Refunds
from tests.payments.pretend import PretendCore, PretendGateway, Trouble

HANDLERS = {
    settlement.KIND: settlement.settle_at_core,
    refunds.KIND: refunding.refund_at_gateway,
    refunding.REVERSE: refunding.reverse_at_core,
    asking.KIND: asking.look,
    asking.RECHECK: asking.look_again,
}


class Accounts:
    async def account(self, person_id: str, resident_id: str, channel: str) -> str | None:
        return f"{channel}-of-{resident_id}"


@dataclass
class Till:
    mongo: Mongo
    paying: Paying
    wechat: PretendGateway
    alipay: PretendGateway
    core: PretendCore
    told: list[dict[str, Any]]

    def gateway(self, order: dict[str, Any]) -> PretendGateway:
        return self.wechat if order["channel"] == "wechat" else self.alipay

    async def place(self, bill: Bill, channel: PayChannel = "wechat", resident: str = "r1") -> dict[str, Any]:
        placed = await orders.place(self.paying, orders.Customer(bill.person_id, resident, channel), bill.bill_id, channel)
        return await self.order(placed.order["_id"])

    async def order(self, order_no: str) -> dict[str, Any]:
        found = await self.paying.orders.order(order_no)
        assert found is not None
        return found

    async def paid(self, amount_fen: int = 2000, channel: PayChannel = "wechat") -> dict[str, Any]:
        """An order whose money the gateway has and we know of, not yet booked at the core."""
        order = await self.place(self.core.issue(amount_fen), channel)
        await self.paying.seen.paid(self.gateway(order).pay(order["_id"]), "notice")
        return await self.order(order["_id"])

    async def settled(self, amount_fen: int = 2000) -> dict[str, Any]:
        order = await self.paid(amount_fen)
        await self.work()
        return await self.order(order["_id"])

    async def step(self) -> bool:
        """One due row, as the worker handles it; False when nothing is due. A Crash leaves the row leased, as a dead process does."""
        row = await self.paying.outbox.take([*HANDLERS, TELL])
        if row is None:
            return False
        await self._handle(row)
        return True

    async def _handle(self, row: Row) -> None:
        if row.kind == TELL:
            self.told.append(row.payload)
            await self.paying.outbox.done(row.key)
            return
        try:
            await HANDLERS[row.kind](self.paying, row)
        except Outside as exc:
            await self.paying.outbox.give_back(row, str(exc))

    async def another_worker(self) -> None:
        """One whose colleague takes too long over a row: the lease ran out, and both are at it."""
        rows = self.mongo[COLLECTION]
        held = await rows.find_one({"state": "waiting", "held": True}, sort=[("due_at", -1)])
        if held is not None:
            await rows.update_one({"_id": held["_id"]}, [{"$set": {"due_at": "$$NOW"}}])
            row = await self.paying.outbox.take_key(held["_id"])
            assert row is not None
            await self._handle(row)

    async def work(self, most: int = 100) -> None:
        for _ in range(most):
            if not await self.step():
                return
        raise AssertionError("the worker does not come to an end")

    async def pass_time(self, seconds: float) -> None:
        """As if so much time had gone by: what waits is due, what was asked is long asked, orders grow old."""
        back = -int(seconds * 1000)
        rows, money, given_back = self.mongo[COLLECTION], self.mongo["orders"], self.mongo["refunds"]
        await rows.update_many({"state": "waiting"}, [{"$set": {"due_at": _moved("$due_at", back)}}])
        dates = ("expires_at", "created_at", "settle_tried_at", "closed_at")
        await money.update_many({}, [{"$set": {name: _moved(f"${name}", back) for name in dates}}])
        await given_back.update_many({}, [{"$set": {"reverse_tried_at": _moved("$reverse_tried_at", back)}}])
        for gateway in (self.wechat, self.alipay):
            for order in gateway.orders.values():  # an order's end is the same for both sides
                order.ask = replace(order.ask, expires_at=order.ask.expires_at - timedelta(seconds=seconds))
        self.core.settled_down(seconds)

    async def quiet(self) -> None:
        """All parties are well, and time goes by until nothing is left to do."""
        for party in (self.wechat, self.alipay, self.core):
            party.trouble = Trouble()
        for _ in range(12):
            await self.pass_time(90_000)
            await self.work()
        left = [row["_id"] async for row in self.mongo[COLLECTION].find({"state": {"$ne": "done"}})]
        assert left == [], left


def _moved(field: str, milliseconds: int) -> dict[str, Any]:
    """A date so much later; null stays null."""
    return {"$cond": [{"$eq": [{"$type": field}, "date"]}, {"$dateAdd": {"startDate": field, "unit": "millisecond", "amount": milliseconds}}, None]}


def make_till(mongo: Mongo, keys: Keyring, *, idempotent: bool = True, hides: bool = False) -> Till:
    wechat, alipay, core = PretendGateway(), PretendGateway("alipay", "alipay"), PretendCore(idempotent=idempotent, hides=hides)
    stores = Orders(mongo, keys), Refunds(mongo), Outbox(mongo)
    paying = Paying(
        mongo=mongo,
        orders=stores[0],
        refunds=stores[1],
        outbox=stores[2],
        core=cast("CoreMoney", core),
        gateways={"wechat_v3": wechat, "alipay": alipay},
        chosen={"wechat": "wechat_v3", "alipay": "alipay"},
        payers=Accounts(),
        seen=AfterPayment(mongo, *stores),
    )
    return Till(mongo, paying, wechat, alipay, core, [])


async def indexes(mongo: Mongo) -> None:
    await mongo.create_indexes({**ORDER_INDEXES, **REFUND_INDEXES, COLLECTION: []})


def soon(seconds: float) -> Any:
    return now() + timedelta(seconds=seconds)
