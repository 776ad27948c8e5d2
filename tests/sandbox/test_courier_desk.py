"""The couriers' desk: what is scanned is told by pushes that may come twice, late, wrong or never, and the courier's own books say what is true."""

import json
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from tests.sandbox.courier_shop import (
    Inbox,
    ems,
    ems_book,
    ems_opened,
    inbox,
    kuaidi100_sign,
    own_no,
    query,
    scan,
    sf_book,
    sf_cancel,
    sf_routes,
    subscribe,
)
from tests.sandbox.outside import Json, Outside, Process, Reply, until

Private = Callable[..., Outside]


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory, http: aiohttp.ClientSession) -> AsyncIterator[tuple[Outside, Inbox]]:
    """A world that pushes to an inbox; every test here waits for all of its own pushes, so that the next one finds none."""
    async with inbox() as own:
        process = Process(tmp_path_factory.mktemp("couriers") / "data", ("--couriers", own.url)).start()
        yield Outside(process, http), own
        process.kill()


@pytest.fixture
def world(town: tuple[Outside, Inbox]) -> Outside:
    return town[0]


@pytest.fixture
def post(town: tuple[Outside, Inbox]) -> Inbox:
    town[1].got.clear()
    return town[1]


@pytest.fixture
async def lone(private: Private) -> AsyncIterator[tuple[Outside, Inbox]]:
    """A world of the test's own, and its inbox."""
    async with inbox() as own:
        yield private("--couriers", own.url), own


async def refusal(world: Outside, path: str, body: Json) -> tuple[int, str]:
    reply: Reply = await world.call("POST", f"/world/couriers/{path}/scans", body)
    return reply.status, reply.json["code"]


async def deliveries(world: Outside, waybill: str, number: int) -> list[Json]:
    """Of SF's pushes."""

    async def told() -> list[Json]:
        found = [one for one in await world.ledger("sf") if one["kind"] == "push.delivery" and one["waybill"] == waybill]
        return found if len(found) >= number else []

    found: list[Json] = await until(told)
    assert len(found) == number
    return found


async def test_sf_pushes_to_a_path_with_its_secret(world: Outside, post: Inbox) -> None:
    own = own_no()
    waybill = await sf_book(world, own)
    made = await scan(world, "sf", own, "collect")
    await post.wait(1)
    assert post.got[0][1] == f"/callbacks/sf/{world.accounts['sf']['push_secret']}"
    (route,) = post.sf()
    assert set(route) == {"id", "mailno", "orderid", "acceptAddress", "acceptTime", "remark", "opCode", "reasonCode", "reasonName"}
    assert (route["id"], route["mailno"], route["orderid"], route["opCode"]) == (made["scans"][0]["id"], waybill, own, "50")
    (pulled,) = await sf_routes(world, waybill)
    assert pulled == {name: route[name] for name in pulled}
    (told,) = await deliveries(world, waybill, 1)
    assert (told["result"], told["attempt"], told["scans"], told["waybill"]) == ("taken", 1, [route["id"]], waybill)


async def test_ems_pushes_one_track_sealed_without_its_key_behind_it(world: Outside, post: Inbox) -> None:
    own = own_no()
    waybill = await ems_book(world, own)
    await scan(world, "ems", waybill, "deliver")
    await post.wait(1)
    (courier, path, body) = post.got[0]
    around = json.loads(body)
    assert (courier, path, around["method"], around["senderNo"]) == ("ems", "/callbacks/ems", "040002", world.accounts["ems"]["sender_no"])
    track = ems_opened(around["logitcsInterface"], world.accounts["ems"]["sign_key"])
    assert (track["waybillNo"], track["orderNo"], track["opCode"]) == (waybill, own, "702")
    (pulled,) = (await ems(world, "040001", {"waybillNo": waybill}))[1]["responseItems"]
    assert pulled == {name: track[name] for name in pulled}


async def test_the_same_scan_is_pushed_as_often_as_asked(world: Outside, post: Inbox) -> None:
    waybill = await sf_book(world, own_no())
    await scan(world, "sf", waybill, "collect", times=3)
    await post.wait(3)
    assert len({route["id"] for route in post.sf()}) == 1
    assert len(await sf_routes(world, waybill)) == 1


async def test_scans_may_be_pushed_in_any_order(world: Outside, post: Inbox) -> None:
    kinds = ["collect", "transit", "transit", "transit", "deliver", "exception", "deliver", "pickup_point"]
    in_order = set()
    for _ in range(6):
        waybill = await sf_book(world, own_no())
        made = await scan(world, "sf", waybill, kinds, shuffle=True)
        await post.wait(len(kinds))
        ids = [route["id"] for route in post.sf() if route["mailno"] == waybill]
        assert sorted(ids) == sorted(one["id"] for one in made["scans"])
        post.got.clear()
        in_order.add(ids == [one["id"] for one in made["scans"]])
        assert [route["opCode"] for route in await sf_routes(world, waybill)] == ["50", "30", "30", "30", "44", "33", "44", "607"]
    assert False in in_order


async def test_what_is_never_pushed_is_found_by_who_asks(world: Outside, post: Inbox) -> None:
    waybill = await sf_book(world, own_no())
    assert (await scan(world, "sf", waybill, ["collect", "sign"], **{"as": "never"}))["pushes"] == 0
    assert [route["opCode"] for route in await sf_routes(world, waybill)] == ["50", "80"]
    assert post.got == []


@pytest.mark.parametrize("how", ["claimed", "forged"])
async def test_what_a_push_only_says_is_not_in_the_couriers_books(world: Outside, post: Inbox, how: str) -> None:
    waybill = await sf_book(world, own_no())
    await scan(world, "sf", waybill, "collect")
    await post.wait(1)
    told = await scan(world, "sf", waybill, "sign", **{"as": how})
    assert told["parcel"]["state"] == "collected"
    await post.wait(2)
    genuine = post.got[1][1] == post.got[0][1]
    assert genuine is (how == "claimed") and post.sf()[1]["opCode"] == "80"
    assert [route["opCode"] for route in await sf_routes(world, waybill)] == ["50"]
    assert (await deliveries(world, waybill, 2))[1]["forged"] is (how == "forged")


async def test_what_is_forged_for_ems_and_kuaidi100_does_not_hold(world: Outside, post: Inbox) -> None:
    waybill = await ems_book(world, own_no())
    await subscribe(world, waybill, f"{post.url}/kuaidi100", company="ems")
    await scan(world, "ems", waybill, "sign", **{"as": "forged"})
    await post.wait(2)
    for courier, _, body in post.got:
        if courier == "ems":
            with pytest.raises((ValueError, UnicodeDecodeError)):
                ems_opened(json.loads(body)["logitcsInterface"], world.accounts["ems"]["sign_key"])
    (form,) = [form for form in post.forms() if "sign" in form]
    assert form["sign"] != kuaidi100_sign(form["param"], world.accounts["kuaidi100"]["salt"])
    assert (await query(world, waybill, com="ems"))["returnCode"] == "500"


async def test_a_push_that_is_not_taken_comes_again_also_after_a_restart(lone: tuple[Outside, Inbox]) -> None:
    world, post = lone
    waybill = await sf_book(world, own_no())
    post.answers = [{"return_code": "1000", "return_msg": "系统异常"}]
    await scan(world, "sf", waybill, "collect")
    await post.wait(1)
    await until(lambda: deliveries(world, waybill, 1))
    world.process.kill()
    world.process.start()
    await world.world("POST", "/clock", {"speed": 3600})
    await post.wait(2)
    assert post.got[0] == post.got[1]
    assert [one["result"] for one in await deliveries(world, waybill, 2)] == ["200 other answer", "taken"]


async def test_the_switches_make_pushes_come_twice_forged_or_not_at_all(lone: tuple[Outside, Inbox]) -> None:
    world, post = lone
    waybill = await sf_book(world, own_no())
    async with world.faults(courier_pushes={"duplicate": 2, "forge": True, "late_ms": 50, "shuffle": True}):
        await scan(world, "sf", waybill, "collect")
        await post.wait(4)
    assert sorted(one["forged"] for one in await deliveries(world, waybill, 4)) == [False, False, False, True]
    async with world.faults(courier_pushes={"down": True}):
        await scan(world, "sf", waybill, "transit")
        assert (await deliveries(world, waybill, 5))[4]["result"] == "down"
    assert len(post.got) == 4


@pytest.mark.parametrize("kind", ["sign", "returned", "lose"])
async def test_nothing_happens_to_a_parcel_that_came_to_its_end(outside: Outside, kind: str) -> None:
    waybill = await sf_book(outside, own_no())
    await scan(outside, "sf", waybill, kind)
    assert await refusal(outside, f"sf/parcels/{waybill}", {"kind": "transit"}) == (409, "parcel_ended")


async def test_a_cancelled_order_is_not_collected(outside: Outside) -> None:
    own = own_no()
    await sf_book(outside, own)
    await sf_cancel(outside, own)
    assert await refusal(outside, f"sf/parcels/{own}", {"kind": "collect"}) == (409, "parcel_ended")


async def test_wrong_scans_are_refused_with_everything_wrong(outside: Outside) -> None:
    waybill = await sf_book(outside, own_no())
    assert await refusal(outside, f"yto/parcels/{waybill}", {"kind": "collect"}) == (404, "unknown_courier")
    assert await refusal(outside, "sf/parcels/SF0000000000000", {"kind": "collect"}) == (404, "unknown_parcel")
    body = {"kind": "fly", "times": 0, "as": "x", "at": "2026-11-29", "shuffle": 1, "text": ""}
    reply = await outside.call("POST", f"/world/couriers/sf/parcels/{waybill}/scans", body)
    assert (reply.status, len(reply.json["errors"])) == (422, 6)
    for kind in (None, [], ["sign", "transit"], 5, ["collect"] * 21):
        assert await refusal(outside, f"sf/parcels/{waybill}", {"kind": kind}) == (422, "bad_scan")
    assert await sf_routes(outside, waybill) == []


async def test_the_page_is_told_of_every_parcel_without_its_address(lone: tuple[Outside, Inbox]) -> None:
    world, _ = lone
    own = own_no()
    waybill = await sf_book(world, own)
    await scan(world, "kuaidi100", "YT0000000000001", "collect")
    shown = (await world.world("GET", "/couriers"))["parcels"]
    assert [(one["courier"], one["waybill"], one["order_no"], one["state"]) for one in shown] == [
        ("kuaidi100", "YT0000000000001", "", "collected"),
        ("sf", waybill, own, "booked"),
    ]
    assert "13900000002" not in json.dumps(shown) and "麓山路" not in json.dumps(shown, ensure_ascii=False)


async def test_a_wiped_world_has_no_parcels_and_still_gives_numbers_up(lone: tuple[Outside, Inbox]) -> None:
    world, post = lone
    own = own_no()
    await sf_book(world, own)
    post.answers = [500]
    await scan(world, "sf", own, "collect")
    await post.wait(1)
    await world.world("POST", "/reset", {})
    assert (await world.world("GET", "/couriers"))["parcels"] == []
    assert await sf_book(world, own)
    await subscribe(world, "YT0000000000002", f"{post.url}/kuaidi100")
    await world.pass_time(3 * 86_400)
    await post.wait(2)
    assert json.loads(post.forms()[-1]["param"])["status"] == "abort"
