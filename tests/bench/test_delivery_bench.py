"""The parcel bench measures what it says: the limit writes what we write, lost scans and doubled orders are noticed, polls follow the worker's rules."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bench.delivery import booking, polls, prepared, scans
from delivery.couriers import ScanKind
from delivery.tracking import take_scans
from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import Mongo, connect
from tests.delivery.depot import indexes, make_depot

HOURS = 3600


@pytest.fixture
async def beside(mongo_url: str) -> AsyncIterator[Mongo]:
    """The limit's own empty database."""
    own = connect(mongo_url, new_id("limit"))
    await prepared.indexes(own)
    yield own
    await own.client.drop_database(own.database.name)
    await own.close()


@pytest.fixture
async def ours(mongo: Mongo) -> Mongo:
    await prepared.indexes(mongo)
    return mongo


async def test_the_limit_leaves_the_same_lines_as_we_do(ours: Mongo, beside: Mongo) -> None:
    mine, other = prepared.shipping_on(ours, {}), prepared.shipping_on(beside, {})
    one, same = await scans.prepare(mine, 1), await scans.prepare(other, 1)
    await scans.ours(mine, one, callers=1)
    await scans.bare(beside, scans.writes(other, same), callers=1)
    stored = [await where["parcels"].find_one({}) for where in (ours, beside)]
    kinds = [[(list(line), [type(value) for value in line.values()], line["kind"]) for line in (row or {})["scans"]] for row in stored]
    assert kinds[0] == kinds[1] and len(kinds[0]) == len(prepared.WAY)
    assert len({len((row or {})["scans"][0]["text"]) for row in stored}) == 1


async def test_every_scan_of_a_round_is_where_it_belongs_with_what_follows_of_it(ours: Mongo) -> None:
    shipping = prepared.shipping_on(ours, {})
    one = await scans.prepare(shipping, 7)
    assert await scans.whole(shipping, one) == 0
    await scans.ours(shipping, one, callers=4)
    assert await scans.whole(shipping, one) == 7


async def test_a_lost_scan_or_a_telling_that_is_not_planted_is_noticed(ours: Mongo) -> None:
    shipping = prepared.shipping_on(ours, {})
    one = await scans.prepare(shipping, 3)
    await scans.ours(shipping, replace(one, scans=one.scans[:-1]), callers=2)
    assert await scans.whole(shipping, one) == 2
    await ours["outbox"].delete_one({"kind": prepared.TELL, "payload.kind": "collected", "payload.parcel_id": one.parcels[0].id})
    assert await scans.whole(shipping, one) == 1


async def test_a_scan_that_finds_no_parcel_ends_the_bench(ours: Mongo) -> None:
    shipping = prepared.shipping_on(ours, {})
    one = await scans.prepare(shipping, 1)
    await ours["parcels"].delete_many({})
    with pytest.raises(LookupError):
        await scans.ours(shipping, one, callers=1)


def test_orders_are_counted_as_the_courier_has_them() -> None:
    def entry(kind: str, number: str) -> dict[str, str]:
        return {"kind": kind, "order_no": number}

    ledger = [entry("order.created", "J1-1"), entry("order.created", "J2-1"), entry("order.created", "J2-1"), entry("scan", "J1-1")]
    ledger += [entry("order.created", "J3-1"), entry("order.cancelled", "J3-1")]
    assert booking.live_orders(ledger) == {"J1-1": 1, "J2-1": 2, "J3-1": 0}


# polls


def test_pushes_save_most_polls_and_lost_ones_cost_some() -> None:
    dice = random.Random(1)
    lives = [polls.life(dice) for _ in range(300)]
    share, asked, without = polls.share_saved(lives)
    assert share > 0.85 and asked >= len(lives) and without > 5 * asked
    deaf = [replace(one, pushes=[None] * len(one.pushes)) for one in lives]
    assert polls.share_saved(deaf)[0] == 0


def test_a_way_runs_in_order_and_ends_once() -> None:
    dice = random.Random(2)
    for one in (polls.life(dice) for _ in range(200)):
        moments = [seen.at for seen in one.scans]
        assert moments == sorted(moments) and [seen.kind for seen in one.scans].index(ScanKind.SIGNED) == len(one.scans) - 1
        assert all(at is None or at > seen.at for seen, at in zip(one.scans, one.pushes, strict=True))


@pytest.mark.parametrize("pushed", [True, False])
async def test_the_worker_asks_as_often_as_the_bench_says(mongo: Mongo, keys: Keyring, pushed: bool) -> None:
    """A way of two days lived through on a real database: time goes by in steps of ten minutes, a poll may be one step late."""
    await indexes(mongo)
    depot = make_depot(mongo, keys)
    kinds = [ScanKind.COLLECTED, ScanKind.IN_TRANSIT, ScanKind.IN_TRANSIT, ScanKind.DELIVERING, ScanKind.SIGNED]
    hours = [5, 11, 20, 30, 33]
    seen = [replace(one, kind=kind) for one, kind in zip(polls.life(random.Random(3)).scans, kinds, strict=False)]
    way = [replace(one, id=f"s{n}", at=polls.START + timedelta(hours=hour)) for n, (one, hour) in enumerate(zip(seen, hours, strict=True))]
    one = polls.Life(way, [at.at + timedelta(minutes=1) for at in way])
    expected, _ = polls.questions(one, pushed=pushed)

    parcel = await depot.booked()
    order, spent = depot.order(parcel), 0.0
    for kind, hour in zip(kinds, hours, strict=True):
        while spent < hour * HOURS:
            await depot.pass_time(600)
            spent += 600
            await depot.work()
        scan = depot.sf.scan(order, kind)
        if pushed:
            await take_scans(depot.shipping, "sf", [scan], source="push")
            await depot.work()
    while (await depot.parcel(parcel.id)).state != "delivered":
        await depot.pass_time(600)
        await depot.work()
    assert abs(depot.sf.asked - expected) <= 1, (depot.sf.asked, expected)
