"""Settings of what goes out to phones: everything wrong at once, by name and never by its value; and the command that asks WeChat."""

import asyncio
import json
import os
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from miniapp_api import settings_notify
from miniapp_api.cli import app
from miniapp_api.settings import BadSettings, Settings, check, load
from miniapp_api.settings_notify import ALIPAY, SMS, WECHAT, alipay_templates, sms, wechat_templates
from notify.kinds import KINDS
from notify.templates import AlipayTemplate, Template, default_keywords, default_places
from tests.api.test_settings import make_settings
from tests.listener import listening

ID = "9Aw5ZV1j9xdWTFEkqCpZ7mIBbSC34khK55OtzUPl0rU"
SECRET = "not-a-real-secret-of-anybody"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ZHANGBAN_") or name in ("MONGO_URL", "REDIS_URL", "RASA_URL")]:
        monkeypatch.delenv(name)


def make_sms(**changes: Any) -> dict[str, Any]:
    """A change to None takes the setting away."""
    own = {
        "provider": "aliyun",
        "access_key_id": "LTAInobody",
        "access_key_secret": SECRET,
        "sign_name": "某市政务服务",
        "templates": {"case_corrections": "SMS_100001"},
    }
    return {name: value for name, value in {**own, **changes}.items() if value is not None}


def problems(**changes: Any) -> list[str]:
    try:
        check(make_settings(**changes))
    except BadSettings as exc:
        return exc.problems
    return []


def test_without_any_of_them_nothing_goes_out_and_that_is_all_right() -> None:
    assert problems() == [] and make_settings().ask_at_once == 3
    assert wechat_templates({}) == ({}, []) and alipay_templates({}) == ({}, []) and sms("", production=True) == (None, [])


def test_an_id_alone_takes_the_kinds_own_places() -> None:
    assert wechat_templates({"case_moved": ID}) == ({"case_moved": Template("case_moved", ID, default_places("case_moved"))}, [])
    assert alipay_templates({"case_moved": ID}) == ({"case_moved": AlipayTemplate("case_moved", ID, default_keywords("case_moved"))}, [])
    assert problems(wechat_templates={"case_moved": ID}, alipay_templates={"case_moved": ID}) == []


def test_a_city_whose_templates_are_numbered_otherwise_says_so() -> None:
    given = {"notice": {"id": ID, "fields": {"thing2": "body", "date4": "at"}, "long_term": True}}
    assert wechat_templates(given) == ({"notice": Template("notice", ID, {"thing2": "body", "date4": "at"}, True)}, [])
    told = {"notice": {"id": ID, "keywords": ["body", "at"], "long_term": True}}
    assert alipay_templates(told) == ({"notice": AlipayTemplate("notice", ID, ("body", "at"), True)}, [])
    assert problems(wechat_templates=given, alipay_templates=told) == []


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("", "空的"),
        (None, "应为模板编号"),
        (7, "应为模板编号"),
        ([ID], "应为模板编号"),
        ({}, "空的"),
        ({"id": 7}, "空的"),
        ({"id": ID, "colour": 1}, "colour"),
        ({"id": ID, "long_term": "yes"}, "long_term"),
        ({"id": ID, "fields": ["item"]}, "fields 应为对象"),
        ({"id": ID, "fields": {"thing1": 1}}, "fields 应为对象"),
        ({"id": ID, "fields": {"phrase1": "item"}}, "phrase1"),
    ],
)
def test_one_thing_wrong_with_a_wechat_template_is_told_by_its_kind(value: Any, named: str) -> None:
    told = problems(wechat_templates={"case_moved": value, "bill_paid": ID[::-1]})
    assert told and all(one.startswith(f"{WECHAT} 的 case_moved：") for one in told) and any(named in one for one in told), told


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"id": ID, "keywords": "item"}, "keywords 应为数组"),
        ({"id": ID, "keywords": [1]}, "keywords 应为数组"),
        ({"id": ID, "keywords": []}, "keywords 是空的"),
        ({"id": ID, "fields": {}}, "fields"),
        ({"id": ID, "keywords": ["weather"]}, "weather"),
    ],
)
def test_one_thing_wrong_with_an_alipay_template_is_one_sentence(value: Any, named: str) -> None:
    told = problems(alipay_templates={"case_moved": value})
    assert len(told) == 1 and told[0].startswith(f"{ALIPAY} 的 case_moved：") and named in told[0], told


def test_one_template_stands_for_one_kind() -> None:
    for name, setting in ((WECHAT, "wechat_templates"), (ALIPAY, "alipay_templates")):
        told = problems(**{setting: {"case_moved": ID, "bill_paid": ID}})
        assert len(told) == 1 and told[0].startswith(name) and "两类消息" in told[0]
        assert len(problems(**{setting: {"notice_urgent": ID}})) == 1, "it goes out by the template of notice"


def test_an_sms_account_is_read_with_its_defaults() -> None:
    found, told = sms(json.dumps(make_sms()), production=True)
    assert found is not None and told == []
    assert (found.account.url, found.account.sign_name, found.daily, found.daily_total) == (settings_notify.GATEWAY, "某市政务服务", 3, 20_000)
    assert found.templates == {"case_corrections": "SMS_100001"} and SECRET not in repr(found)
    found, _ = sms(json.dumps(make_sms(url="https://dysmsapi.aliyuncs.com", daily=1, daily_total=5)), production=True)
    assert found is not None and (found.account.url, found.daily, found.daily_total) == (settings_notify.GATEWAY, 1, 5)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"provider": None}, "provider"),
        ({"provider": "tencent"}, "provider"),
        ({"url": "dysmsapi.aliyuncs.com"}, "url"),
        ({"url": "https://[::1"}, "url"),
        ({"url": "https://dysmsapi.aliyuncs.com/?a=b"}, "url"),
        ({"access_key_id": None}, "access_key_id"),
        ({"access_key_id": "a,b=c"}, "access_key_id"),
        ({"access_key_secret": None}, "access_key_secret"),
        ({"access_key_secret": "short"}, "access_key_secret"),
        ({"sign_name": None}, "sign_name"),
        ({"sign_name": "【某市】"}, "sign_name"),
        ({"templates": None}, "templates"),
        ({"templates": {}}, "templates"),
        ({"templates": ["SMS_1"]}, "templates"),
        ({"templates": {"case_moved": "SMS_1"}}, "case_moved：这类消息不发短信"),
        ({"templates": {"weather": "SMS_1"}}, "weather：没有这类消息"),
        ({"templates": {"account_changed": "1"}}, "account_changed：模板编号"),
        ({"templates": {"account_changed": 1}}, "account_changed：模板编号"),
        ({"daily": 0}, "daily"),
        ({"daily": True}, "daily"),
        ({"daily": "3"}, "daily"),
        ({"daily_total": 10_000_001}, "daily_total"),
        ({"colour": SECRET}, "colour"),
    ],
)
def test_one_thing_wrong_with_an_sms_account_is_one_sentence_without_its_value(changes: dict[str, Any], named: str) -> None:
    told = problems(sms=json.dumps(make_sms(**changes)))
    assert len(told) == 1 and told[0].startswith(f"{SMS}：") and named in told[0] and SECRET not in told[0], told
    assert told == problems(sms=json.dumps(make_sms(**changes)), profile="dev")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"url": "http://dysmsapi.aliyuncs.com/"}, "url"),
        ({"url": "http://127.0.0.1:9000/sms/"}, "url"),
        ({"url": "https://localhost/sms/"}, "url"),
        ({"url": "https://127.0.0.2/"}, "url"),
        ({"url": "https://sandbox.example.com/"}, "url"),
        ({"access_key_id": "LTAIsandbox01"}, "沙箱账号"),
    ],
)
def test_production_takes_no_pretend_gateway_and_development_does(changes: dict[str, Any], named: str) -> None:
    told = problems(sms=json.dumps(make_sms(**changes)))
    assert len(told) == 1 and "正式环境" in told[0] and named in told[0]
    assert problems(sms=json.dumps(make_sms(**changes)), profile="dev") == []


@pytest.mark.parametrize("given", ["{", "[]", '"text"', "null", "7"])
def test_an_sms_account_that_is_no_object_is_named_and_not_shown(given: str) -> None:
    assert problems(sms=given) == [f"{SMS} 应为 JSON 对象（见 docs/operations.md）"]


def test_everything_wrong_with_all_three_is_told_at_once_together_with_the_rest() -> None:
    bad = json.dumps({"provider": "x", "templates": {}})
    told = problems(wechat_templates={"a": "", "case_moved": 1}, alipay_templates={"b": ""}, sms=bad, core_secret="")
    names = [one.split("：")[0].split(" ")[0] for one in told]
    assert (names.count(WECHAT), names.count(ALIPAY), names.count(SMS)) == (4, 2, 5), told
    assert sum("ZHANGBAN_CORE_SECRET" in one for one in told) == 1


@pytest.mark.parametrize("given", ["{", "no json"])
def test_templates_that_are_no_json_are_all_named(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(WECHAT, given)
    with pytest.raises(BadSettings) as caught:
        load()
    assert caught.value.problems == [f"{WECHAT} 应为 JSON 对象（见 docs/operations.md）"]
    monkeypatch.setenv(ALIPAY, given)
    with pytest.raises(BadSettings) as caught:
        load()
    assert [one.split(" ")[0] for one in caught.value.problems] == [WECHAT, ALIPAY]


@pytest.mark.parametrize("many", ["0", "6", "three"])
def test_how_many_templates_are_asked_for_at_once_has_wechats_own_limits(monkeypatch: pytest.MonkeyPatch, many: str) -> None:
    monkeypatch.setenv("ZHANGBAN_ASK_AT_ONCE", many)
    with pytest.raises(BadSettings) as caught:
        load()
    assert len(caught.value.problems) == 1 and "ZHANGBAN_ASK_AT_ONCE" in caught.value.problems[0]


def test_the_secret_does_not_show_when_settings_are_printed() -> None:
    settings = make_settings(sms=json.dumps(make_sms()))
    assert SECRET not in repr(settings) and SECRET not in str(settings.model_dump()) and isinstance(settings, Settings)


# zhangban notify templates


class Account:
    """WeChat's side: `data` is what gettemplate gives; `token`: what stable_token says."""

    def __init__(self, data: Any, token: dict[str, Any] | None = None) -> None:
        self.data = data
        self.token = token or {"access_token": "T", "expires_in": 7200}

    async def answer(self, request: web.Request) -> web.Response:
        if "stable_token" in request.path:
            return web.json_response(self.token)
        assert (request.method, request.path) == ("GET", "/wxaapi/newtmpl/gettemplate")
        return web.json_response({"errcode": 0, "errmsg": "ok", "data": self.data})

    async def command(self, redis_url: str, templates: Any, **more: str) -> Any:
        async with listening(self.answer) as url:
            env = {
                "REDIS_URL": redis_url,
                "ZHANGBAN_WECHAT_URL": url,
                "ZHANGBAN_WECHAT_APPID": f"wx{id(self)}",
                "ZHANGBAN_WECHAT_SECRET": SECRET,
                WECHAT: json.dumps(templates),
                **more,
            }
            return await asyncio.to_thread(CliRunner().invoke, app, ["notify", "templates"], env=env)


def listed(kind: str, template_id: str, long_term: bool = False) -> dict[str, Any]:
    content = "".join(f"名称:{{{{{key}.DATA}}}}\n" for key in KINDS[kind].wechat)
    return {"priTmplId": template_id, "title": KINDS[kind].title, "content": content, "example": "", "type": 3 if long_term else 2}


async def test_templates_that_agree_with_the_account_are_told_so(redis_url: str) -> None:
    account = Account([listed("case_moved", "a" * 43), listed("notice", "b" * 43, True)])
    done = await account.command(redis_url, {"case_moved": "a" * 43, "notice": {"id": "b" * 43, "long_term": True}})
    assert done.exit_code == 0, done.output
    assert "对  case_moved  办件进度提醒  一次性" in done.stdout and "对  notice  政务服务通知  长期" in done.stdout and "不对" not in done.stdout
    assert "没有登记，不推送：" in done.stdout and "bill_paid" in done.stdout and SECRET not in done.output


async def test_whatever_differs_is_a_line_under_its_template_and_the_exit_code_is_one(redis_url: str) -> None:
    account = Account([listed("case_moved", "a" * 43, True), {**listed("notice", "b" * 43), "content": "甲:{{thing8.DATA}}\x1b[31m"}])
    done = await account.command(redis_url, {"case_moved": "a" * 43, "notice": "b" * 43, "bill_paid": "c" * 43})
    assert done.exit_code == 1 and "\x1b" not in done.stdout
    assert done.stdout.count("不对  ") == 3 and "长期订阅" in done.stdout and "thing8 甲" in done.stdout and "没有这个模板" in done.stdout


@pytest.mark.parametrize(
    ("templates", "changes", "code", "said"),
    [
        ({}, {}, 1, "什么也不推送"),
        ({"case_moved": "", "x": "y"}, {}, 1, "没有这类消息"),
        ({"case_moved": ID}, {"REDIS_URL": ""}, 2, "REDIS_URL"),
        ({"case_moved": ID}, {"ZHANGBAN_WECHAT_URL": "http://127.0.0.1:1"}, 2, "没有从微信取到"),
        ({"case_moved": ID}, {WECHAT: "{"}, 2, WECHAT),
    ],
)
async def test_what_cannot_be_compared_is_one_sentence(redis_url: str, templates: Any, changes: dict[str, str], code: int, said: str) -> None:
    done = await Account([]).command(redis_url, templates, **changes)
    assert done.exit_code == code and said in done.stderr and SECRET not in done.output and "Traceback" not in done.output


async def test_an_account_that_gives_no_token_or_no_list_was_not_compared(redis_url: str) -> None:
    done = await Account([], {"errcode": 40125, "errmsg": "invalid appsecret"}).command(redis_url, {"case_moved": ID})
    assert done.exit_code == 2 and "errcode_40125" in done.stderr
    done = await Account("garbage").command(redis_url, {"case_moved": ID})
    assert done.exit_code == 2


def test_its_help_has_an_example() -> None:
    told = CliRunner().invoke(app, ["notify", "templates", "--help"]).output
    assert "zhangban notify templates" in told and "notify" in CliRunner().invoke(app, ["--help"]).output
