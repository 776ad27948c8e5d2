"""Production refuses to start with anything missing or pretend; development's own settings pass."""

import json
import os
from typing import Any

import pytest

from miniapp_api.settings import BadSettings, Settings, check, load
from tests.conftest import random_key


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
        "wechat_appid": "wx1234567890abcdef",
        "wechat_secret": "c",
        "alipay_app_id": "2021000000000000",
        "alipay_app_private_key": "d",
        "alipay_public_key": "e",
    }
    return Settings(_env_file=None, **{**real, **changes})  # type: ignore[call-arg]  # pydantic-settings' own switch


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ZHANGBAN_") or name in ("MONGO_URL", "REDIS_URL", "RASA_URL")]:
        monkeypatch.delenv(name)


def test_complete_real_settings_pass() -> None:
    check(make_settings())


def test_everything_missing_is_told_at_once() -> None:
    with pytest.raises(BadSettings) as caught:
        check(Settings(profile="production"))
    assert len([one for one in caught.value.problems if one.startswith("缺少设置")]) == 13


@pytest.mark.parametrize(
    "change",
    [
        {"core_url": "http://core.example.gov.cn/core/v1"},
        {"core_url": "https://127.0.0.1:9000/core/v1"},
        {"wechat_url": "http://127.0.0.1:9000"},
        {"alipay_gateway": "https://openapi-sandbox.dl.alipaydev.com/gateway.do"},
        {"wechat_appid": "wxsandbox0123456789"},
        {"alipay_app_id": "9021000000000001"},
        {"core_client_id": "sandbox-1234"},
        {"core_webhook_secret": ""},
    ],
)
def test_one_sandbox_address_or_key_is_enough_to_refuse_production(change: dict[str, str]) -> None:
    with pytest.raises(BadSettings) as caught:
        check(make_settings(**change))
    assert len(caught.value.problems) == 1
    if "secret" not in str(change):
        check(make_settings(**change, profile="dev"))


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = make_settings(core_secret="SECRET-SECRET")
    assert "SECRET-SECRET" not in repr(settings) and "SECRET-SECRET" not in str(settings.model_dump())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"field_keys": json.dumps({"k1": "AAAA"})}, "ZHANGBAN_FIELD_KEYS"),
        ({"field_keys": "not json"}, "ZHANGBAN_FIELD_KEYS"),
        ({"field_key_current": "k9"}, "ZHANGBAN_FIELD_KEY_CURRENT"),
        ({"index_key": "AAAA"}, "ZHANGBAN_INDEX_KEY"),
        ({"index_key": "not base64!"}, "ZHANGBAN_INDEX_KEY"),
        ({"packages": "nowhere/packages.json"}, "ZHANGBAN_PACKAGES"),
    ],
)
def test_keys_of_the_wrong_form_are_named_and_never_shown(change: dict[str, str], named: str) -> None:
    with pytest.raises(BadSettings) as caught:
        check(make_settings(**change))
    assert len(caught.value.problems) == 1 and named in caught.value.problems[0]
    assert all(value not in str(caught.value) for value in change.values())


RASA = {"rasa_url": "http://rasa:5005", "actions_port": 5055, "actions_secret": "s" * 32}


def test_production_with_rasa_passes_when_it_is_whole() -> None:
    check(make_settings(**RASA))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rasa_url": "rasa:5005"}, "RASA_URL"),
        ({"rasa_url": "http://"}, "RASA_URL"),
        ({"actions_port": 0}, "ZHANGBAN_ACTIONS_PORT"),
        ({"actions_secret": ""}, "ZHANGBAN_ACTIONS_SECRET"),
        ({"actions_secret": "s" * 31}, "ZHANGBAN_ACTIONS_SECRET"),
        ({"rasa_url": "", "actions_secret": ""}, "ZHANGBAN_ACTIONS_SECRET"),
    ],
)
def test_half_an_assistant_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(BadSettings) as caught:
        check(make_settings(**{**RASA, **change}))
    assert len(caught.value.problems) == 1 and named in caught.value.problems[0]


def test_development_may_use_a_short_secret_but_not_none() -> None:
    check(make_settings(**{**RASA, "actions_secret": "short"}, profile="dev"))
    with pytest.raises(BadSettings, match="ZHANGBAN_ACTIONS_SECRET"):
        check(make_settings(**{**RASA, "actions_secret": ""}, profile="dev"))


def make_wechat(**changes: Any) -> dict[str, Any]:
    real = {"name": "city", "kind": "official", "appid": "wx0000000000000001", "secret": "SECRET", "token": "TOKEN1", "mode": "safe"}
    return {**real, "aes_keys": ["9" * 43], **changes}


def wechat_problems(*accounts: Any, profile: str = "production") -> list[str]:
    try:
        check(make_settings(profile=profile, wechat_messages=json.dumps(accounts)))
    except BadSettings as exc:
        assert "SECRET" not in str(exc) and "TOKEN1" not in str(exc) and "9" * 43 not in str(exc)
        return exc.problems
    return []


def test_accounts_of_wechat_messages_pass_and_the_mini_programs_secret_is_not_repeated() -> None:
    own = {key: value for key, value in make_wechat(name="own", kind="miniprogram", appid="wx1234567890abcdef").items() if key != "secret"}
    assert wechat_problems(make_wechat(), own) == []
    accounts, _ = make_settings(wechat_messages=json.dumps([own])).wechat_message_accounts()
    assert accounts[0].secret == "c" and "c'" not in repr(accounts[0]) and "TOKEN1" not in repr(accounts)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Stadt!"},
        {"kind": "robot"},
        {"appid": ""},
        {"appid": "wxsandbox0123456789"},
        {"secret": ""},
        {"token": "a b"},
        {"mode": "open"},
        {"mode": "plain"},
        {"aes_keys": []},
        {"aes_keys": ["9" * 42]},
        {"aes_keys": "9" * 43},
        {"colour": "SECRET"},
    ],
)
def test_one_thing_wrong_with_an_account_is_one_sentence(changes: dict[str, Any]) -> None:
    assert [one.startswith("ZHANGBAN_WECHAT_MESSAGES 第 1 个账号：") for one in wechat_problems(make_wechat(**changes))] == [True]


def test_everything_wrong_with_all_accounts_is_told_at_once() -> None:
    assert len(wechat_problems(make_wechat(token="", mode="x"), make_wechat(secret=None, aes_keys=None))) == 6
    assert len(wechat_problems("not an account")) == 1
    with pytest.raises(BadSettings, match="JSON 数组"):
        check(make_settings(wechat_messages="{"))


def test_plain_mode_is_for_development() -> None:
    assert wechat_problems(make_wechat(mode="plain", aes_keys=[]), profile="dev") == []


def test_values_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANGBAN_PORT", "many")
    with pytest.raises(BadSettings, match="ZHANGBAN_PORT"):
        load()
    monkeypatch.setenv("ZHANGBAN_PORT", "8000")
    monkeypatch.setenv("ZHANGBAN_WECHAT_TEMPLATES", "{")
    with pytest.raises(BadSettings, match="ZHANGBAN_WECHAT_TEMPLATES"):
        load()
