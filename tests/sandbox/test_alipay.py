"""Alipay's gateway as the sandbox plays it. Replies are cut and verified by hand, over exactly the bytes received."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.sandbox.outside import Outside, Reply

OAUTH = "alipay.system.oauth.token"
SEND = "alipay.open.app.mini.templatemessage.send"


def genuine(outside: Outside, reply: Reply, name: str) -> Any:
    """The inner object, after its exact text was verified with the platform's public key."""
    text = reply.body.decode()
    before, after = f'{{"{name}":', ',"sign":"'
    assert text.startswith(before) and text.endswith('"}'), text
    inner, sign = text[len(before) : text.rindex(after)], text[text.rindex(after) + len(after) : -2]
    key = load_pem_public_key(outside.accounts["alipay"]["alipay_public_key"].encode())
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(base64.b64decode(sign, validate=True), inner.encode(), padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(sign), (inner + " ").encode(), padding.PKCS1v15(), hashes.SHA256())
    return json.loads(inner)


def refusal(reply: Reply) -> tuple[str, str]:
    """code and sub_code of an error_response without a signature."""
    assert list(reply.json) == ["error_response"]
    return reply.json["error_response"]["code"], reply.json["error_response"]["sub_code"]


async def log_in(outside: Outside, person: Any) -> Any:
    reply = await outside.alipay(OAUTH, grant_type="authorization_code", code=await outside.auth_code(person))
    return genuine(outside, reply, "alipay_system_oauth_token_response")


async def test_a_login_reply_is_signed_over_its_exact_inner_text_and_carries_no_code(outside: Outside) -> None:
    person = await outside.person()
    got, again = await log_in(outside, person), await log_in(outside, person)
    assert set(got) == {"user_id", "open_id", "access_token", "expires_in", "refresh_token", "re_expires_in"}
    assert (got["user_id"], got["open_id"]) == (again["user_id"], again["open_id"])
    assert got["access_token"] != again["access_token"]


async def test_an_auth_code_works_once(outside: Outside) -> None:
    code = await outside.auth_code(await outside.person())
    first, second = [await outside.alipay(OAUTH, grant_type="authorization_code", code=code) for _ in range(2)]
    genuine(outside, first, "alipay_system_oauth_token_response")
    refused = genuine(outside, second, "error_response")
    assert (refused["code"], refused["sub_code"]) == ("40002", "isv.code-invalid")


async def test_an_auth_code_dies_after_3_minutes_of_the_worlds_clock(outside: Outside) -> None:
    person = await outside.person()
    code, late = await outside.auth_code(person), await outside.auth_code(person)
    await outside.pass_time(170)
    assert "access_token" in (await outside.alipay(OAUTH, grant_type="authorization_code", code=code)).body.decode()
    await outside.pass_time(11)
    refused = genuine(outside, await outside.alipay(OAUTH, grant_type="authorization_code", code=late), "error_response")
    assert refused["sub_code"] == "isv.code-invalid"


async def test_a_refresh_token_gives_the_same_person_and_works_once(outside: Outside) -> None:
    got = await log_in(outside, await outside.person())
    first, second = [await outside.alipay(OAUTH, grant_type="refresh_token", refresh_token=got["refresh_token"]) for _ in range(2)]
    assert genuine(outside, first, "alipay_system_oauth_token_response")["user_id"] == got["user_id"]
    assert genuine(outside, second, "error_response")["sub_code"] == "isv.code-invalid"


async def test_an_unknown_grant_type_is_refused(outside: Outside) -> None:
    reply = await outside.alipay(OAUTH, grant_type="password", code=await outside.auth_code(await outside.person()))
    assert genuine(outside, reply, "error_response")["sub_code"] == "isv.grant-type-invalid"


@pytest.mark.parametrize("how", ["GET", "POST body", "POST split"])
async def test_parameters_are_taken_from_the_query_and_from_the_body(outside: Outside, how: str) -> None:
    given = outside.alipay_signed(OAUTH, grant_type="authorization_code", code=await outside.auth_code(await outside.person()))
    form = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
    if how == "GET":
        reply = await outside.call("GET", "/gateway.do?" + urlencode(given))
    elif how == "POST body":
        reply = await outside.call("POST", "/gateway.do", raw=urlencode(given).encode(), headers=form)
    else:  # as the official SDKs do: common parameters in the query, the method's own in the body
        own = {key: given.pop(key) for key in ("grant_type", "code")}
        reply = await outside.call("POST", "/gateway.do?" + urlencode(given), raw=urlencode(own).encode(), headers=form)
    assert genuine(outside, reply, "alipay_system_oauth_token_response")["access_token"]


@pytest.mark.parametrize(
    "change",
    [{"code": "other"}, {"sign": "AAAA"}, {"sign": "not base64 é"}, {"more": "x"}, {"sign_type": "RSA"}, {"timestamp": "2026-01-02 03:04:06"}],
)
async def test_a_call_changed_after_signing_is_refused_without_a_signature_and_spends_nothing(outside: Outside, change: dict[str, str]) -> None:
    given = outside.alipay_signed(OAUTH, grant_type="authorization_code", code=await outside.auth_code(await outside.person()))
    code, sub_code = refusal(await outside.call("GET", "/gateway.do?" + urlencode(given | change)))
    assert (code, sub_code) == ("40002", "isv.invalid-parameter" if "sign_type" in change else "isv.invalid-signature")
    genuine(outside, await outside.call("GET", "/gateway.do?" + urlencode(given)), "alipay_system_oauth_token_response")


async def test_empty_parameters_are_not_part_of_what_is_signed(outside: Outside) -> None:
    reply = await outside.alipay(OAUTH, grant_type="authorization_code", code=await outside.auth_code(await outside.person()), biz_content="")
    assert genuine(outside, reply, "alipay_system_oauth_token_response")["access_token"]


@pytest.mark.parametrize("missing", ["app_id", "method", "charset", "sign_type", "timestamp", "version"])
async def test_a_missing_common_parameter_is_named(outside: Outside, missing: str) -> None:
    given = outside.alipay_signed(OAUTH, grant_type="authorization_code", code="x")
    del given[missing]
    assert refusal(await outside.call("GET", "/gateway.do?" + urlencode(given))) == ("40001", f"isv.missing-{missing.replace('_', '-')}")


async def test_another_app_id_is_refused(outside: Outside) -> None:
    assert refusal(await outside.alipay(OAUTH, app_id="9021000000000000", code="x")) == ("40002", "isv.invalid-app-id")


async def test_an_unknown_method_is_refused_in_a_signed_reply(outside: Outside) -> None:
    refused = genuine(outside, await outside.alipay("alipay.no.such.method"), "alipay_no_such_method_response")
    assert (refused["code"], refused["sub_code"]) == ("40002", "isv.invalid-method")


async def test_user_info_needs_the_access_token_of_a_login(outside: Outside) -> None:
    got = await log_in(outside, await outside.person(name="王小明"))
    told = genuine(outside, await outside.alipay("alipay.user.info.share", auth_token=got["access_token"]), "alipay_user_info_share_response")
    assert (told["code"], told["user_id"], told["open_id"]) == ("10000", got["user_id"], got["open_id"])
    assert "小明" not in json.dumps(told, ensure_ascii=False)
    refused = genuine(outside, await outside.alipay("alipay.user.info.share", auth_token="x"), "alipay_user_info_share_response")
    assert (refused["code"], refused["sub_code"]) == ("20001", "aop.invalid-auth-token")


# template messages


async def send(outside: Outside, **biz: Any) -> tuple[str, str]:
    reply = await outside.alipay(SEND, biz_content=json.dumps(biz, ensure_ascii=False))
    told = genuine(outside, reply, SEND.replace(".", "_") + "_response")
    return told["code"], told.get("sub_code", "")


async def tap(outside: Outside, person: Any, key: str = "licence_expiring", result: str = "accept") -> int:
    asked = {"person": person["person"], "template_id": outside.accounts["alipay"]["templates"][key], "result": result}
    left: int = (await outside.world("POST", "/alipay/consents", asked))["left"]
    return left


WORDS = {"keyword1": {"value": "营业执照"}, "keyword2": {"value": "2026年1月2日"}, "keyword3": {"value": "请提前换证"}}
NOT_SUBSCRIBED = ("40004", "USER_NOT_SUBSCRIBE")


def message(outside: Outside, key: str = "licence_expiring", **other: Any) -> dict[str, Any]:
    template = outside.accounts["alipay"]["templates"][key]
    return {"user_template_id": template, "page": "pages/licence?id=1", "data": json.dumps(WORDS, ensure_ascii=False)} | other


async def test_a_template_message_needs_a_subscription_and_uses_it_up(outside: Outside) -> None:
    person = await outside.person()
    who = (await log_in(outside, person))["open_id"]
    asked = message(outside, to_open_id=who)
    assert await send(outside, **asked) == NOT_SUBSCRIBED
    assert await tap(outside, person, result="reject") == 0
    assert await send(outside, **asked) == NOT_SUBSCRIBED
    assert await tap(outside, person) == 1
    assert await send(outside, **asked | message(outside, "notice")) == NOT_SUBSCRIBED
    assert await send(outside, **asked) == ("10000", "")
    assert await send(outside, **asked) == NOT_SUBSCRIBED
    mine = [one for one in await outside.ledger("messages") if one["person"] == person["person"]]
    assert [(one["channel"], one["touser"], one["template"], one["template_id"], one["data"], one["page"]) for one in mine] == [
        ("alipay", who, "licence_expiring", asked["user_template_id"], WORDS, "pages/licence?id=1")
    ]


async def test_a_reject_leaves_what_was_allowed_before_and_ends_what_was_allowed_for_good(outside: Outside) -> None:
    person = await outside.person()
    asked = message(outside, to_open_id=(await log_in(outside, person))["open_id"])
    assert [await tap(outside, person, result=result) for result in ("accept", "accept", "reject")] == [1, 2, 2]
    assert [await send(outside, **asked) for _ in range(3)] == [("10000", ""), ("10000", ""), NOT_SUBSCRIBED]
    assert [await tap(outside, person, "notice") for _ in range(2)] == [1, 1]
    assert {await send(outside, **asked | message(outside, "notice")) for _ in range(3)} == {("10000", "")}
    assert await tap(outside, person, "notice", "reject") == 0
    assert await send(outside, **asked | message(outside, "notice")) == NOT_SUBSCRIBED


async def test_one_subscription_is_one_message_whichever_id_it_is_sent_to(outside: Outside) -> None:
    person = await outside.person()
    got = await log_in(outside, person)
    await tap(outside, person)
    assert await send(outside, **message(outside, to_user_id=got["user_id"])) == ("10000", "")
    assert await send(outside, **message(outside, to_open_id=got["open_id"])) == NOT_SUBSCRIBED


async def test_a_wechat_openid_is_nobody_at_alipay(outside: Outside) -> None:
    person = await outside.person()
    await tap(outside, person)
    assert await send(outside, **message(outside, to_open_id=await outside.openid(person))) == NOT_SUBSCRIBED


LESS = json.dumps({"keyword1": WORDS["keyword1"], "keyword2": WORDS["keyword2"]})
LONG = json.dumps(WORDS | {"keyword3": {"value": "字" * 51}}, ensure_ascii=False)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"user_template_id": "made-up"}, ("40004", "USER_TEMPLATE_ILLEGAL")),
        ({"user_template_id": None}, ("40002", "isv.invalid-parameter")),
        ({"to_open_id": None}, ("40002", "isv.invalid-parameter")),
        ({"data": WORDS}, ("40002", "isv.invalid-parameter")),
        ({"data": LESS}, ("40002", "isv.invalid-parameter")),
        ({"data": json.dumps(WORDS | {"keyword4": {"value": "x"}})}, ("40002", "isv.invalid-parameter")),
        ({"data": json.dumps(WORDS | {"keyword3": "x"})}, ("40002", "isv.invalid-parameter")),
        ({"data": LONG}, ("40004", "USER_KEYWORD_LENGTH_ERROR")),
        ({"page": None}, ("40002", "isv.invalid-parameter")),
        ({"page": "https://a.example/"}, ("40002", "isv.invalid-parameter")),
        ({"page": "p" * 129}, ("40002", "isv.invalid-parameter")),
    ],
)
async def test_a_message_that_breaks_a_rule_is_refused_and_uses_up_nothing(outside: Outside, change: Any, refused: tuple[str, str]) -> None:
    person = await outside.person()
    await tap(outside, person)
    asked = message(outside, to_open_id=(await log_in(outside, person))["open_id"])
    assert await send(outside, **asked | change) == refused
    assert await send(outside, **asked) == ("10000", "")


async def test_every_template_of_the_account_can_be_allowed_and_the_one_for_good_is_said_to_be(outside: Outside) -> None:
    person, mine = await outside.person(), outside.accounts["alipay"]
    for key in mine["templates"]:
        assert await tap(outside, person, key) == 1
    shown = (await outside.world("GET", f"/people/{person['person']}/consents"))["alipay"]
    assert [one["key"] for one in shown if one["long_term"]] == mine["long_term"] == ["notice"]
    assert {one["key"]: one["template_id"] for one in shown} == mine["templates"]
    assert {(one["left"], one["last"]) for one in shown} == {(1, "accept")}


async def test_a_tap_that_cannot_be_is_told_with_all_that_is_wrong(outside: Outside) -> None:
    ids = outside.accounts["alipay"]["templates"]
    wrong = {"person": "nobody", "template_ids": [ids["notice"], ids["case_moved"], "t1", "t2"], "result": "ban"}
    reply = await outside.call("POST", "/world/alipay/consents", wrong)
    assert (reply.status, len(reply.json["errors"])) == (422, 6)
    assert (await outside.call("GET", "/world/people/nobody/consents")).status == 404


@pytest.mark.parametrize("biz", ["", "no json", "[]", "{}", '{"data": {"keyword1": {"value": "x"}}}', '{"data": "no json"}'])
async def test_a_template_message_with_broken_biz_content_is_refused(outside: Outside, biz: str) -> None:
    told = genuine(outside, await outside.alipay(SEND, biz_content=biz), SEND.replace(".", "_") + "_response")
    assert (told["code"], told["sub_code"]) == ("40002", "isv.invalid-parameter")
