"""Why an appointment was not made is told as it was: who got no answer is not told that the hall is full."""

from datetime import UTC, datetime

import pytest

from notify.appointment_messages import KINDS, About, Offered, of_line, told

AT = datetime(2026, 12, 1, 2, tzinfo=UTC)


def make_about(problem: str) -> About:
    return About("ap_1", "居住证申领", AT, "政务服务大厅", "", "", None, problem)


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        ("slot_full", "号源已满"),
        ("slot_closed", "大厅停止了这个时段"),
        ("unknown_slot", "大厅撤销了这个时段"),
        ("slot_over", "这个时段已经开始"),
        ("unknown_person", "没有查到来办事的人的实名信息"),
        ("not_reached", "大厅系统一直没有答复"),
        ("a_word_of_a_newer_core", "大厅没有接受这次预约"),
        ("", "大厅没有接受这次预约"),
    ],
)
def test_a_refusal_is_told_with_its_own_reason(problem: str, why: str) -> None:
    said, again = told("refused", make_about(problem)), of_line("waiting_again", "居住证申领", None, AT, problem)
    assert said is not None and again is not None
    assert why in said.text and "窗口" in said.text and "{" not in said.text
    assert why in again.text and "位置不变" in again.text and "{" not in again.text
    assert ("号源已满" in said.text) is (problem == "slot_full")


def test_who_was_offered_another_place_meanwhile_is_told_of_the_first_all_the_same() -> None:
    said = of_line("waiting_again", "居住证申领", Offered(AT, "政务服务大厅", AT), AT, "slot_full")
    assert said is not None and "号源已满" in said.text and "{" not in said.text


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_a_whole_sentence(kind: str) -> None:
    said = told(kind, make_about("slot_full")) or of_line(kind, "居住证申领", Offered(AT, "政务服务大厅", AT), AT)
    assert said is not None and said.text.endswith("。") and "{" not in said.text
