"""Asking when nobody calls: what became of an order, until it is paid or closed; and closing it so that nobody pays what nobody waits for."""

import logging
from datetime import timedelta
from typing import Any, Literal

from kit import kill_points
from kit.clock import now
from kit.errors import NotReached, Outside, Unknown
from kit.mongo import Tx
from kit.outbox import Row
from payments.paying import Paying
from payments.settle import Mismatch
from payments.states import OrderState

log = logging.getLogger(__name__)

KIND = "pay.ask"
RECHECK = "pay.recheck"
FIRST = 10.0  # seconds after the order was made
AFTER_CLOSE = (600.0, 86_400.0)  # a payment that was under way while the order closed is found by asking twice more
SPARE = 20.0  # seconds after its end before an order is closed: the gateway's clock may be behind ours
_STEPS = ((60.0, 10.0), (300.0, 30.0))  # until this age ask every so often; later every two minutes
_SLOW = 120.0

Ended = Literal["paid", "closed"]


def row_key(order_no: str) -> str:
    return f"ask:{order_no}"


async def ask(paying: Paying, order: dict[str, Any]) -> Literal["paid", "waiting", "closed", "absent"]:
    """One question to its gateway; a payment found so is taken like one that was told. Raises Outside."""
    found = await paying.gateway_of(order).query(order["_id"])
    if isinstance(found, str):
        return found
    try:
        await paying.seen.paid(found, "query")
    except Mismatch as exc:
        log.error("a payment does not fit its order", extra={"order_no": order["_id"], "reason": exc.reason})
        await paying.orders.turned_away(found.gateway, exc.reason, order["_id"])
    return "paid"


async def close(paying: Paying, order: dict[str, Any]) -> Ended:
    """Raises Outside while the gateway does not answer: the order stays `closing`, and its bill gets no other one until that is known."""
    closing = await paying.orders.move(None, order["_id"], OrderState.CLOSING) or await paying.orders.order(order["_id"])
    if closing is None or closing["state"] != OrderState.CLOSING:
        return _ended(closing)
    told = await ask(paying, closing)
    if told == "paid":
        return "paid"
    if told != "closed" and await paying.gateway_of(order).close(order["_id"]) == "paid":
        if await ask(paying, closing) != "paid":  # it knows of the payment and cannot show it yet: the order is not done with
            raise Unknown(closing["gateway"], "paid_but_not_shown")
        return "paid"
    kill_points.reached("close.after_gateway")

    async def both(tx: Tx) -> None:
        if await paying.orders.move(tx, order["_id"], OrderState.CLOSED) is not None:
            await paying.outbox.put(tx, RECHECK, f"recheck:{order['_id']}", {"order_no": order["_id"]}, delay=AFTER_CLOSE[0])

    await paying.mongo.transaction(both)
    return _ended(await paying.orders.order(order["_id"]))


def _ended(order: dict[str, Any] | None) -> Ended:
    """A payment may have been faster. One that came too late goes back by itself and holds its bill no longer."""
    return "paid" if order is not None and order["live"] else "closed"


async def look(paying: Paying, row: Row) -> None:
    """Worker; payload {order_no}. Asks more and more seldom, closes what ran out of time, ends with the order."""
    order = await paying.orders.order(row.payload["order_no"])
    if order is None or order["state"] not in (OrderState.CREATED, OrderState.AWAITING, OrderState.CLOSING):
        await paying.outbox.done(row.key)
        return
    over = order["state"] == OrderState.CLOSING or now() > order["expires_at"] + timedelta(seconds=SPARE)
    try:
        told: str = await close(paying, order) if over else await ask(paying, order)
    except NotReached:
        await paying.outbox.put_off(row, _gap(order))
        return
    except Outside as exc:
        log.info("order not known yet", extra={"order_no": order["_id"], "error": str(exc)})
        await paying.outbox.put_off(row, _gap(order))
        return
    if told == "closed" and not over:  # closed there, not by us: the same end
        told = await close(paying, order)
    if told in ("paid", "closed"):
        await paying.outbox.done(row.key)
    else:
        await paying.outbox.put_off(row, _gap(order))


async def look_again(paying: Paying, row: Row) -> None:
    """Worker; payload {order_no}: is a closed order really unpaid? Asked ten minutes and a day after."""
    order = await paying.orders.order(row.payload["order_no"])
    if order is None or order["state"] != OrderState.CLOSED:
        await paying.outbox.done(row.key)
        return
    try:
        await ask(paying, order)
    except Outside:
        await paying.outbox.put_off(row, _SLOW)
        return
    age = (now() - order["closed_at"]).total_seconds()
    later = next((seconds - age for seconds in AFTER_CLOSE if seconds > age), None)
    await (paying.outbox.done(row.key) if later is None else paying.outbox.put_off(row, later))


def _gap(order: dict[str, Any]) -> float:
    """Never past the end of its time, never more often than every second."""
    age = (now() - order["created_at"]).total_seconds()
    gap = next((every for until, every in _STEPS if age < until), _SLOW)
    left = (order["expires_at"] - now()).total_seconds() + SPARE + 1
    return max(1.0, min(gap, left)) if left > 0 else gap / 2
