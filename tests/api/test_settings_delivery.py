"""Settings of couriers: everything wrong at once, by name and never by its value."""

import json
import os
from typing import Any

import pytest

from kit.http import Http
from miniapp_api import settings_delivery
from miniapp_api.settings import BadSettings, check, load, secret
from miniapp_api.settings_delivery import NAME, couriers
from tests.api.test_settings import make_settings

SECRET = "not-a-real-secret-of-anybody-at-all"
PUBLIC = "https://api.example.gov.cn"
KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="
SF = {"partner_id": "CITYHALL", "check_word": SECRET, "push_secret": SECRET}
EMS = {"sender_no": "1100012345678", "authorization": SECRET, "sign_key": KEY}
KUAIDI100 = {"customer": "C" * 32, "key": "abcdEFGH1234", "salt": SECRET}
HALL = {"name": "临江市政务服务中心", "phone": "02088886666", "province": "广东省", "city": "临江市", "county": "城东区", "address": "市民大道1号"}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ZHANGBAN_") or name in ("MONGO_URL", "REDIS_URL", "RASA_URL")]:
        monkeypatch.delenv(name)


def make(**changes: Any) -> dict[str, Any]:
    """A change to None takes the part away."""
    own = {"sf": SF, "ems": EMS, "kuaidi100": KUAIDI100, "hall": HALL}
    return {name: value for name, value in {**own, **changes}.items() if value is not None}


def problems(given: Any, profile: str = "production", public_url: str = PUBLIC) -> list[str]:
    text = given if isinstance(given, str) else json.dumps(given)
    try:
        check(make_settings(couriers=text, public_url=public_url, profile=profile))
    except BadSettings as exc:
        assert SECRET not in str(exc)
        return exc.problems
    return []


def test_without_it_nothing_is_sent_and_that_is_all_right() -> None:
    assert problems("") == [] and couriers("", "", production=True) == (None, [])


def test_couriers_are_read_with_their_usual_addresses() -> None:
    found, told = couriers(json.dumps(make()), PUBLIC, production=True)
    assert told == [] and problems(make()) == [] and found is not None
    assert found.sf is not None and (found.sf.url, found.sf.oauth, found.sf.monthly_card) == (settings_delivery.SF, False, "")
    assert found.kuaidi100 is not None and found.kuaidi100.callback_url == f"{PUBLIC}/callbacks/kuaidi100"
    assert found.stuck_days == 3 and found.hall.city == "临江市"
    assert found.urls() == [settings_delivery.SF, settings_delivery.EMS, settings_delivery.KUAIDI100]
    assert list(found.couriers(Http([]))) == ["sf", "ems", "kuaidi100"] and SECRET not in repr(found)


def test_one_courier_is_enough() -> None:
    for name in ("sf", "ems"):
        given = make(**{other: None for other in ("sf", "ems", "kuaidi100") if other != name})
        found, told = couriers(json.dumps(given), PUBLIC, production=True)
        assert told == [] and found is not None and list(found.couriers(Http([]))) == [name]


@pytest.mark.parametrize("given", ["{", "[]", '"sf"', "7"])
def test_what_is_no_object_is_told_in_one_sentence(given: str) -> None:
    told = problems(given)
    assert len(told) == 1 and told[0].startswith(NAME) and "JSON 对象" in told[0]


WRONG: list[tuple[dict[str, Any], str]] = [
    (make(sf=None, ems=None), "至少要有"),
    (make(hall=None), "缺少 hall"),
    (make(zto={}), "不认识 zto"),
    (make(stuck_days=0), "stuck_days"),
    (make(stuck_days=True), "stuck_days"),
    (make(stuck_days="3"), "stuck_days"),
    (make(sf="SF"), "的 sf：应为 JSON 对象"),
    (make(hall=[]), "的 hall：应为 JSON 对象"),
    (make(sf={**SF, "mode": "x"}), "的 sf：不认识 mode"),
    (make(sf={**SF, "url": "ftp://x"}), "的 sf：url"),
    (make(sf={**SF, "url": None}), "的 sf：url"),
    (make(sf={**SF, "url": "https://[x"}), "的 sf：url"),
    (make(sf={**SF, "partner_id": ""}), "partner_id"),
    (make(sf={**SF, "check_word": None}), "check_word"),
    (make(sf={**SF, "monthly_card": "123"}), "monthly_card"),
    (make(sf={**SF, "push_secret": "short"}), "push_secret"),
    (make(sf={**SF, "push_secret": "with/a/slash/in/it/somewhere/here"}), "push_secret"),
    (make(sf={**SF, "oauth": "yes"}), "oauth"),
    (make(ems={**EMS, "sender_no": 7}), "sender_no"),
    (make(ems={**EMS, "authorization": ""}), "authorization"),
    (make(ems={**EMS, "sign_key": "AAAA"}), "sign_key"),
    (make(ems={**EMS, "sign_key": "not base64"}), "sign_key"),
    (make(ems={**EMS, "sign_key": None}), "sign_key"),
    (make(kuaidi100={**KUAIDI100, "customer": ""}), "customer"),
    (make(kuaidi100={**KUAIDI100, "key": ""}), "key"),
    (make(kuaidi100={**KUAIDI100, "salt": ""}), "salt"),
    (make(hall={**HALL, "phone": "110"}), "phone"),
    (make(hall={**HALL, "address": " "}), "address"),
    (make(hall={**HALL, "name": "长" * 51}), "name"),
    (make(hall={**HALL, "county": "a\nb"}), "county"),
    (make(hall={**HALL, "post_code": "1"}), "不认识 post_code"),
]


@pytest.mark.parametrize(("given", "named"), WRONG, ids=range(len(WRONG)))
def test_one_thing_wrong_is_one_sentence(given: dict[str, Any], named: str) -> None:
    told = problems(given, "dev")
    assert len(told) == 1 and told[0].startswith(NAME) and named in told[0], told


def test_everything_wrong_is_told_at_once() -> None:
    told = problems({"sf": {}, "ems": {}, "kuaidi100": {}, "hall": {}, "stuck_days": 99}, public_url="")
    for named in (
        "partner_id",
        "check_word",
        "push_secret",
        "sender_no",
        "authorization",
        "sign_key",
        "customer",
        "salt",
        "phone",
        "address",
        "stuck_days",
    ):
        assert any(named in one for one in told), named
    assert any("ZHANGBAN_PUBLIC_URL" in one for one in told)


PRETEND: list[dict[str, Any]] = [
    make(sf={**SF, "url": "https://sfapi-sbox.sf-express.com/std/service"}),
    make(sf={**SF, "url": "http://bspgw.sf-express.com/std/service"}),
    make(sf={**SF, "url": "https://127.0.0.1:9000/std/service"}),
    make(sf={**SF, "partner_id": "SANDBOX1234"}),
    make(sf={**SF, "push_secret": "s" * 31}),
    make(ems={**EMS, "url": "https://api.ems.com.cn/amp-prod-api/f/amp/api/test"}),
    make(ems={**EMS, "url": "https://localhost/open"}),
    make(kuaidi100={**KUAIDI100, "url": "https://sandbox.example.cn/poll"}),
    make(kuaidi100={**KUAIDI100, "key": "sandbox12345678"}),
]


@pytest.mark.parametrize("given", PRETEND, ids=range(len(PRETEND)))
def test_production_takes_no_pretend_courier(given: dict[str, Any]) -> None:
    assert len(problems(given)) == 1
    assert problems(given, "dev") == []


@pytest.mark.parametrize("public_url", ["", "http://api.example.gov.cn", "https://api.example.gov.cn/", "https://127.0.0.1"])
def test_couriers_must_be_able_to_reach_us(public_url: str) -> None:
    told = problems(make(), public_url=public_url)
    assert len(told) == 1 and "ZHANGBAN_PUBLIC_URL" in told[0]


def test_it_is_read_from_the_environment_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, json.dumps(make()))
    settings = load()
    assert json.loads(secret(settings.couriers)) == make()
    assert SECRET not in repr(settings) and SECRET not in str(settings.model_dump())
