"""SMS: to the sandbox's gateway, which checks the signature by itself, and to a pretend one that says every word; sent once however the reply is lost."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import web

from kit.aliyun import Access
from kit.clock import BEIJING, now
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http
from notify import sms
from notify.answers import CODES, Verdict, judged
from notify.kinds import KINDS
from notify.sms import SmsAccount, SmsPush
from tests.listener import listening
from tests.notify.outgoing import make_out
from tests.sandbox.outside import Outside, Process, until

TEXTS = [kind.key for kind in KINDS.values() if kind.sms]


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outside]:
    process = Process(tmp_path_factory.mktemp("sms") / "data").start()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        yield Outside(process, http)
    process.kill()


@pytest.fixture
async def push(world: Outside) -> AsyncIterator[SmsPush]:
    mine, http = world.accounts["sms"], Http([world.process.url])
    account = SmsAccount(f"{world.process.url}/sms/", Access(mine["access_key_id"], mine["access_key_secret"]), mine["sign_name"])
    yield SmsPush(http, account, {kind: one["code"] for kind, one in mine["templates"].items()})
    await http.close()


async def phone(world: Outside, number: str) -> list[str]:
    """Texts that arrived, the oldest first."""
    return [one["text"] for one in await world.ledger("messages") if one["channel"] == "sms" and one["touser"] == number]


async def test_a_text_reaches_the_phone_and_the_gateway_knows_our_number_of_it(world: Outside, push: SmsPush) -> None:
    number, out = (await world.person())["phone"], make_out("case_corrections", "m_a")
    assert await push.took(number, out) is False
    assert await push.send(number, out)
    assert await phone(world, number) == ["【掌办沙箱】您申请的补领居民身份证需要补正2处，请到小程序“我的办件”查看并补正。"]
    assert await push.took(number, out) is True
    assert await push.took(number, make_out("case_corrections", "m_b")) is False
    assert await push.took((await world.person())["phone"], out) is False


@pytest.mark.parametrize("kind", TEXTS)
async def test_the_gateway_takes_every_texts_values_whatever_stands_in_them(world: Outside, push: SmsPush, kind: str) -> None:
    number = (await world.person())["phone"]
    rough = "【京】" + "长 +*~%&=?/名" * 20 + "https://evil.example/a"
    words = {name: rough for name, shape in KINDS[kind].fields.items() if shape in ("words", "number")}
    await push.send(number, make_out(kind, **words))
    (text,) = await phone(world, number)
    assert "evil" not in text and text.count("【") == 1


async def test_a_reply_that_was_lost_is_found_again_and_nothing_is_sent_twice(world: Outside, push: SmsPush) -> None:
    number, out = (await world.person())["phone"], make_out("account_changed", "m_lost")
    async with world.faults(sms={"lose_replies": True}):
        with pytest.raises(Unknown):
            await push.send(number, out)
    assert await push.took(number, out) is True
    assert len(await phone(world, number)) == 1


async def test_a_gateway_that_is_down_cannot_say(world: Outside, push: SmsPush) -> None:
    number, out = (await world.person())["phone"], make_out("account_changed")
    async with world.faults(sms={"down": True}):
        with pytest.raises((NotReached, Unknown)):
            await push.send(number, out)
        assert await push.took(number, out) is None
    assert await push.took(number, out) is False and await phone(world, number) == []


async def test_a_list_that_lags_shows_the_message_later(world: Outside, push: SmsPush) -> None:
    number, out = (await world.person())["phone"], make_out("account_changed", "m_lags")
    async with world.faults(sms={"hide_details_ms": 600}):
        await push.send(number, out)
        assert await push.took(number, out) is False

        async def shown() -> bool:
            return await push.took(number, out) is True

        assert await until(shown)


async def test_what_the_gateway_refuses_comes_through_in_its_own_words(world: Outside, push: SmsPush) -> None:
    number, out = (await world.person())["phone"], make_out("account_changed")
    async with world.faults(sms={"no_balance": True}):
        with pytest.raises(Refused, match=r"isv\.AMOUNT_NOT_ENOUGH"):
            await push.send(number, out)
    async with world.faults(sms={"flow_control": True}):
        await push.send(number, out)
        with pytest.raises(Refused, match=r"isv\.BUSINESS_LIMIT_CONTROL"):
            await push.send(number, out)
    assert len(await phone(world, number)) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"secret": "wrong-secret"}, "SignatureDoesNotMatch"), ({"key": "LTAInobody"}, "InvalidAccessKeyId.NotFound"), ({"sign": "某某"}, "SIGNATURE")],
)
async def test_a_wrong_key_or_name_of_ours_is_our_own_fault(world: Outside, changes: dict[str, str], code: str) -> None:
    mine, http = world.accounts["sms"], Http([world.process.url])
    access = Access(changes.get("key", mine["access_key_id"]), changes.get("secret", mine["access_key_secret"]))
    push = SmsPush(http, SmsAccount(f"{world.process.url}/sms/", access, changes.get("sign", mine["sign_name"])), {"account_changed": "SMS_1"})
    with pytest.raises(Refused) as caught:
        await push.send((await world.person())["phone"], make_out("account_changed"))
    assert code in caught.value.reason and judged("sms", caught.value.reason).verdict == Verdict.OURS
    await http.close()


# a gateway that says what it is told to


class Gateway:
    """`send`: what SendSms says; `rows`: by day, what QuerySendDetails has; `details`: says that instead. `asked`: (action, parameters, headers)."""

    def __init__(self) -> None:
        self.send: Any = {"Code": "OK", "BizId": "9006^0"}
        self.details: Any = None
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.status = 200
        self.asked: list[tuple[str, dict[str, str], Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        given = dict(parse_qsl(request.query_string))
        self.asked.append((request.headers["x-acs-action"], given, request.headers))
        if request.headers["x-acs-action"] == "SendSms":
            said = self.send
        else:
            rows, size, page = self.rows.get(given["SendDate"], []), int(given["PageSize"]), int(given["CurrentPage"])
            shown = rows[size * (page - 1) : size * page]
            said = self.details or {"Code": "OK", "TotalCount": len(rows), "SmsSendDetailDTOs": {"SmsSendDetailDTO": shown}}
        return web.Response(status=self.status, text=said if isinstance(said, str) else json.dumps(said))

    def days(self) -> list[str]:
        return [given["SendDate"] for action, given, _ in self.asked if action == "QuerySendDetails"]


@pytest.fixture
async def pretend() -> AsyncIterator[tuple[SmsPush, Gateway]]:
    gateway = Gateway()
    async with listening(gateway.answer) as url:
        http = Http([url])
        yield SmsPush(http, SmsAccount(f"{url}/", Access("id", "secret12"), "某市"), dict.fromkeys(TEXTS, "SMS_1")), gateway
        await http.close()


NUMBER = "13900000000"


async def test_the_request_is_what_is_documented_and_every_header_of_ours_is_signed(pretend: Any) -> None:
    push, gateway = pretend
    assert await push.send(NUMBER, make_out("account_changed", "m_1")) == "9006^0"
    ((action, given, headers),) = gateway.asked
    assert action == "SendSms" and headers["x-acs-version"] == "2017-05-25"
    assert given.pop("TemplateParam") == '{"what":"补领居民身份证"}'
    assert given == {"PhoneNumbers": NUMBER, "SignName": "某市", "TemplateCode": "SMS_1", "OutId": "m_1"}
    names = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    assert {name.lower() for name in headers if name.lower().startswith(("x-acs", "content-type", "host"))} <= set(names)


async def test_no_nonce_is_used_twice(pretend: Any) -> None:
    push, gateway = pretend
    for _ in range(5):
        await push.send(NUMBER, make_out("account_changed"))
    assert len({headers["x-acs-signature-nonce"] for _, _, headers in gateway.asked}) == 5


@pytest.mark.parametrize("number", ["", "1390000000", "12900000000", "+8613900000000", "85290000000", "13900000000,13900000001", "１３９00000000"])
async def test_what_is_no_mainland_mobile_number_is_refused_without_asking(pretend: Any, number: str) -> None:
    push, gateway = pretend
    with pytest.raises(Refused, match=r"isv\.MOBILE_NUMBER_ILLEGAL"):
        await push.send(number, make_out("account_changed"))
    assert gateway.asked == [] and judged("sms", "isv.MOBILE_NUMBER_ILLEGAL").verdict == Verdict.REFUSED


@pytest.mark.parametrize("code", sorted(CODES["sms"]))
async def test_every_code_in_the_table_comes_through_unchanged(pretend: Any, code: str) -> None:
    push, gateway = pretend
    gateway.send, gateway.status = {"Code": code, "Message": "x"}, 200 if code.startswith("is") else 400
    with pytest.raises(Refused) as caught:
        await push.send(NUMBER, make_out("account_changed"))
    assert caught.value.reason == code and len(gateway.asked) == 1


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (200, {"Code": "isp.SYSTEM_ERROR"}, Unknown),
        (200, {"Code": "isp.GATEWAY_ERROR"}, Unknown),
        (500, {"Code": "InternalError"}, Unknown),
        (503, {"Code": "ServiceUnavailable"}, Unknown),
        (503, "down", Unknown),
        (400, {"Code": "Throttling.User"}, NotReached),
        (429, {"Code": "Throttling"}, NotReached),
        (400, "no json", Unknown),
        (200, "no json", Unknown),
        (200, [], Unknown),
        (200, {}, Unknown),
        (200, {"Code": 0}, Unknown),
        (200, {"Code": "a sentence with 13900000000 in it"}, Unknown),
        (202, {"Code": "OK"}, Unknown),
    ],
)
async def test_what_proves_nothing_is_unknown_and_what_was_turned_away_was_not_reached(pretend: Any, status: int, said: Any, expected: Any) -> None:
    push, gateway = pretend
    gateway.status, gateway.send = status, said
    with pytest.raises(expected) as caught:
        await push.send(NUMBER, make_out("account_changed"))
    assert NUMBER not in str(caught.value)


async def test_a_success_without_a_number_is_still_one(pretend: Any) -> None:
    push, gateway = pretend
    gateway.send = {"Code": "OK"}
    assert await push.send(NUMBER, make_out("account_changed")) is None


def today(back: int = 0) -> str:
    return (now().astimezone(BEIJING) - timedelta(days=back)).strftime("%Y%m%d")


async def test_a_message_of_yesterday_is_found_too(pretend: Any) -> None:
    push, gateway = pretend
    gateway.rows = {today(1): [{"OutId": "m_1", "SendStatus": 1}]}
    assert await push.took(NUMBER, make_out("account_changed", "m_1")) is True
    assert gateway.days() == [today(), today(1)]


@pytest.mark.parametrize(
    ("at", "kind", "days"),
    [
        (datetime(2026, 11, 23, 4, 0, tzinfo=UTC), "account_changed", ["20261123", "20261122"]),  # noon
        (datetime(2026, 11, 23, 15, 59, tzinfo=UTC), "account_changed", ["20261123", "20261122"]),  # a minute before midnight
        (datetime(2026, 11, 23, 16, 30, tzinfo=UTC), "account_changed", ["20261124", "20261123", "20261122"]),  # half an hour after it
        (datetime(2026, 11, 23, 4, 0, tzinfo=UTC), "case_corrections", ["20261123", "20261122", "20261121", "20261120"]),  # may be sent for 72 hours
        (datetime(2026, 11, 23, 4, 0, tzinfo=UTC), "appointment_tomorrow", ["20261123", "20261122"]),  # for 16
    ],
)
async def test_every_day_of_beijing_on_which_it_can_have_been_sent_is_looked_through(
    pretend: Any, monkeypatch: pytest.MonkeyPatch, at: datetime, kind: str, days: list[str]
) -> None:
    push, gateway = pretend
    monkeypatch.setattr(sms, "now", lambda: at)
    assert await push.took(NUMBER, make_out(kind)) is False
    assert gateway.days() == days


async def test_a_long_list_is_read_to_its_end(pretend: Any) -> None:
    push, gateway = pretend
    gateway.rows = {today(): [{"OutId": f"m_{place}"} for place in range(120)]}
    assert await push.took(NUMBER, make_out("account_changed", "m_119")) is True
    assert gateway.days() == [today()] * 3
    assert await push.took(NUMBER, make_out("account_changed", "m_120")) is False
    gateway.rows = {today(): [{"OutId": "x"}] * 501}
    assert await push.took(NUMBER, make_out("account_changed", "m_1")) is None


@pytest.mark.parametrize(
    "said",
    [
        {"Code": "isv.INVALID_PARAMETERS"},
        {"Code": "SignatureDoesNotMatch"},
        {"Code": "OK"},
        {"Code": "OK", "TotalCount": 1},
        {"Code": "OK", "TotalCount": 1, "SmsSendDetailDTOs": {"SmsSendDetailDTO": []}},
        {"Code": "OK", "TotalCount": "many", "SmsSendDetailDTOs": []},
        {"Code": "OK", "TotalCount": 1, "SmsSendDetailDTOs": ["m_1"]},
        "no json",
    ],
)
async def test_a_list_that_cannot_be_read_does_not_say_that_nothing_was_sent(pretend: Any, said: Any) -> None:
    push, gateway = pretend
    gateway.details = said
    assert await push.took(NUMBER, make_out("account_changed", "m_1")) is None


def test_what_is_registered_is_what_is_told_and_no_key_shows() -> None:
    account = SmsAccount("https://dysmsapi.aliyuncs.com/", Access("ID-ID-ID", "SECRET-SECRET"), "某市")
    push = SmsPush(Http([]), account, {"account_changed": "SMS_1"})
    assert (push.template("account_changed"), push.template("case_moved"), push.is_long_term("account_changed")) == ("SMS_1", None, False)
    assert push.can_be_asked and not push.needs_consent and "ID-ID" not in repr(account) and "SECRET" not in repr(account)
