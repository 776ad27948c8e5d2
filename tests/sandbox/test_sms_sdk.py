"""Alibaba Cloud's own SDK, made for the real gateway, works with the sandbox when only endpoint and protocol are changed."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_dysmsapi20170525.models import QuerySendDetailsRequest, SendSmsRequest
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import Config

from tests.sandbox.outside import Outside


def sdk(outside: Outside, **other: str) -> Client:
    mine = outside.accounts["sms"]
    keys = {"access_key_id": mine["access_key_id"], "access_key_secret": mine["access_key_secret"], **other}
    return Client(Config(endpoint=outside.process.url.removeprefix("http://"), protocol="HTTP", **keys))


def request(outside: Outside, phone: str, **other: str) -> SendSmsRequest:
    mine = outside.accounts["sms"]
    values = json.dumps({"what": "绑定了新的手机号 (尾号 0001)"}, ensure_ascii=False)
    given = {"phone_numbers": phone, "sign_name": mine["sign_name"], "template_code": mine["templates"]["account_changed"]["code"]}
    return SendSmsRequest(**given, template_param=values, out_id="m-1", **other)


async def test_the_sdk_sends_a_message_and_finds_it_in_the_details(outside: Outside) -> None:
    person = await outside.person()
    client = sdk(outside)
    sent = (await asyncio.to_thread(client.send_sms, request(outside, person["phone"]))).body
    assert (sent.code, sent.message) == ("OK", "OK") and sent.biz_id and sent.request_id
    (got,) = [one for one in await outside.ledger("messages") if one["person"] == person["person"]]
    assert (got["text"], got["biz_id"]) == (
        "【掌办沙箱】您的政务服务账号有变动：绑定了新的手机号 (尾号 0001)。如非本人操作，请致电12345。",
        sent.biz_id,
    )
    day = f"{datetime.now(UTC) + timedelta(hours=8):%Y%m%d}"
    asked = QuerySendDetailsRequest(phone_number=person["phone"], biz_id=sent.biz_id, send_date=day, page_size=10, current_page=1)
    found = (await asyncio.to_thread(client.query_send_details, asked)).body
    (row,) = found.sms_send_detail_dtos.sms_send_detail_dto
    assert (found.code, row.out_id, row.send_status, row.content) == ("OK", "m-1", 3, got["text"])


async def test_the_sdk_understands_a_refused_message(outside: Outside) -> None:
    refused = (await asyncio.to_thread(sdk(outside).send_sms, request(outside, "12345"))).body
    assert (refused.code, refused.biz_id) == ("isv.MOBILE_NUMBER_ILLEGAL", None)


@pytest.mark.parametrize(
    ("other", "code"), [({"access_key_secret": "other"}, "SignatureDoesNotMatch"), ({"access_key_id": "LTAIother"}, "InvalidAccessKeyId.NotFound")]
)
async def test_the_sdk_understands_a_refused_signature(outside: Outside, other: dict[str, str], code: str) -> None:
    with pytest.raises(ClientException) as caught:
        await asyncio.to_thread(sdk(outside, **other).send_sms, request(outside, "13800001234"))
    assert caught.value.code == code
