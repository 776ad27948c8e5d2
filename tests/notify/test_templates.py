"""Registration: what cannot show our fields is refused before the first push, with everything that is wrong; and the account's own templates."""

import re
from pathlib import Path
from typing import Any

import pytest

from notify.kinds import KINDS, REGISTERED
from notify.templates import AlipayTemplate, Template, compared, default_keywords, default_places, wrong_alipay, wrong_sms, wrong_wechat
from notify.values import FITS, for_wechat, wechat_type
from tests.notify.outgoing import VALUES

ID = "9Aw5ZV1j9xdWTFEkqCpZ7mIBbSC34khK55OtzUPl0rU"


def make_template(kind: str = "case_moved", **changes: Any) -> Template:
    return Template(**{"kind": kind, "template_id": ID, "places": default_places(kind), "long_term": False, **changes})


def make_listed(template: Template, **changes: Any) -> dict[str, Any]:
    content = "".join(f"第{place}项:{{{{{key}.DATA}}}}\n" for place, key in enumerate(template.places, 1))
    own = {"priTmplId": template.template_id, "title": "办件进度提醒", "content": content, "example": "", "type": 3 if template.long_term else 2}
    return {**own, **changes}


@pytest.mark.parametrize("kind", REGISTERED)
def test_every_kind_can_be_registered_as_it_comes(kind: str) -> None:
    assert wrong_wechat(make_template(kind)) == []
    assert wrong_alipay(AlipayTemplate(kind, ID, default_keywords(kind))) == []
    assert wrong_sms(kind, "SMS_100001") == ([] if KINDS[kind].sms else ["这类消息不发短信"])


def test_a_template_may_be_numbered_otherwise_and_leave_fields_out() -> None:
    assert wrong_wechat(make_template(places={"thing9": "state", "date12": "at", "character_string1": "case_no"})) == []
    assert wrong_alipay(AlipayTemplate("case_moved", ID, ("state", "item"))) == []


@pytest.mark.parametrize("kind", REGISTERED)
def test_what_a_registration_admits_makes_a_value_of_the_keys_type_and_nothing_else_is_admitted(kind: str) -> None:
    for name, shape in KINDS[kind].fields.items():
        for key_type in ("thing", "phrase", "number", "character_string", "time", "date", "amount", "name", "phone_number", "letter"):
            admitted = wrong_wechat(make_template(kind, places={f"{key_type}1": name})) == []
            assert admitted == (shape in FITS.get(key_type, ()))
            assert not admitted or for_wechat(f"{key_type}1", shape, VALUES[shape])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "weather"}, "没有这类消息"),
        ({"kind": "file_refused"}, "只进收件箱"),
        ({"template_id": ""}, "空的"),
        ({"template_id": f" {ID}"}, "复制"),
        ({"template_id": f"{ID}\n"}, "复制"),
        ({"places": {}}, "fields 是空的"),
        ({"places": {"Thing1": "item"}}, "Thing1"),
        ({"places": {"thing": "item"}}, "thing 不是"),
        ({"places": {"thing1.DATA": "item"}}, "thing1.DATA"),
        ({"places": {"name1": "item"}}, "name1"),
        ({"places": {"phrase2": "item"}}, "thing 类型"),
        ({"places": {"time3": "case_no"}}, "character_string、thing"),
        ({"places": {"thing1": "weather"}}, "weather"),
        ({"places": {"thing1": "item", "thing2": "item"}}, "两处"),
    ],
)
def test_one_thing_wrong_with_a_registration_is_one_sentence(changes: dict[str, Any], named: str) -> None:
    told = wrong_wechat(make_template(**changes))
    assert len(told) == 1 and named in told[0], told


def test_everything_wrong_with_a_registration_is_told_at_once() -> None:
    told = wrong_wechat(make_template(template_id="", places={"x": "item", "phrase2": "item", "thing3": "a", "thing4": "b"}))
    assert [re.sub(r"[^a-z0-9_]+", " ", one).split()[:1] for one in told] == [[], ["x"], ["phrase2"], ["a"], ["b"], ["item"]]
    told = wrong_alipay(AlipayTemplate("case_moved", "", ("item", "item", "weather")))
    assert len(told) == 3 and wrong_alipay(AlipayTemplate("case_moved", ID, ())) == ["keywords 是空的：请按模板里的先后写出每个关键词"]
    assert len(wrong_alipay(AlipayTemplate("weather", "", ()))) == 2 and len(wrong_sms("case_moved", "1")) == 2 and len(wrong_sms("x", "1")) == 2


def test_a_template_that_the_account_has_so_agrees() -> None:
    templates = [make_template(), make_template("notice", template_id="b" * 43, long_term=True)]
    found = compared(templates, [make_listed(one) for one in templates])
    assert [(one.template, one.title, one.wrong) for one in found] == [(one, "办件进度提醒", ()) for one in templates]


@pytest.mark.parametrize(
    ("listed", "named"),
    [
        ([], ["没有这个模板"]),
        (["garbage", None, {"priTmplId": "other"}], ["没有这个模板"]),
        ([{"content": "事项：{{thing1.DATA}}\n状态：{{phrase2.DATA}}\n电话：{{phone_number7.DATA}}\n"}], ["phone_number7 电话", "time3、thing4"]),
        ([{"type": 3}], ["长期订阅：请把 long_term 写成 true"]),
        ([{"type": 3, "content": ""}], ["没有字段 thing1", "长期订阅"]),
        ([{"type": 4}], []),  # a sort WeChat has added since
    ],
)
def test_what_differs_from_the_accounts_own_template_is_told(listed: list[Any], named: list[str]) -> None:
    template = make_template()
    given = [make_listed(template, **one) if isinstance(one, dict) and "priTmplId" not in one else one for one in listed]
    (found,) = compared([template], given)
    assert len(found.wrong) == len(named), found.wrong
    assert all(what in wrong for what, wrong in zip(named, found.wrong, strict=True))


def test_a_one_time_template_registered_as_long_term_is_told() -> None:
    template = make_template(long_term=True)
    (found,) = compared([template], [make_listed(template, type=2)])
    assert found.wrong == ("微信登记的是一次性订阅：请把 long_term 写成 false",)


def test_every_type_that_fits_something_is_one_of_wechats() -> None:
    assert {wechat_type(key) for kind in KINDS.values() for key in kind.wechat} <= set(FITS)


def test_operators_read_of_every_kind_which_template_to_apply_for() -> None:
    told = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for kind in KINDS.values():
        places = "、".join(f"`{place}` {name}" for place, name in kind.wechat.items())
        assert (f"| `{kind.key}` | {kind.title} | {places} | {'有' if kind.sms else ''} |" in told) == (kind.key in REGISTERED), kind.key
