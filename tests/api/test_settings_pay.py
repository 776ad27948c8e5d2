"""Merchants' settings: whatever is wrong is told at once, in Chinese and by name, never by its value; production takes no pretend merchant."""

import json
import os
from dataclasses import asdict
from typing import Any

import pytest

from kit import kill_points
from miniapp_api.settings import BadSettings, Settings, check
from miniapp_api.settings_pay import ALIPAY, WECHAT, alipay_pay, wechat_pay
from miniapp_api.wiring_pay import merchants
from tests.conftest import random_key
from tests.payments import alipay_merchant
from tests.payments.wechat_pay_merchant import API_KEY, APIV3_KEY, cert_pem, certificate, make_account, private_pem, public_pem

APPID = "wx1234567890abcdef"


def make_wechat(**changes: Any) -> dict[str, Any]:
    """A real merchant's; a change to None takes the setting away."""
    own = {name: value for name, value in asdict(make_account("https://api.mch.weixin.qq.com")).items() if name != "appid"}
    return {name: value for name, value in {**own, "use": "v2", **changes}.items() if value is not None}


def make_alipay(**changes: Any) -> dict[str, Any]:
    root = alipay_merchant.certificate(alipay_merchant.key("authority").public_key(), 1, authority=True)
    app, alipay = [alipay_merchant.certificate(alipay_merchant.key(whose).public_key(), 2) for whose in ("app", "platform")]
    own = {"seller_id": "2088102119685838", "app_cert": app, "alipay_cert": alipay, "alipay_root_cert": root}
    return {name: value for name, value in {**own, **changes}.items() if value is not None}


def make_settings(**changes: Any) -> Settings:
    real: dict[str, Any] = {
        "profile": "production",
        "mongo_url": "mongodb://m/?replicaSet=rs0",
        "redis_url": "redis://r/0",
        "field_keys": json.dumps({"k1": random_key()}),
        "index_key": random_key(),
        "core_url": "https://core.example.gov.cn/core/v1",
        "core_client_id": "zhangban",
        "core_secret": "a",
        "core_webhook_secret": "b",
        "wechat_appid": APPID,
        "wechat_secret": "c",
        "alipay_app_id": "2021000000000000",
        "alipay_app_private_key": alipay_merchant.private_pem("app"),
        "alipay_public_key": "e",
        "public_url": "https://api.example.gov.cn",
        "statements": "/var/lib/zhangban/statements",
        "wechat_pay": json.dumps(make_wechat()),
        "alipay_pay": json.dumps(make_alipay()),
    }
    return Settings(_env_file=None, **{**real, **changes})  # type: ignore[call-arg]  # pydantic-settings' own switch


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ZHANGBAN_") or name in ("MONGO_URL", "REDIS_URL", "RASA_URL")]:
        monkeypatch.delenv(name)


def problems(**changes: Any) -> list[str]:
    try:
        check(make_settings(**changes))
    except BadSettings as exc:
        return exc.problems
    return []


def wrong_wechat(*, production: bool = True, **changes: Any) -> list[str]:
    """What is told of it; nothing that was given may stand there."""
    given = make_wechat(**changes)
    _, told = wechat_pay(json.dumps(given), APPID, production=production)
    for value in (*changes.values(), API_KEY, APIV3_KEY):
        text = value if isinstance(value, str) else ""
        assert len(text) < 6 or text not in "\n".join(told), "a value is shown"
    return told


def test_complete_settings_of_both_merchants_pass_and_so_does_none() -> None:
    check(make_settings())
    check(make_settings(wechat_pay="", alipay_pay="", public_url=""))
    found = merchants(make_settings())
    assert found.wechat is not None and found.wechat.use == "v2" and found.alipay is not None and found.alipay.certificates is not None
    assert list(found.identities()) == ["https://api.mch.weixin.qq.com/secapi/pay/refund"]


def test_the_least_that_v3_and_alipay_need_is_enough() -> None:
    least = make_wechat(use=None, api_key=None, sign_type=None, merchant_cert=None, url=None, refund_url=None)
    found, told = wechat_pay(json.dumps(least), APPID, production=True)
    assert told == [] and found is not None
    assert (found.use, found.account.url, found.account.refund_url) == ("v3", "https://api.mch.weixin.qq.com", "https://api.mch.weixin.qq.com")
    alipay, told = alipay_pay(json.dumps({"seller_id": "2088102119685838"}), "", production=True)
    assert told == [] and alipay is not None and alipay.certificates is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"use": "v1-SECRET"}, "use"),
        ({"use": ["v2"]}, "use"),
        ({"sign_type": "SHA-SECRET"}, "sign_type"),
        ({"mchid": "19000072x91"}, "mchid"),
        ({"mchid": 1900007291}, "mchid"),
        ({"mchid": None}, "mchid"),
        ({"api_key": "short-key"}, "api_key"),
        ({"api_key": None}, "api_key"),
        ({"apiv3_key": API_KEY + "0"}, "apiv3_key"),
        ({"apiv3_key": None}, "apiv3_key"),
        ({"merchant_serial": "not hexadecimal"}, "merchant_serial"),
        ({"merchant_private_key": private_pem("merchant").replace("\n", "\nAAAA", 1)}, "merchant_private_key"),
        ({"merchant_private_key": public_pem("merchant")}, "merchant_private_key"),
        ({"merchant_private_key": private_pem("stranger")}, "merchant_cert"),
        ({"merchant_cert": cert_pem(certificate("stranger"))}, "merchant_cert"),
        ({"merchant_cert": None}, "merchant_cert"),
        ({"merchant_cert": 7}, "merchant_cert"),
        ({"platform_keys": {}}, "platform_keys"),
        ({"platform_keys": None}, "platform_keys"),
        ({"platform_keys": [1]}, "platform_keys"),
        ({"platform_keys": {"PUB_KEY_ID_01": "no key"}}, "platform_keys"),
        ({"platform_keys": {"PUB_KEY_ID_01": 5}}, "platform_keys"),
        ({"platform_keys": {"5157F09EFDC096DE": cert_pem(certificate("certificate"))}}, "platform_keys"),
        ({"url": "api.mch.weixin.qq.com"}, "url"),
        ({"url": "https://[api"}, "url"),
        ({"url": "https://api.mch.weixin.qq.com:port"}, "url"),
        ({"url": "https://api.mch.weixin.qq.com/"}, "url"),
        ({"url": ""}, "url"),
        ({"refund_url": "ftp://api.mch.weixin.qq.com"}, "refund_url"),
        ({"refund_ca": "no certificate"}, "refund_ca"),
        ({"colour": "SECRET"}, "colour"),
    ],
)
def test_one_thing_wrong_with_a_merchant_at_wechat_pay_is_one_sentence(changes: dict[str, Any], named: str) -> None:
    told = wrong_wechat(production=False, **changes)
    assert len(told) == 1 and told[0].startswith(f"{WECHAT}：") and named in told[0], told
    assert told == wrong_wechat(production=True, **changes)[:1]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seller_id": "1234102119685838"}, "seller_id"),
        ({"seller_id": None}, "seller_id"),
        ({"seller_id": 2088102119685838}, "seller_id"),
        ({"app_cert": None}, "app_cert"),
        ({"alipay_root_cert": ""}, "alipay_root_cert"),
        ({"alipay_cert": "no certificate"}, "证书"),
        ({"alipay_cert": ["x"]}, "证书"),
        ({"app_cert": cert_pem(certificate("stranger"))}, "app_cert"),
        ({"download_url": "dwbillcenter.alipay.com"}, "download_url"),
        ({"download_url": "https://[::1"}, "download_url"),
        ({"colour": "SECRET"}, "colour"),
    ],
)
def test_one_thing_wrong_with_a_seller_at_alipay_is_one_sentence(changes: dict[str, Any], named: str) -> None:
    told = problems(alipay_pay=json.dumps(make_alipay(**changes)))
    assert len(told) == 1 and told[0].startswith(f"{ALIPAY}：") and named in told[0], told
    assert not any(isinstance(value, str) and len(value) > 5 and value in told[0] for value in changes.values())


def test_everything_wrong_with_both_is_told_at_once_together_with_the_rest() -> None:
    wechat = make_wechat(mchid="x", api_key="short", apiv3_key="short", url="nowhere", platform_keys={})
    told = problems(wechat_pay=json.dumps(wechat), alipay_pay=json.dumps({"seller_id": "x", "download_url": "x"}), public_url="", core_secret="")
    assert [one.split("：")[0] for one in told].count(WECHAT) == 5, told
    assert [one.split("：")[0] for one in told].count(ALIPAY) == 2
    assert sum("ZHANGBAN_PUBLIC_URL" in one for one in told) == 1 and sum("ZHANGBAN_CORE_SECRET" in one for one in told) == 1


@pytest.mark.parametrize("given", ["{", "[]", '"text"', "null", "7"])
def test_what_is_no_json_object_is_named_and_not_shown(given: str) -> None:
    assert problems(wechat_pay=given) == [f"{WECHAT} 应为 JSON 对象（见 docs/operations.md）"]
    assert problems(alipay_pay=given) == [f"{ALIPAY} 应为 JSON 对象（见 docs/operations.md）"]


@pytest.mark.parametrize(
    "url",
    ["", "http://api.example.gov.cn", "https://127.0.0.1", "https://localhost:8000", "https://api.example.gov.cn/", "https://a/?b", "https://["],
)
def test_who_takes_money_has_a_public_address_that_gateways_can_reach(url: str) -> None:
    told = problems(public_url=url)
    assert len(told) == 1 and "ZHANGBAN_PUBLIC_URL" in told[0]
    assert problems(public_url=url, wechat_pay="", alipay_pay="") == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mchid": "9912345678"}, "沙箱商户"),
        ({"url": "http://127.0.0.1:9000"}, "url"),
        ({"url": "http://api.mch.weixin.qq.com"}, "url"),
        ({"url": "https://localhost"}, "url"),
        ({"url": "https://127.0.0.2"}, "url"),
        ({"url": "https://0.0.0.0"}, "url"),
        ({"url": "https://sandbox.example.com"}, "url"),
        ({"refund_url": "https://127.0.0.1:9443/secapi/pay/refund"}, "refund_url"),
    ],
)
def test_production_takes_no_pretend_merchant_and_development_does(changes: dict[str, Any], named: str) -> None:
    told = wrong_wechat(**changes)
    assert len(told) == 1 and "正式环境" in told[0] and named in told[0]
    assert wrong_wechat(production=False, **changes) == []


def test_production_keeps_real_statements_and_is_killed_at_no_point(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(problems(alipay_pay=json.dumps(make_alipay(download_url="http://127.0.0.1:9000")))) == 1
    told = problems(statements="")
    assert len(told) == 1 and "ZHANGBAN_STATEMENTS" in told[0]
    monkeypatch.setenv(kill_points.VARIABLE, "/tmp/points")
    told = problems()
    assert len(told) == 1 and kill_points.VARIABLE in told[0] and "/tmp/points" not in told[0]
    assert problems(profile="dev") == []


def test_no_key_shows_when_settings_or_merchants_are_printed() -> None:
    settings = make_settings()
    found = merchants(settings)
    assert found.wechat is not None and found.alipay is not None
    shown = "".join((repr(settings), str(settings.model_dump()), repr(found), repr(found.wechat), str(found.wechat.account), str(found.alipay)))
    given = make_wechat()
    secrets = [API_KEY, APIV3_KEY, given["merchant_private_key"], alipay_merchant.private_pem("app")]
    middles = [secret.replace("\n", "\\n")[60:120] for secret in secrets if "PRIVATE" in secret]
    assert [secret[:4] for secret in (*secrets, *middles) if secret in shown] == []
    assert "1900007291" in repr(found.wechat), "the number is no secret, and says which merchant it is"
