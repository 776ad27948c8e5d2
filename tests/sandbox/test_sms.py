"""The SMS gateway as the sandbox plays it. Signs by hand, as Alibaba Cloud's description of its V3 signature says."""

import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiohttp import ClientError

from sandbox.sms_gate import canonical_query, signature
from tests.sandbox.outside import Outside, Reply

WHERE = "/sms/"
BEIJING = timedelta(hours=8)


def encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def signed_headers(outside: Outside, action: str, query: str, body: bytes = b"", /, **other: str) -> dict[str, str]:
    """`other`: key_id, secret, hashed, signed (names), or a header by its name with _ for -, to get one of them wrong."""
    mine = outside.accounts["sms"]
    headers = {
        "host": outside.process.url.removeprefix("http://"),
        "x-acs-action": action,
        "x-acs-version": "2017-05-25",
        "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": secrets.token_hex(16),
        "x-acs-content-sha256": other.get("hashed", hashlib.sha256(body).hexdigest()),
    } | {name.replace("_", "-"): value for name, value in other.items() if name.startswith("x_acs")}
    names = other.get("signed", ";".join(sorted(headers))).split(";")
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    canonical = "\n".join(("POST", WHERE, query, lines, ";".join(names), headers["x-acs-content-sha256"]))
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    made = hmac.new(other.get("secret", mine["access_key_secret"]).encode(), text.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={other.get('key_id', mine['access_key_id'])},SignedHeaders={';'.join(names)},Signature={made}"
    return headers | {"Authorization": f"ACS3-HMAC-SHA256 {credential}"}


def query_of(asked: dict[str, str]) -> str:
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in sorted(asked.items()))


async def call(outside: Outside, action: str, **asked: str) -> Any:
    query = query_of(asked)
    reply = await outside.call("POST", f"{WHERE}?{query}", headers=signed_headers(outside, action, query))
    assert reply.status == 200, reply
    assert reply.json["RequestId"]
    return reply.json


def message(outside: Outside, phone: str, **other: str) -> dict[str, str]:
    template = outside.accounts["sms"]["templates"]["case_corrections"]["code"]
    given = {"PhoneNumbers": phone, "SignName": outside.accounts["sms"]["sign_name"], "TemplateCode": template}
    return given | {"TemplateParam": json.dumps({"item": "补领居民身份证", "count": "2"}, ensure_ascii=False)} | other


async def send(outside: Outside, phone: str, **other: str) -> str:
    code: str = (await call(outside, "SendSms", **message(outside, phone, **other)))["Code"]
    return code


def today() -> str:
    return f"{datetime.now(UTC) + BEIJING:%Y%m%d}"


async def details(outside: Outside, phone: str, **other: str) -> Any:
    asked = {"PhoneNumber": phone, "SendDate": today(), "PageSize": "10", "CurrentPage": "1", **other}
    return await call(outside, "QuerySendDetails", **asked)


async def on_phone(outside: Outside, person: Any) -> list[Any]:
    return [one for one in await outside.ledger("messages") if one["person"] == person["person"]]


# the signature


def test_the_published_vector_is_what_the_sandbox_signs() -> None:
    """help.aliyun.com, V3版本请求体&签名机制, the worked example with YourAccessKeySecret."""
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
    made = signature("YourAccessKeySecret", ("POST", "/", query), headers, headers["x-acs-content-sha256"])
    assert made == "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"


def test_a_query_is_sorted_and_encoded_whatever_way_it_was_sent() -> None:
    assert canonical_query("b=%E4%B8%AD&a=1+2&c=~*&d=") == "a=1%202&b=%E4%B8%AD&c=~%2A&d="


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"key_id": "LTAIother"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"secret": "other"}, 400, "SignatureDoesNotMatch"),
        ({"hashed": "0" * 64}, 400, "SignatureDoesNotMatch"),
        ({"signed": "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-version"}, 400, "SignatureDoesNotMatch"),
        ({"signed": "x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"}, 400, "SignatureDoesNotMatch"),
        ({"x_acs_date": "2020-01-01T00:00:00Z"}, 400, "InvalidTimeStamp.Expired"),
        ({"x_acs_date": "yesterday"}, 400, "InvalidTimeStamp.Format"),
        ({"x_acs_version": "2018-05-01"}, 400, "InvalidVersion"),
        ({"x_acs_action": "SendFax"}, 404, "InvalidAction.NotFound"),
        ({"x_acs_signature_nonce": ""}, 400, "MissingSignatureNonce"),
    ],
)
async def test_a_call_that_is_not_signed_right_is_no_200_and_sends_nothing(outside: Outside, wrong: dict[str, str], status: int, code: str) -> None:
    person = await outside.person()
    query = query_of(message(outside, person["phone"]))
    reply = await outside.call("POST", f"{WHERE}?{query}", headers=signed_headers(outside, "SendSms", query, **wrong))
    assert (reply.status, reply.json["Code"]) == (status, code)
    assert await on_phone(outside, person) == []


@pytest.mark.parametrize(("minutes", "status"), [(-16, 400), (-14, 200), (14, 200), (16, 400)])
async def test_a_time_may_be_a_quarter_of_an_hour_off(outside: Outside, minutes: int, status: int) -> None:
    query = query_of(message(outside, (await outside.person())["phone"]))
    at = (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (await outside.call("POST", f"{WHERE}?{query}", headers=signed_headers(outside, "SendSms", query, x_acs_date=at))).status == status


async def test_a_call_heard_on_the_way_and_sent_again_is_refused(outside: Outside) -> None:
    person = await outside.person()
    query = query_of(message(outside, person["phone"]))
    headers = signed_headers(outside, "SendSms", query)
    replies: list[Reply] = [await outside.call("POST", f"{WHERE}?{query}", headers=headers) for _ in range(2)]
    assert [(one.status, one.json["Code"]) for one in replies] == [(200, "OK"), (400, "SignatureNonceUsed")]
    other = query_of(message(outside, person["phone"], OutId="x"))
    changed = await outside.call("POST", f"{WHERE}?{other}", headers=signed_headers(outside, "SendSms", query))
    assert changed.json["Code"] == "SignatureDoesNotMatch"
    assert len(await on_phone(outside, person)) == 1


async def test_a_call_without_a_signature_is_refused(outside: Outside) -> None:
    headers = signed_headers(outside, "SendSms", "")
    del headers["Authorization"]
    reply = await outside.call("POST", WHERE, headers=headers)
    assert (reply.status, reply.json["Code"]) == (400, "IncompleteSignature")


# sending


async def test_what_is_accepted_is_on_the_phone_as_the_template_says(outside: Outside) -> None:
    person = await outside.person()
    sent = await call(outside, "SendSms", **message(outside, person["phone"], OutId="m-1"))
    assert (sent["Code"], sent["Message"]) == ("OK", "OK")
    (got,) = await on_phone(outside, person)
    text = "【掌办沙箱】您申请的补领居民身份证需要补正2处，请到小程序“我的办件”查看并补正。"
    assert (got["channel"], got["template"], got["text"], got["touser"]) == ("sms", "case_corrections", text, person["phone"])
    assert (got["out_id"], got["biz_id"]) == ("m-1", sent["BizId"])


async def test_parameters_may_come_in_the_form(outside: Outside) -> None:
    person = await outside.person()
    body = urlencode(message(outside, person["phone"])).encode()
    headers = signed_headers(outside, "SendSms", "", body) | {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await outside.call("POST", WHERE, raw=body, headers=headers)).json["Code"] == "OK"
    assert len(await on_phone(outside, person)) == 1


async def test_one_call_reaches_several_phones_and_a_country_code_changes_nothing(outside: Outside) -> None:
    people = [await outside.person() for _ in range(2)]
    assert await send(outside, f"+86{people[0]['phone']},{people[1]['phone']}") == "OK"
    got = [one for person in people for one in await on_phone(outside, person)]
    assert len(got) == 2 and len({one["biz_id"] for one in got}) == 1


def params(**values: Any) -> str:
    return json.dumps(values, ensure_ascii=False)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"PhoneNumbers": "12345"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"PhoneNumbers": ""}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"PhoneNumbers": "13800001234,1"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"SignName": "别人"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"TemplateCode": "SMS_1"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"TemplateParam": ""}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"TemplateParam": params(item="身份证")}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"TemplateParam": params(item="", count="2")}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"TemplateParam": "no json"}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": "[]"}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": params(item="身份证", count=2)}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": params(item="身份证", count="2", more="x")}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": params(item="字" * 36, count="2")}, "isv.PARAM_LENGTH_LIMIT"),
        ({"TemplateParam": params(item="见 https://a.example", count="2")}, "isv.PARAM_NOT_SUPPORT_URL"),
    ],
)
async def test_a_message_that_breaks_a_rule_is_refused_in_a_200(outside: Outside, change: dict[str, str], code: str) -> None:
    person = await outside.person()
    assert await send(outside, person["phone"], **change) == code
    assert await on_phone(outside, person) == []


async def test_a_value_of_35_characters_is_short_enough(outside: Outside) -> None:
    assert await send(outside, (await outside.person())["phone"], TemplateParam=params(item="字" * 35, count="2")) == "OK"


async def test_one_phone_gets_one_a_minute_five_an_hour_and_ten_a_day_when_flow_control_is_on(outside: Outside) -> None:
    phone, other = [(await outside.person())["phone"] for _ in range(2)]
    assert {await send(outside, phone) for _ in range(2)} == {"OK"}
    async with outside.faults(sms={"flow_control": True}):
        assert await send(outside, phone) == "isv.BUSINESS_LIMIT_CONTROL"
        assert await send(outside, other) == "OK"
        for hour in range(2):
            for _ in range(3 if hour == 0 else 5):
                await outside.pass_time(61)
                assert await send(outside, phone) == "OK"
            await outside.pass_time(61)
            held = await call(outside, "SendSms", **message(outside, phone))
            assert held["Code"] == "isv.BUSINESS_LIMIT_CONTROL"
            await outside.pass_time(3600)
        assert await send(outside, phone) == "isv.BUSINESS_LIMIT_CONTROL", "ten of this day"
        await outside.pass_time(86_400)
        assert await send(outside, phone) == "OK"


async def test_an_account_without_money_sends_nothing(outside: Outside) -> None:
    person = await outside.person()
    async with outside.faults(sms={"no_balance": True}):
        assert await send(outside, person["phone"]) == "isv.AMOUNT_NOT_ENOUGH"
    assert await on_phone(outside, person) == []


# what became of it


async def test_details_show_what_was_sent_to_a_phone_that_day_the_newest_first_with_our_own_id(outside: Outside) -> None:
    phone = (await outside.person())["phone"]
    sent = [await call(outside, "SendSms", **message(outside, phone, OutId=f"m-{number}")) for number in range(3)]
    assert {one["Code"] for one in sent} == {"OK"}
    got = await details(outside, phone)
    rows = got["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    assert (got["Code"], got["TotalCount"], [one["OutId"] for one in rows]) == ("OK", 3, ["m-2", "m-1", "m-0"])
    template = outside.accounts["sms"]["templates"]["case_corrections"]["code"]
    assert (rows[0]["PhoneNum"], rows[0]["TemplateCode"], rows[0]["SendStatus"], rows[0]["ErrCode"]) == (phone, template, 3, "DELIVERED")
    assert rows[0]["SendDate"][:10].replace("-", "") == today() and rows[0]["Content"].startswith("【掌办沙箱】")
    second = await details(outside, phone, PageSize="2", CurrentPage="2")
    assert (second["TotalCount"], [one["OutId"] for one in second["SmsSendDetailDTOs"]["SmsSendDetailDTO"]]) == (3, ["m-0"])
    one = await details(outside, phone, BizId=sent[1]["BizId"])
    assert [row["OutId"] for row in one["SmsSendDetailDTOs"]["SmsSendDetailDTO"]] == ["m-1"]
    assert (await details(outside, phone, SendDate="20200101"))["TotalCount"] == 0
    assert (await details(outside, (await outside.person())["phone"]))["TotalCount"] == 0


async def test_a_message_without_an_id_of_ours_has_none_in_the_details(outside: Outside) -> None:
    phone = (await outside.person())["phone"]
    await send(outside, phone)
    assert "OutId" not in (await details(outside, phone))["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]


@pytest.mark.parametrize("wrong", [{"SendDate": "2026-01-02"}, {"PageSize": "51"}, {"PageSize": "0"}, {"CurrentPage": "x"}, {"PhoneNumber": "1"}])
async def test_details_asked_for_wrongly_are_refused(outside: Outside, wrong: dict[str, str]) -> None:
    got = await details(outside, "13800001234", **wrong)
    assert got["Code"] == ("isv.MOBILE_NUMBER_ILLEGAL" if "PhoneNumber" in wrong else "isv.INVALID_PARAMETERS")


async def test_a_lost_reply_is_a_message_sent_and_the_details_know_it_sooner_or_later(outside: Outside) -> None:
    person = await outside.person()
    async with outside.faults(sms={"lose_replies": True}):
        with pytest.raises(ClientError):
            await send(outside, person["phone"], OutId="m-lost")
    assert [one["out_id"] for one in await on_phone(outside, person)] == ["m-lost"]
    async with outside.faults(sms={"hide_details_ms": 600_000}):
        assert (await details(outside, person["phone"]))["TotalCount"] == 0
    assert (await details(outside, person["phone"]))["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]["OutId"] == "m-lost"


async def test_a_gateway_that_fails_says_so_and_sends_nothing(outside: Outside) -> None:
    person = await outside.person()
    query = query_of(message(outside, person["phone"]))
    async with outside.faults(sms={"error_rate": 1.0}):
        reply = await outside.call("POST", f"{WHERE}?{query}", headers=signed_headers(outside, "SendSms", query))
    assert (reply.status, reply.json["Code"]) == (503, "ServiceUnavailable")
    assert await on_phone(outside, person) == []


async def test_a_number_nobody_here_has_takes_messages_too(outside: Outside) -> None:
    phone = f"199{secrets.randbelow(10**8):08d}"
    assert await send(outside, phone) == "OK"
    assert [one["person"] for one in await outside.ledger("messages") if one["touser"] == phone] == [None]
