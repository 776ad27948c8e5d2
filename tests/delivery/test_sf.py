"""SF: the official digest; orders, routes and pushes with the sandbox, which checks by itself; and a pretend platform that says every word."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from delivery.couriers import Party, Scan, ScanKind, UnreadableNotice
from delivery.sf import KINDS, SfCourier
from delivery.sf_gate import SfAccount, digest
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http
from tests.delivery.courier_world import HALL, HOME, NOBODY, Inbox, Says, courier_world, make_booking, make_notice, orders, scan, sf_account
from tests.listener import listening
from tests.sandbox.outside import Outside, until

World = tuple[Outside, Inbox]


def test_the_official_example_has_the_official_digest() -> None:
    message = '{"language":"zh-CN","orderId":"QIAO-20200618-004"}'
    assert digest(message, "12312334453453", "fjcg5PGKaNpPSHFAZ4QsCOkV71R3zVci") == "IIKJtuLVzoFTu4kHI8M8vA=="


# with the sandbox


@pytest.fixture(scope="module")
async def outside(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with courier_world(Path(tmp_path_factory.mktemp("sf")) / "data") as world:
        yield world


@pytest.fixture(params=[False, True], ids=["digest", "token"])
async def sf(outside: World, request: pytest.FixtureRequest) -> AsyncIterator[SfCourier]:
    world, _ = outside
    http = Http([world.process.url])
    yield SfCourier(http, sf_account(world, oauth=request.param))
    await http.close()


@pytest.fixture
async def signed(outside: World) -> AsyncIterator[SfCourier]:
    world, _ = outside
    http = Http([world.process.url])
    yield SfCourier(http, sf_account(world))
    await http.close()


async def test_a_parcel_is_booked_found_and_followed_to_the_door(outside: World, sf: SfCourier) -> None:
    world, _ = outside
    booking = make_booking()
    assert await sf.find(booking.shipment_id) is None
    booked = await sf.book(booking)
    assert booked.shipment_id == booking.shipment_id and booked.waybill.startswith("SF") and not booked.is_cancelled
    assert await sf.find(booking.shipment_id) == booked
    assert await sf.track(booked.waybill, HOME.phone) == ()
    await scan(world, "sf", booked.waybill, "collect", "transit", "deliver", "sign")
    way = await sf.track(booked.waybill, HOME.phone)
    assert [one.kind for one in way] == [ScanKind.COLLECTED, ScanKind.IN_TRANSIT, ScanKind.DELIVERING, ScanKind.SIGNED]
    assert len({one.scan_id for one in way}) == 4 and {one.waybill for one in way} == {booked.waybill}
    assert all(one.at.tzinfo == UTC and abs((now() - one.at).total_seconds()) < 60 and one.text and one.place for one in way)
    assert await sf.track(booked.waybill, "13900009999") == (), "somebody else's phone"


@pytest.mark.parametrize("payer", ["sender", "receiver", "third"])
async def test_who_pays_is_told(outside: World, signed: SfCourier, payer: Any) -> None:
    world, _ = outside
    booking = make_booking(payer=payer)
    await signed.book(booking)
    (told,) = [one for one in await world.ledger("sf") if one.get("order_no") == booking.shipment_id]
    assert told["payer"] == payer and told["goods"] == "证照"


async def test_a_reply_that_was_lost_is_found_again_and_no_second_order_is_made(outside: World, sf: SfCourier) -> None:
    world, _ = outside
    booking = make_booking()
    assert await sf.find(booking.shipment_id) is None  # it has its token now
    async with world.faults(sf={"lose_replies": True}):
        with pytest.raises(Unknown):
            await sf.book(booking)
    found = await sf.find(booking.shipment_id)
    assert found is not None and not found.is_cancelled
    with pytest.raises(Unknown, match="order_exists"):
        await sf.book(booking)
    assert await orders(world, "sf", booking.shipment_id) == ["order.created"]


async def test_a_cancelled_number_is_used_up_and_cancelling_again_is_harmless(outside: World, signed: SfCourier) -> None:
    world, _ = outside
    booking = make_booking()
    booked = await signed.book(booking)
    for _ in range(2):
        await signed.cancel(booking.shipment_id, booked.waybill)
    found = await signed.find(booking.shipment_id)
    assert found is not None and found.is_cancelled
    with pytest.raises(Unknown, match="order_exists"):
        await signed.book(booking)
    assert await orders(world, "sf", booking.shipment_id) == ["order.created", "order.cancelled"]
    again = await signed.book(make_booking(booking.shipment_id.removesuffix("1") + "2"))
    assert not again.is_cancelled and again.waybill != booked.waybill


async def test_what_is_collected_or_unknown_is_not_cancelled(outside: World, signed: SfCourier) -> None:
    world, _ = outside
    booking = make_booking()
    booked = await signed.book(booking)
    await scan(world, "sf", booked.waybill, "collect")
    with pytest.raises(Refused, match="already_collected"):
        await signed.cancel(booking.shipment_id, booked.waybill)
    with pytest.raises(Refused, match="shipment_unknown"):
        await signed.cancel("parcel_nobody-1", booked.waybill)


async def test_where_nobody_goes_no_order_stands(outside: World, signed: SfCourier) -> None:
    booking = make_booking(receiver=NOBODY)
    with pytest.raises(Refused, match="not_reachable"):
        await signed.book(booking)
    found = await signed.find(booking.shipment_id)
    assert found is not None and found.is_cancelled and found.waybill == ""
    with pytest.raises(Refused, match="not_reachable"):
        await signed.quote(HALL, NOBODY)
    with pytest.raises(Refused, match="address_refused"):
        await signed.book(make_booking(receiver=Party("某某", "13900000001", "湖南省", "长沙市", "岳麓区", "")))


async def test_a_price_comes_in_fen_with_the_promised_days(signed: SfCourier) -> None:
    near, far = await signed.quote(HALL, HALL), await signed.quote(HALL, HOME)
    assert (near.amount_fen, far.amount_fen) == (1200, 1800) and far.days == 2


async def test_a_push_says_what_asking_says_with_the_same_ids(outside: World, signed: SfCourier) -> None:
    world, inbox = outside
    inbox.answer = lambda: signed.answer(taken=True)
    booking = make_booking()
    booked = await signed.book(booking)
    await scan(world, "sf", booked.waybill, "collect", "deliver", "sign", times=2, shuffle=True)

    async def came() -> bool:
        return len(inbox.after(booked.waybill)) >= 6

    assert await until(came)
    secret = world.accounts["sf"]["push_secret"]
    pushed: list[Scan] = []
    for path, body in inbox.after(booked.waybill):
        assert path == f"/sf/{secret}" and signed.is_ours(path.rpartition("/")[2])
        pushed += signed.read_notice(make_notice(body))
    asked = await signed.track(booked.waybill, HALL.phone)
    assert {one.scan_id: (one.kind, one.at, one.place) for one in pushed} == {one.scan_id: (one.kind, one.at, one.place) for one in asked}
    assert {one.shipment_id for one in pushed} == {booking.shipment_id}
    results = [one["result"] for one in await world.ledger("sf") if one["kind"] == "push.delivery" and one["waybill"] == booked.waybill]
    assert set(results) == {"taken"}


async def test_what_goes_wrong_has_its_own_word(outside: World, signed: SfCourier) -> None:
    world, _ = outside
    for kinds, last in ((("collect", "exception"), "exception"), (("collect", "reject"), "rejected"), (("collect", "lose"), "lost")):
        booked = await signed.book(make_booking())
        await scan(world, "sf", booked.waybill, *kinds)
        assert (await signed.track(booked.waybill, HOME.phone))[-1].kind == last
    booked = await signed.book(make_booking())
    await scan(world, "sf", booked.waybill, "collect", "return", "returned")
    assert [one.kind for one in await signed.track(booked.waybill, HOME.phone)] == ["collected", "returning", "returned"]


async def test_a_wrong_key_was_never_looked_at(outside: World) -> None:
    world, _ = outside
    http = Http([world.process.url])
    for changes in ({"check_word": "another"}, {"check_word": "another", "oauth": True}, {"partner_id": "nobody"}):
        with pytest.raises(NotReached):
            await SfCourier(http, sf_account(world, **changes)).book(make_booking())
    await http.close()


async def test_a_courier_that_is_down_is_not_reached_or_unknown(outside: World, signed: SfCourier) -> None:
    world, _ = outside
    booking = make_booking()
    async with world.faults(sf={"down": True}):
        for call in (signed.book(booking), signed.find(booking.shipment_id), signed.track("SF0000000000000", "0001"), signed.quote(HALL, HOME)):
            with pytest.raises((NotReached, Unknown)):
                await call
    assert await signed.find(booking.shipment_id) is None


# a platform that says what it is told to


@pytest.fixture
async def says() -> AsyncIterator[tuple[SfCourier, Says]]:
    platform = Says()
    async with listening(platform.answer) as url:
        http = Http([url])
        yield SfCourier(http, SfAccount(f"{url}/std/service", "PARTNER", "word", "s" * 32, monthly_card="7550000000")), platform
        await http.close()


def inner(data: Any = None, code: str = "S0000", *, twice: bool = False) -> dict[str, Any]:
    data = json.dumps(data) if twice else data
    told = {"success": code == "S0000", "errorCode": code, "errorMsg": "", "msgData": data}
    return {"apiErrorMsg": "", "apiResponseID": "1", "apiResultCode": "A1000", "apiResultData": json.dumps(told)}


ORDER = {
    "filterResult": 2,
    "waybillNoInfoList": [{"waybillType": 2, "waybillNo": "SF1000000000002"}, {"waybillType": 1, "waybillNo": "SF1000000000001"}],
}


async def test_the_request_is_what_is_documented(says: Any) -> None:
    sf, platform = says
    platform.reply = inner(ORDER, twice=True)
    booked = await sf.book(make_booking("p_1-1", payer="receiver"))
    assert booked.waybill == "SF1000000000001", "the mother of several"
    ((path, form),) = platform.asked
    assert path == "/std/service" and set(form) == {"partnerID", "requestID", "serviceCode", "timestamp", "msgDigest", "msgData"}
    assert form["msgDigest"] == digest(form["msgData"], form["timestamp"], "word") and len(form["requestID"]) <= 40
    asked = json.loads(form["msgData"])
    assert asked["orderId"] == "p_1-1" and asked["payMethod"] == 2 and "monthlyCard" not in asked
    assert [one["contactType"] for one in asked["contactInfoList"]] == [1, 2]
    assert asked["contactInfoList"][0]["tel"] == HALL.phone and asked["contactInfoList"][1]["mobile"] == HOME.phone
    await sf.book(make_booking("p_2-1"))
    assert json.loads(platform.asked[1][1]["msgData"])["monthlyCard"] == "7550000000"
    await sf.track("SF1000000000001", HALL.phone)
    assert json.loads(platform.asked[2][1]["msgData"])["checkPhoneNo"] == "6666"


@pytest.mark.parametrize("code", ["A1001", "A1002", "A1003", "A1004", "A1005", "A1006", "A1008", "A1011"])
async def test_what_the_platform_turns_away_did_nothing(says: Any, code: str) -> None:
    sf, platform = says
    platform.reply = {"apiResultCode": code, "apiResultData": None}
    with pytest.raises(NotReached):
        await sf.book(make_booking())


GARBLED: list[Any] = [
    {"apiResultCode": "A1007"},
    {"apiResultCode": "A1009"},
    {"apiResultCode": "A1099"},
    {"apiResultCode": "A9999"},
    {"apiResultCode": 7},
    {},
    "[]",
    "<html>",
    {"apiResultCode": "A1000"},
    {"apiResultCode": "A1000", "apiResultData": "{"},
    {"apiResultCode": "A1000", "apiResultData": "[]"},
    {"apiResultCode": "A1000", "apiResultData": "{}"},
    inner(code="S0003"),
    inner(code="4001"),
    inner([]),
    inner("no json"),
    inner({"filterResult": 2, "waybillNoInfoList": []}),
    inner({"filterResult": 1, "waybillNoInfoList": None}),
    inner({"filterResult": 2, "waybillNoInfoList": "SF1"}),
    inner({"filterResult": 2, "waybillNoInfoList": [{"waybillType": 1, "waybillNo": "<b>"}]}),
    inner({**ORDER, "orderId": "somebody_elses"}),
]


@pytest.mark.parametrize("reply", GARBLED, ids=range(len(GARBLED)))
async def test_what_proves_nothing_is_unknown(says: Any, reply: Any) -> None:
    sf, platform = says
    platform.reply = reply
    for call in (sf.book(make_booking("p-1")), sf.find("p-1")):
        with pytest.raises(Unknown):
            await call


@pytest.mark.parametrize("status", [302, 403, 429, 500, 502, 504])
async def test_another_status_proves_nothing(says: Any, status: int) -> None:
    sf, platform = says
    platform.status, platform.reply = status, inner(ORDER)
    with pytest.raises(Unknown):
        await sf.book(make_booking())


async def test_a_cut_line_is_unknown(says: Any) -> None:
    sf, platform = says
    platform.hangs_up = True
    with pytest.raises(Unknown):
        await sf.book(make_booking())


@pytest.mark.parametrize(("code", "word"), [("8040", "address_refused"), ("8018", "shipment_unknown"), ("20052", "refused"), ("S0002", "refused")])
async def test_a_no_comes_in_our_words(says: Any, code: str, word: str) -> None:
    sf, platform = says
    platform.reply = inner(code=code)
    with pytest.raises(Refused) as caught:
        await sf.book(make_booking())
    assert caught.value.reason == word


async def test_confirmed_or_cancelled_is_looked_up(says: Any) -> None:
    sf, platform = says
    platform.next = [inner(code="8019"), inner(code="8037")]
    await sf.cancel("p-1", "SF1000000000001")
    platform.next = [inner(code="8019"), inner(ORDER)]
    with pytest.raises(Refused, match="already_collected"):
        await sf.cancel("p-1", "SF1000000000001")
    platform.next = [inner(code="8019"), inner(code="S0003")]
    with pytest.raises(Unknown):
        await sf.cancel("p-1", "SF1000000000001")


async def test_a_token_that_is_no_longer_taken_is_renewed_once(says: Any) -> None:
    _, platform = says
    async with listening(platform.answer) as url:
        http = Http([url])
        sf = SfCourier(http, SfAccount(f"{url}/std/service", "PARTNER", "word", "s" * 32, oauth=True))
        token, stale = {"apiResultCode": "A1000", "accessToken": "T1", "expiresIn": 7200}, {"apiResultCode": "A1002"}
        platform.next = [token, inner(code="8018"), stale, {**token, "accessToken": "T2"}, inner(code="8018"), stale, token, stale]
        assert await sf.find("p-1") is None and await sf.find("p-1") is None
        with pytest.raises(NotReached):
            await sf.find("p-1")
        assert [path for path, _ in platform.asked].count("/oauth2/accessToken") == 3
        assert [form["accessToken"] for _, form in platform.asked if "accessToken" in form] == ["T1", "T1", "T2", "T2", "T1"]
        await http.close()


def routes(number: str, *lines: tuple[str, str, str]) -> dict[str, Any]:
    about = [{"acceptTime": at, "acceptAddress": "长沙市", "remark": text, "opCode": code} for at, code, text in lines]
    return inner({"routeResps": [{"mailNo": number, "routes": about}]})


async def test_what_goes_back_under_another_number_is_followed_to_the_sender(says: Any) -> None:
    sf, platform = says
    first = routes("SF1000000000001", ("2026-11-29 08:00:00", "648", "快件已退回/转寄,新单号为: SF2000000000002"))
    platform.next = [first, routes("SF2000000000002", ("2026-11-29 09:00:00", "44", "派送中"), ("2026-11-30 09:00:00", "80", "已签收"))]
    way = await sf.track("SF1000000000001", "0001")
    assert [(one.kind, one.waybill) for one in way] == [(kind, "SF1000000000001") for kind in ("returning", "returning", "returned")]
    platform.next = [first, routes("SF2000000000002")]
    assert [one.kind for one in await sf.track("SF1000000000001", "0001")] == ["returning"]


async def test_what_goes_on_to_another_address_is_signed_for_there(says: Any) -> None:
    sf, platform = says
    first = routes("SF1000000000001", ("2026-11-29 08:00:00", "99", "应客户要求，快件转寄，新单号：SF2000000000002"))
    platform.next = [first, routes("SF2000000000002", ("2026-11-30 09:00:00", "80", "已签收"))]
    assert [(one.kind, one.waybill) for one in await sf.track("SF1000000000001", "0001")] == [
        ("in_transit", "SF1000000000001"),
        ("signed", "SF1000000000001"),
    ]


def route(**changes: Any) -> dict[str, Any]:
    own = {"id": "1", "mailno": "SF1000000000001", "orderid": "p-1", "acceptTime": "2026-11-29 08:30:00", "acceptAddress": "长沙市"}
    return {**own, "remark": "已收取快件", "opCode": "50", **changes}


def pushed(*lines: Any) -> str:
    return json.dumps({"Body": {"WaybillRoute": list(lines)}})


async def test_a_code_that_is_not_known_is_on_its_way_whatever_its_words(says: Any) -> None:
    sf, _ = says
    for code in ("9999", "", "627", "x" * 30, "<80>"):
        (one,) = sf.read_notice(make_notice(pushed(route(opCode=code, remark="已签收，拒收，遗失"))))
        assert one.kind == ScanKind.IN_TRANSIT and one.text == "已签收，拒收，遗失"
    (one,) = sf.read_notice(make_notice(pushed(route(opCode=80))))
    assert one.kind == ScanKind.SIGNED and one.at == datetime(2026, 11, 29, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("code", [code for code, kind in KINDS.items() if kind == ScanKind.EXCEPTION])
async def test_a_refusal_is_told_by_its_reason(says: Any, code: str) -> None:
    sf, _ = says
    (one,) = sf.read_notice(make_notice(pushed(route(opCode=code, remark="派送不成功", reasonName="收方拒收"))))
    assert one.kind == ScanKind.REJECTED


async def test_one_unreadable_line_does_not_hide_the_others(says: Any) -> None:
    sf, _ = says
    told = sf.read_notice(make_notice(pushed(route(acceptTime="gestern"), route(id="2"), route(mailno=None))))
    assert len(told) == 1


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "{}", '{"Body":[]}', '{"Body":{"WaybillRoute":{}}}', pushed(), pushed("x"), pushed(route(mailno="<b>"))]
)
async def test_a_push_of_another_form_is_unreadable(says: Any, body: str) -> None:
    sf, _ = says
    with pytest.raises(UnreadableNotice):
        sf.read_notice(make_notice(body))


async def test_only_our_own_path_is_ours(says: Any) -> None:
    sf, _ = says
    assert sf.is_ours("s" * 32) and not any(sf.is_ours(one) for one in ("", "s" * 31, "S" * 32, "密" * 32))
    closed = SfCourier(Http([]), SfAccount("https://x/std/service", "P", "w", ""))
    assert not closed.is_ours("")


async def test_the_answer_is_sfs_own(says: Any) -> None:
    sf, _ = says
    assert json.loads(sf.answer(taken=True)[0]) == {"return_code": "0000", "return_msg": "成功"}
    assert json.loads(sf.answer(taken=False)[0])["return_code"] != "0000"


def test_no_secret_shows_when_an_account_is_printed() -> None:
    assert "SECRET" not in repr(SfAccount("u", "p", "SECRET", "SECRET", "SECRET"))
