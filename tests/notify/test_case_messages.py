"""Wording and template values: within WeChat's limits whatever the core says, and nothing becomes a link."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import CaseMove, CaseState, Finding
from notify.case_messages import CORRECTIONS, of_move
from notify.kinds import KINDS
from notify.told import Told
from notify.values import character_string, plain, thing, wechat_data
from sandbox.wechat_values import wrong_value

AT = datetime(2026, 11, 23, 7, 1, tzinfo=UTC)


def make_move(state: CaseState = CaseState.ACCEPTED, text: str = "", findings: tuple[Finding, ...] = ()) -> CaseMove:
    return CaseMove(version=2, state=state, at=AT, text=text, findings=findings)


def data_of(told: Told) -> dict[str, dict[str, str]]:
    kind = KINDS[told.kind]
    return wechat_data(kind, kind.wechat, told.fields)


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=300), st.sampled_from([s for s in CaseState if s is not CaseState.SENDING]))
def test_wechat_takes_every_value(name: str, number: str, text: str, state: CaseState) -> None:
    data = data_of(of_move(name, number, make_move(state, text)))
    assert wrong_value(tuple(data), data) is None


@given(st.text(max_size=100))
def test_free_text_never_becomes_a_link_and_carries_no_control_characters(text: str) -> None:
    made = plain(f"{text} https://evil.example/a 见 http://x.cn www.evil.example")
    assert "://" not in made.replace("：//", "") or "http" not in made.lower()
    assert "evil" not in made and "\n" not in made and "\u202e" not in made


def test_a_notice_of_corrections_lists_every_finding() -> None:
    findings = tuple(Finding(target="material", name=f"材料{n}", problem=f"问题{n}", fix=f"改法{n}") for n in range(1, 4))
    told = of_move("身份证补领", "C1", make_move(CaseState.CORRECTIONS, findings=findings))
    text = told.text
    assert "共 3 处" in text and all(f"问题{n}" in text and f"改法{n}" in text for n in range(1, 4))
    assert told.kind == CORRECTIONS
    assert data_of(told)["number6"]["value"] == "3"


@pytest.mark.parametrize(("text", "cut"), [("", "无"), ("二十个字" * 5, "二十个字" * 5), ("二十个字" * 6, ("二十个字" * 5)[:19] + "…")])
def test_a_thing_is_cut_with_an_ellipsis(text: str, cut: str) -> None:
    assert thing(text) == cut


def test_of_a_long_case_number_the_end_is_kept() -> None:
    number = "11440232MB2D06811W4000117051000202010200008"
    assert character_string(number) == "..." + number[-29:] and len(character_string(number)) == 32
