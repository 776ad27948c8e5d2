"""One parcel booked by fifty at once, again and again: through our adapter, at the sandbox's SF Express, in good days and bad ones.

Every one of the fifty holds the same row, as workers whose leases ran out do. What counts is in the courier's own ledger.
"""

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from bench.delivery.prepared import asked, indexes, shipping_on
from bench.figures import progress, report
from delivery import booking
from delivery.parcels import State
from delivery.shipping import Shipping, book_key
from kit.http import Http
from kit.mongo import connect
from miniapp_api.settings_delivery import couriers
from miniapp_api.stack import Stack

AT_ONCE, PARCELS, AIM = 50, 20, 1
# How SF is while the fifty come first; from their second try on it is well, but for what it hides.
DAYS: tuple[dict[str, Any], ...] = (
    {},
    {"lose_replies": True},
    {"lose_replies": True, "hide_orders_ms": 3000},
    {"error_rate": 0.5, "latency_ms": 200},
)


async def book_at_once(shipping: Shipping, times: int, recover: Callable[[], Awaitable[None]]) -> str:
    """The parcel's id; when it returns its booking is known. `recover` comes after the first try of them all."""
    parcel = await asked(shipping)
    row = await shipping.outbox.take_key(book_key(parcel.id, 1))
    if row is None:
        raise SystemExit("booking: the row is gone")
    for turn in range(600):
        await asyncio.gather(*(booking.book(shipping, row) for _ in range(times)))
        if await shipping.outbox.state(row.key) == "done":
            return parcel.id
        if not turn:
            await recover()
        await asyncio.sleep(random.uniform(0.05, 0.2))  # noqa: S311 - workers come when they come
    raise SystemExit("booking: fifty workers did not come to an end")


async def _measure(stack: Stack, url: str) -> None:
    found, wrong = couriers(stack.env["ZHANGBAN_COURIERS"], stack.api, production=False)
    if found is None:
        raise SystemExit(f"booking: {wrong}")
    mongo, http = connect(stack.env["MONGO_URL"], "bench_booking"), Http(found.urls())
    await indexes(mongo)
    shipping = shipping_on(mongo, found.couriers(http))
    async with aiohttp.ClientSession() as world:
        ids = list[str]()
        for n in range(PARCELS):
            day = DAYS[n % len(DAYS)]
            await _faults(world, url, day)

            async def recover(day: dict[str, Any] = day) -> None:
                await _faults(world, url, {name: value for name, value in day.items() if name == "hide_orders_ms"})

            ids.append(await book_at_once(shipping, AT_ONCE, recover))
            progress(f"  {n + 1}/{PARCELS}")
        async with world.get(f"{url}/world/ledger/sf") as answer:
            ledger: list[dict[str, Any]] = (await answer.json())["entries"]
    live = live_orders(ledger)
    worst = max((live[f"{own}-1"] for own in ids), key=lambda count: abs(count - 1))
    others = sum(count for number, count in live.items() if number.rpartition("-")[0] in ids and not number.endswith("-1"))
    stand = sum([(await shipping.store.parcel(own)).state is State.BOOKED for own in ids])  # type: ignore[union-attr]  # it was asked for above
    if others or stand != len(ids):
        raise SystemExit(f"booking: {others} orders under other numbers, {stand} of {len(ids)} parcels booked")
    told_of = (
        f"live orders of a parcel in the courier's ledger, the worst of {PARCELS} parcels; for most of them replies lost, orders hidden or errors"
    )
    report("booking_50_orders", worst, "orders", "lower", AIM, told_of, PARCELS * AT_ONCE)
    await http.close()
    await mongo.close()


async def _faults(world: aiohttp.ClientSession, url: str, switches: dict[str, Any]) -> None:
    async with world.put(f"{url}/world/faults", json={"sf": switches}) as told:
        told.raise_for_status()


def live_orders(ledger: list[dict[str, Any]]) -> Counter[str]:
    """Our number -> orders made under it and not called off."""
    found = Counter[str]()
    for entry in ledger:
        if entry["kind"] == "order.created":
            found[entry["order_no"]] += 1
        elif entry["kind"] == "order.cancelled":
            found[entry["order_no"]] -= 1
    return found


def measure(items: Path | None) -> None:
    folder = Path(tempfile.mkdtemp(prefix="zhangban-bench-"))
    stack = Stack(folder / "data", items=items)
    try:
        stack.start(progress)
        stack.children["worker"].stop()
        asyncio.run(_measure(stack, stack.sandbox))
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
