"""EMS: the worked example of its SM4; orders, tracks and pushes with the sandbox, which seals by itself; and a pretend platform that says every word."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from delivery.couriers import ForgedNotice, Party, Scan, ScanKind, UnreadableNotice
from delivery.ems import EmsCourier
from delivery.ems_gate import EmsAccount, EmsGate
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http
from kit.sm4 import CannotDecrypt, Sm4Ecb
from tests.delivery.courier_world import HALL, HOME, NOBODY, Inbox, Says, courier_world, ems_account, make_booking, make_notice, orders, scan
from tests.listener import listening
from tests.sandbox.outside import Outside, until

World = tuple[Outside, Inbox]
KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="


def make_gate(key: str = KEY) -> EmsGate:
    return EmsGate(Http([]), EmsAccount("https://x/", "9900000000001", "auth", key))


def test_the_worked_example_is_sealed_and_opened() -> None:
    sealed = "|$4|ImkUJUd6SVUDz3sP0NMBliV5RoJTvVJW9yzdiYCkqbr++Q9qL82C2jxcJhNmorLUMl1QH9ahSF9rrKTItnvJYA=="
    gate = make_gate()
    assert gate.seal(b'{"waybillNo":"1136281381675"}') == sealed
    assert gate.unseal(sealed) == gate.unseal(sealed.removeprefix("|$4|")) == {"waybillNo": "1136281381675"}


@pytest.mark.parametrize("key", ["", "MDEyMzQ1", "not base64", base64.b64encode(bytes(24)).decode()])
def test_a_key_of_another_form_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(ValueError):
        make_gate(key)


# with the sandbox


@pytest.fixture(scope="module")
async def outside(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with courier_world(Path(tmp_path_factory.mktemp("ems")) / "data") as world:
        yield world


@pytest.fixture
async def ems(outside: World) -> AsyncIterator[EmsCourier]:
    world, _ = outside
    http = Http([world.process.url])
    yield EmsCourier(http, ems_account(world))
    await http.close()


async def test_a_parcel_is_booked_found_and_followed_to_the_hall(outside: World, ems: EmsCourier) -> None:
    world, _ = outside
    booking = make_booking(receiver=HALL)
    assert await ems.find(booking.shipment_id) is None
    booked = await ems.book(booking)
    assert await ems.find(booking.shipment_id) == booked and not booked.is_cancelled
    assert await ems.track(booked.waybill, HOME.phone) == ()
    await scan(world, "ems", booked.waybill, "collect", "transit", "deliver", "pickup_point", "sign")
    way = await ems.track(booked.waybill, HOME.phone)
    assert [one.kind for one in way] == ["collected", "in_transit", "delivering", "at_pickup_point", "signed"]
    assert len({one.scan_id for one in way}) == 5 and all(one.at.tzinfo == UTC and one.text and one.place for one in way)


@pytest.mark.parametrize("payer", ["sender", "receiver", "third"])
async def test_who_pays_is_told(outside: World, ems: EmsCourier, payer: Any) -> None:
    world, _ = outside
    booking = make_booking(payer=payer)
    await ems.book(booking)
    (told,) = [one for one in await world.ledger("ems") if one.get("order_no") == booking.shipment_id]
    assert told["payer"] == payer


async def test_a_reply_that_was_lost_is_found_again_and_no_second_order_is_made(outside: World, ems: EmsCourier) -> None:
    world, _ = outside
    booking = make_booking()
    async with world.faults(ems={"lose_replies": True}):
        with pytest.raises(Unknown):
            await ems.book(booking)
    found = await ems.find(booking.shipment_id)
    assert found is not None and not found.is_cancelled
    with pytest.raises(Unknown, match="order_exists"):
        await ems.book(booking)
    assert await orders(world, "ems", booking.shipment_id) == ["order.created"]


async def test_a_cancelled_number_is_used_up_and_cancelling_again_is_harmless(outside: World, ems: EmsCourier) -> None:
    world, _ = outside
    booking = make_booking()
    booked = await ems.book(booking)
    for _ in range(2):
        await ems.cancel(booking.shipment_id, booked.waybill)
    found = await ems.find(booking.shipment_id)
    assert found is not None and found.is_cancelled
    with pytest.raises(Unknown, match="order_exists"):
        await ems.book(booking)
    assert await orders(world, "ems", booking.shipment_id) == ["order.created", "order.cancelled"]


async def test_what_is_collected_or_unknown_is_not_cancelled(outside: World, ems: EmsCourier) -> None:
    world, _ = outside
    booking = make_booking()
    booked = await ems.book(booking)
    await scan(world, "ems", booked.waybill, "collect")
    with pytest.raises(Refused, match="already_collected"):
        await ems.cancel(booking.shipment_id, booked.waybill)
    with pytest.raises(Refused, match="shipment_unknown"):
        await ems.cancel("parcel_nobody-1", "1000000000000")


async def test_where_nobody_goes_no_order_stands(outside: World, ems: EmsCourier) -> None:
    world, _ = outside
    for booking, word in (
        (make_booking(receiver=NOBODY), "not_reachable"),
        (make_booking(receiver=Party("某某", "1", "省", "市", "县", "")), "refused"),
    ):
        with pytest.raises(Refused) as caught:
            await ems.book(booking)
        assert caught.value.reason == word and await orders(world, "ems", booking.shipment_id) == []
    with pytest.raises(Refused, match="not_reachable"):
        await ems.quote(HALL, NOBODY)


async def test_a_price_comes_in_fen(ems: EmsCourier) -> None:
    assert ((await ems.quote(HALL, HALL)).amount_fen, (await ems.quote(HALL, HOME)).amount_fen) == (1200, 1800)


async def test_a_push_says_what_asking_says_with_the_same_ids(outside: World, ems: EmsCourier) -> None:
    world, inbox = outside
    inbox.answer = lambda: ems.answer(taken=True)
    booking, before = make_booking(), len(inbox.pushed)
    booked = await ems.book(booking)
    await scan(world, "ems", booked.waybill, "collect", "reject", "return", "returned", times=2, shuffle=True)

    async def came() -> bool:
        return len(inbox.pushed) >= before + 8

    assert await until(came)
    pushed: list[Scan] = []
    for path, body in inbox.pushed[before:]:
        assert path == "/ems"
        pushed += ems.read_notice(make_notice(body))
    asked = await ems.track(booked.waybill, HALL.phone)
    assert [one.kind for one in asked] == ["collected", "rejected", "returning", "returned"]
    assert {one.scan_id: (one.kind, one.at, one.place) for one in pushed} == {one.scan_id: (one.kind, one.at, one.place) for one in asked}
    assert {one.shipment_id for one in pushed} == {booking.shipment_id}
    results = [one["result"] for one in await world.ledger("ems") if one["kind"] == "push.delivery" and one["waybill"] == booked.waybill]
    assert set(results) == {"taken"}


async def test_a_forged_push_is_seen(outside: World, ems: EmsCourier) -> None:
    world, inbox = outside
    booked = await ems.book(make_booking())
    before = len(inbox.pushed)
    await scan(world, "ems", booked.waybill, "sign", **{"as": "forged"})

    async def came() -> bool:
        return len(inbox.pushed) > before

    assert await until(came)
    with pytest.raises(ForgedNotice):
        ems.read_notice(make_notice(inbox.pushed[-1][1]))
    assert await ems.track(booked.waybill, HOME.phone) == ()


async def test_what_is_lost_is_lost_and_a_wrong_key_was_never_looked_at(outside: World, ems: EmsCourier) -> None:
    world, _ = outside
    booked = await ems.book(make_booking())
    await scan(world, "ems", booked.waybill, "collect", "exception", "lose")
    assert [one.kind for one in await ems.track(booked.waybill, HOME.phone)] == ["collected", "exception", "lost"]
    http = Http([world.process.url])
    for changes in ({"authorization": "another"}, {"sender_no": "nobody"}, {"sign_key": KEY}):
        with pytest.raises(NotReached):
            await EmsCourier(http, ems_account(world, **changes)).book(make_booking())
    await http.close()


async def test_a_courier_that_is_down_is_not_reached_or_unknown(outside: World, ems: EmsCourier) -> None:
    world, _ = outside
    booking = make_booking()
    async with world.faults(ems={"down": True}):
        for call in (ems.book(booking), ems.find(booking.shipment_id), ems.track("1000000000000", "0001"), ems.quote(HALL, HOME)):
            with pytest.raises((NotReached, Unknown)):
                await call
    assert await ems.find(booking.shipment_id) is None


# a platform that says what it is told to


@pytest.fixture
async def says() -> AsyncIterator[tuple[EmsCourier, Says]]:
    platform = Says()
    async with listening(platform.answer) as url:
        http = Http([url])
        yield EmsCourier(http, EmsAccount(f"{url}/open", "9900000000001", "auth", KEY)), platform
        await http.close()


def ok(body: Any) -> dict[str, Any]:
    return {"retCode": "00000", "retMsg": "成功", "retBody": json.dumps(body)}


def no(told: str, code: str = "B00099") -> dict[str, Any]:
    return {"retCode": code, "retMsg": told, "retBody": None}


async def test_the_request_is_what_is_documented(says: Any) -> None:
    ems, platform = says
    for body in ({"waybillNo": "1136281381675"}, [{"waybillNo": "1136281381675", "logisticsOrderNo": "p-1"}]):
        platform.reply = ok(body)
        assert (await ems.book(make_booking("p-1", payer="receiver"))).waybill == "1136281381675"
    path, form = platform.asked[0]
    assert path == "/open" and set(form) == set("apiCode senderNo authorization timeStamp msgType version logitcsInterface".split())
    assert (form["apiCode"], form["senderNo"], form["msgType"], form["version"]) == ("020003", "9900000000001", "0", "V1.0.0")
    plain = Sm4Ecb(base64.b64decode(KEY)).decrypt(base64.b64decode(form["logitcsInterface"].removeprefix("|$4|"))).decode()
    assert plain.endswith(KEY)
    (asked,) = json.loads(plain.removesuffix(KEY))
    assert asked["logisticsOrderNo"] == "p-1" and asked["paymentMode"] == "2"
    assert asked["sender"]["phone"] == HALL.phone and asked["receiver"]["mobile"] == HOME.phone and "phone" not in asked["receiver"]


async def test_an_answer_may_be_sealed_or_open(says: Any) -> None:
    ems, platform = says
    track = {"waybillNo": "1136281381675", "opTime": "2026-11-29 08:30:00", "opCode": "704", "opName": "妥投"}
    for body in (json.dumps({"responseItems": [track]}), {"responseItems": [track]}, make_gate().seal(json.dumps([track]).encode())):
        platform.reply = {"retCode": "00000", "retBody": body}
        (one,) = await ems.track("1136281381675", "")
        assert one.kind == ScanKind.SIGNED and one.at == datetime(2026, 11, 29, 0, 30, tzinfo=UTC) and one.text == "妥投"
    platform.reply = {"retCode": "00000", "retBody": None}
    assert await ems.track("1136281381675", "") == ()


GARBLED: list[Any] = [
    {},
    "[]",
    "<html>",
    {"retCode": None},
    ok({}),
    ok([]),
    ok([{}, {}]),
    ok("x"),
    ok({"waybillNo": "<b>"}),
    ok({"waybillNo": "1136281381675", "logisticsOrderNo": "somebody_elses"}),
    {"retCode": "00000", "retBody": "{"},
    {"retCode": "00000", "retBody": "|$4|AAAA"},
    no("系统异常，请稍后重试", "S99999"),
    no("网络超时"),
]


@pytest.mark.parametrize("reply", GARBLED, ids=range(len(GARBLED)))
async def test_what_proves_nothing_is_unknown(says: Any, reply: Any) -> None:
    ems, platform = says
    platform.reply = reply
    for call in (ems.book(make_booking("p-1")), ems.find("p-1")):
        with pytest.raises(Unknown):
            await call


async def test_another_status_or_a_cut_line_proves_nothing(says: Any) -> None:
    ems, platform = says
    platform.status, platform.reply = 502, ok({"waybillNo": "1136281381675"})
    with pytest.raises(Unknown):
        await ems.book(make_booking())
    platform.status, platform.hangs_up = 200, True
    with pytest.raises(Unknown):
        await ems.book(make_booking())


@pytest.mark.parametrize("told", ["签名错误", "授权码无效", "客户号不存在", "IP不在白名单", "无此接口权限", "调用过于频繁"])
async def test_what_the_platform_turns_away_did_nothing(says: Any, told: str) -> None:
    ems, platform = says
    platform.reply = no(told)
    with pytest.raises(NotReached):
        await ems.book(make_booking())


async def test_a_no_nobody_knows_is_looked_up_before_it_counts(says: Any) -> None:
    """An order that EMS made and yet answered with a no would otherwise be made twice under the next number."""
    ems, platform = says
    platform.next = [no("内件品名不规范"), no("订单不存在")]
    with pytest.raises(Refused) as caught:
        await ems.book(make_booking("p-1"))
    assert caught.value.reason == "refused"
    platform.next = [no("内件品名不规范"), ok({"waybillNo": "1136281381675", "logisticsOrderNo": "p-1"})]
    with pytest.raises(Unknown, match="order_exists"):
        await ems.book(make_booking("p-1"))
    platform.next = [no("内件品名不规范"), no("系统繁忙")]
    with pytest.raises(Unknown):
        await ems.book(make_booking("p-1"))


async def test_an_order_that_is_off_needs_no_cancelling(says: Any) -> None:
    ems, platform = says
    platform.reply = no("订单已取消")
    await ems.cancel("p-1", "1136281381675")
    found = await ems.find("p-1")
    assert found is not None and found.is_cancelled and found.waybill == ""
    platform.reply = no("查无此邮件")
    assert await ems.track("1136281381675", "") == ()


def track(**changes: Any) -> dict[str, Any]:
    own = {"waybillNo": "1136281381675", "opTime": "2026-11-29 08:30:00", "opCode": "203", "opName": "收寄", "opDesc": "已收寄"}
    return {**own, "opOrgCity": "长沙市", "orderNo": "p-1", **changes}


def around(told: Any, gate: EmsGate | None = None, **changes: Any) -> bytes:
    sealed = (gate or make_gate()).seal(json.dumps(told).encode())
    own = {"logitcsInterface": sealed, "method": "040002", "msgType": "0", "senderNo": "9900000000001", "serialNo": "1", "version": "v1.0.0"}
    return json.dumps({**own, **changes}).encode()


async def test_a_push_may_hold_one_track_or_several_and_bring_its_key_or_not(says: Any) -> None:
    ems, _ = says
    plain = base64.b64encode(Sm4Ecb(base64.b64decode(KEY)).encrypt(json.dumps(track()).encode())).decode()
    for body in (around(track()), around([track()]), around({"responseItems": [track()]}), around(track(), logitcsInterface=f"|$4|{plain}")):
        (one,) = ems.read_notice(make_notice(body))
        assert (one.kind, one.waybill, one.shipment_id, one.place) == (ScanKind.COLLECTED, "1136281381675", "p-1", "长沙市")


async def test_a_code_that_is_not_known_is_on_its_way_whatever_its_words(says: Any) -> None:
    ems, _ = says
    for code in ("999", "", "7041", None):
        (one,) = ems.read_notice(make_notice(around(track(opCode=code, opDesc="已妥投，拒收，丢失，退回妥投"))))
        assert one.kind == ScanKind.IN_TRANSIT
    for code in ("711", "799", "705"):
        (one,) = ems.read_notice(make_notice(around(track(opCode=code, opDesc="", opName=""))))
        assert one.kind not in (ScanKind.RETURNED, ScanKind.LOST), "an end needs more than a code that was assumed"


FORGED = [
    b"",
    b"{",
    b"[]",
    b"{}",
    around(track(), make_gate(base64.b64encode(b"another key 16 b").decode())),
    around(track(), senderNo="somebody"),
    around(track(), logitcsInterface=json.dumps(track())),
    around(track(), logitcsInterface="|$4|AAAA"),
    around(track(), logitcsInterface=None),
]


@pytest.mark.parametrize("body", FORGED, ids=range(len(FORGED)))
async def test_what_was_not_sealed_with_our_key_is_forged(says: Any, body: bytes) -> None:
    ems, _ = says
    with pytest.raises(ForgedNotice):
        ems.read_notice(make_notice(body))


@pytest.mark.parametrize("body", [around([]), around("x"), around({}), around(track(opTime="x")), around(track(), method="050001")])
async def test_a_genuine_push_of_another_form_is_unreadable(says: Any, body: bytes) -> None:
    ems, _ = says
    with pytest.raises(UnreadableNotice):
        ems.read_notice(make_notice(body))


async def test_the_answer_is_emss_own_with_a_number_of_its_own(says: Any) -> None:
    ems, _ = says
    first, second = (json.loads(ems.answer(taken=True)[0]) for _ in range(2))
    assert (
        first["code"] == "00000"
        and first["codeMessage"] == "成功"
        and first["senderNo"] == "9900000000001"
        and first["serialNo"] != second["serialNo"]
    )
    assert json.loads(ems.answer(taken=False)[0])["code"] != "00000"


def test_no_secret_shows_when_an_account_is_printed() -> None:
    assert "SECRET" not in repr(EmsAccount("u", "n", "SECRET", "SECRET"))


def test_what_is_no_json_behind_the_right_key_does_not_open() -> None:
    gate = make_gate()
    with pytest.raises(CannotDecrypt):
        gate.unseal(gate.seal(b"<xml/>"))
