"""Worker: a paid order is booked at the core, once. What the core does not take goes back to the resident by itself."""

import logging
from typing import Any

from core.bills import Settlement
from core.money import SettlementAsk
from kit import kill_points
from kit.errors import NotReached, Refused
from kit.mongo import Tx
from kit.outbox import Row
from payments.booking import Later, booked, patience
from payments.paying import Paying
from payments.refunds import send_back
from payments.states import OrderState

log = logging.getLogger(__name__)

KIND = "pay.settle"
# What the core answers when it will never book this payment (core/contract.yaml, POST /settlements)
_NOT_TAKEN = frozenset({"bill_already_paid", "amount_mismatch", "bill_cancelled", "unknown_bill"})


def row_key(order_no: str) -> str:
    return f"settle:{order_no}"


def settlement_id(order_no: str) -> str:
    return f"S-{order_no}"


async def settle_at_core(paying: Paying, row: Row) -> None:
    """Payload {order_no}. A core that is away is asked again and again, never given up."""
    order = await paying.orders.order(row.payload["order_no"])
    if order is None or order["state"] != OrderState.PAID:
        await paying.outbox.done(row.key)
        return
    try:
        await _record(paying, row, order, await _booked(paying, order))
    except Later as later:
        await paying.outbox.put_off(row, later.seconds)
    except NotReached:
        await paying.outbox.put_off(row, patience(order["paid_at"]))
    except Refused as exc:
        await _refused(paying, row, order, exc)


async def _booked(paying: Paying, order: dict[str, Any]) -> Settlement:
    own = settlement_id(order["_id"])
    ask = SettlementAsk(
        settlement_id=own,
        bill_id=order["bill_id"],
        bill_version=order["bill_version"],
        order_no=order["_id"],
        channel=order["channel"],
        transaction_id=order["transaction_id"],
        amount_fen=order["amount_fen"],
        paid_at=order["paid_at"],
    )

    async def book() -> Settlement:
        kill_points.reached("settle.before_core")
        made = await paying.core.settle(ask)
        kill_points.reached("settle.after_core")
        return made

    return await booked(
        order.get("settle_tried_at"),
        lambda: paying.core.find_settlement(own),
        book,
        lambda seen, at: paying.orders.settling(order["_id"], seen, at),
    )


async def _record(paying: Paying, row: Row, order: dict[str, Any], settlement: Settlement) -> None:
    async def both(tx: Tx) -> None:
        await paying.orders.mark_settled(tx, order, settlement)
        await paying.outbox.done(row.key, tx)

    await paying.mongo.transaction(both)


async def _refused(paying: Paying, row: Row, order: dict[str, Any], exc: Refused) -> None:
    """If an earlier call may have booked it, "already paid" may be ours: then only a look decides, and at last a human."""
    if exc.reason not in _NOT_TAKEN or (exc.reason == "bill_already_paid" and order.get("settle_tried_at") is not None):
        raise exc

    async def all_of_it(tx: Tx) -> None:
        moved = await paying.orders.move(tx, order["_id"], OrderState.RETURNING, returning_because=f"core_{exc.reason}")
        if moved is not None:
            await send_back(paying.orders, paying.refunds, paying.outbox, tx, moved)
        await paying.outbox.done(row.key, tx)

    await paying.mongo.transaction(all_of_it)
    log.warning("the core does not take a payment", extra={"order_no": order["_id"], "reason": exc.reason})
