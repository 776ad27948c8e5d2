"""What residents are told of their parcels: every change has its words, and no channel has to cut them."""

from datetime import UTC, datetime

import pytest

from notify import parcel_messages
from notify.kinds import KINDS
from notify.parcel_messages import About
from notify.values import for_wechat, in_full, wechat_data

AT = datetime(2026, 11, 25, 2, tzinfo=UTC)


def make_about(what: str = "普通护照签发", carrier: str = "顺丰速运", waybill: str | None = "SF1391760200235") -> About:
    return About("d_1", "11990100202611250001", what, carrier, waybill, "市政务服务中心")


@pytest.mark.parametrize("kind", sorted(parcel_messages.KINDS))
@pytest.mark.parametrize("carried", [True, False])
def test_every_change_is_told_with_nothing_of_it_cut(kind: str, carried: bool) -> None:
    about = make_about() if carried else make_about(carrier="", waybill=None)
    told = parcel_messages.told(kind, about, AT)
    made = KINDS[told.kind]
    data = wechat_data(made, made.wechat, told.fields)
    for key, name in made.wechat.items():
        assert data[key]["value"] == in_full(made.fields[name], told.fields[name]), name
    assert told.case_no == about.case_no and told.text.startswith("您") and "{" not in told.text


def test_papers_that_came_are_a_message_of_their_own() -> None:
    told = parcel_messages.told("arrived_at_hall", make_about(), AT)
    assert told.kind == "papers_arrived" and "市政务服务中心" in told.text


def test_a_name_that_is_a_link_is_no_link_in_the_message() -> None:
    told = parcel_messages.told("delivered", make_about(what="请点 http://evil.example.cn/a"), AT)
    assert "evil" not in told.text
    assert "evil" not in for_wechat("thing1", "words", told.fields["what"])
