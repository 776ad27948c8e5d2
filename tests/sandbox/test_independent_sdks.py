"""Two SDKs written by others, for the real gateways, work with the sandbox when only their addresses are changed."""

import asyncio
import json
from typing import Any

import pytest
from alipay import AliPay
from alipay.exceptions import AliPayException, AliPayValidationError
from wechatpy import WeChatClient, WeChatClientException
from wechatpy.client.api import WeChatWxa

from tests.sandbox.outside import Outside

MOVED = {
    "thing1": {"value": "补领居民身份证"},
    "phrase2": {"value": "已受理"},
    "time3": {"value": "2026年1月2日 15:04"},
    "thing4": {"value": "请留意后续通知"},
    "character_string5": {"value": "A20260102-0001"},
}
DEPRECATED = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def wechatpy(outside: Outside) -> WeChatClient:
    base = outside.process.url

    class Wxa(WeChatWxa):  # type: ignore[misc]
        API_BASE_URL = base + "/"

    class Client(WeChatClient):  # type: ignore[misc]
        API_BASE_URL = base + "/cgi-bin/"
        wxa = Wxa()

        def fetch_access_token(self) -> Any:
            params = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret}
            return self._fetch_access_token(url=base + "/cgi-bin/token", params=params)

    mine = outside.accounts["wechat"]
    return Client(mine["appid"], mine["secret"], timeout=5, auto_retry=False)


def alipay_sdk(outside: Outside, **other: str) -> AliPay:
    mine = outside.accounts["alipay"]
    keys = {"app_private_key_string": mine["app_private_key"], "alipay_public_key_string": mine["alipay_public_key"], **other}
    made = AliPay(appid=mine["app_id"], sign_type="RSA2", **keys)
    made._gateway = outside.process.url + "/gateway.do"
    return made


@DEPRECATED
async def test_wechatpy_logs_in_by_code(outside: Outside) -> None:
    person = await outside.person()
    client = wechatpy(outside)
    session = await asyncio.to_thread(client.wxa.code_to_session, await outside.wechat_code(person))
    assert session["openid"] == await outside.openid(person)
    assert session["session_key"]


@DEPRECATED
async def test_wechatpy_understands_a_refused_code(outside: Outside) -> None:
    with pytest.raises(WeChatClientException) as caught:
        await asyncio.to_thread(wechatpy(outside).wxa.code_to_session, "never made")
    assert caught.value.errcode == 40029
    assert caught.value.errmsg.startswith("invalid code")


@DEPRECATED
async def test_wechatpy_sends_a_subscribe_message_once_per_consent(outside: Outside) -> None:
    person = await outside.person(consents=1)
    openid, template = await outside.openid(person), outside.accounts["wechat"]["templates"]["case_moved"]
    client = wechatpy(outside)
    sent = await asyncio.to_thread(client.wxa.send_subscribe_message, openid, template, MOVED, "pages/case")
    assert sent["errcode"] == 0
    told = [one for one in await outside.ledger("messages") if one["touser"] == openid]
    assert [(one["data"], one["page"]) for one in told] == [(MOVED, "pages/case")]
    with pytest.raises(WeChatClientException) as caught:
        await asyncio.to_thread(client.wxa.send_subscribe_message, openid, template, MOVED)
    assert caught.value.errcode == 43101


async def test_python_alipay_sdk_exchanges_an_auth_code_and_verifies_the_reply(outside: Outside) -> None:
    person = await outside.person()
    code = await outside.auth_code(person)
    got = await asyncio.to_thread(alipay_sdk(outside).server_api, "alipay.system.oauth.token", grant_type="authorization_code", code=code)
    assert got["user_id"].startswith("2088") and got["open_id"] and got["access_token"]
    assert "code" not in got and "msg" not in got
    again = await outside.auth_code(person)
    same = await asyncio.to_thread(alipay_sdk(outside).server_api, "alipay.system.oauth.token", grant_type="authorization_code", code=again)
    assert (same["user_id"], same["open_id"]) == (got["user_id"], got["open_id"])


async def test_python_alipay_sdk_finds_a_reply_forged_when_it_holds_another_platform_key(outside: Outside) -> None:
    sdk = alipay_sdk(outside, alipay_public_key_string=outside.accounts["alipay"]["app_public_key"])
    code = await outside.auth_code(await outside.person())
    with pytest.raises(AliPayValidationError):
        await asyncio.to_thread(sdk.server_api, "alipay.system.oauth.token", grant_type="authorization_code", code=code)


async def test_python_alipay_sdk_understands_a_refused_code(outside: Outside) -> None:
    with pytest.raises(AliPayException, match=r"40002.*isv\.code-invalid"):
        await asyncio.to_thread(alipay_sdk(outside).server_api, "alipay.system.oauth.token", grant_type="authorization_code", code="never made")


async def test_python_alipay_sdk_sends_a_template_message_with_its_json_in_biz_content(outside: Outside) -> None:
    person = await outside.person()
    code = await outside.auth_code(person)
    sdk = alipay_sdk(outside)
    got = await asyncio.to_thread(sdk.server_api, "alipay.system.oauth.token", grant_type="authorization_code", code=code)
    template = outside.accounts["alipay"]["templates"]["licence_expiring"]
    await outside.world("POST", "/alipay/consents", {"person": person["person"], "template_id": template, "result": "accept"})
    data = {"keyword1": {"value": "营业执照"}, "keyword2": {"value": "2026年1月2日"}, "keyword3": {"value": "请提前换证"}}
    asked = {"to_open_id": got["open_id"], "user_template_id": template, "page": "pages/case", "data": json.dumps(data, ensure_ascii=False)}
    sent = await asyncio.to_thread(sdk.server_api, "alipay.open.app.mini.templatemessage.send", asked)
    assert sent["code"] == "10000"
    told = [one for one in await outside.ledger("messages") if one["touser"] == got["open_id"]]
    assert [(one["data"], one["template"]) for one in told] == [(data, "licence_expiring")]
