"""What residents are told of their parcels: every change has its words, and no channel has to cut them."""

from datetime import UTC, datetime

import pytest

from notify import parcel_messages
from notify.kinds import KINDS
from notify.parcel_messages import About
from notify.told import Told
from notify.values import for_wechat, in_full, wechat_data

AT = datetime(2026, 11, 25, 2, tzinfo=UTC)


def make_about(what: str = "普通护照签发", carrier: str = "顺丰速运", waybill: str | None = "SF1391760200235", *, papers: bool = False) -> About:
    return About("d_1", "11990100202611250001", what, carrier, waybill, "市政务服务中心", papers)


def said(kind: str, about: About) -> Told:
    told = parcel_messages.told(kind, about, AT)
    assert told is not None
    return told


@pytest.mark.parametrize("kind", sorted(parcel_messages.KINDS))
@pytest.mark.parametrize("carried", [True, False])
@pytest.mark.parametrize("papers", [True, False])
def test_every_change_is_told_with_nothing_of_it_cut(kind: str, carried: bool, papers: bool) -> None:
    about = make_about(papers=papers) if carried else make_about(carrier="", waybill=None, papers=papers)
    if papers and parcel_messages.told(kind, about, AT) is None:
        assert kind in ("delivering", "at_pickup_point", "ready_at_hall", "picked_up")
        return
    told = said(kind, about)
    made = KINDS[told.kind]
    data = wechat_data(made, made.wechat, told.fields)
    for key, name in made.wechat.items():
        assert data[key]["value"] == in_full(made.fields[name], told.fields[name]), name
    assert told.case_no == about.case_no and told.text.startswith("您") and "{" not in told.text


def test_papers_that_came_are_a_message_of_their_own() -> None:
    told = said("arrived_at_hall", make_about(papers=True))
    assert told.kind == "papers_arrived" and "市政务服务中心" in told.text


def test_a_name_that_is_a_link_is_no_link_in_the_message() -> None:
    told = said("delivered", make_about(what="请点 http://evil.example.cn/a"))
    assert "evil" not in told.text
    assert "evil" not in for_wechat("thing1", "words", told.fields["what"])


def test_papers_that_the_courier_brought_are_not_signed_for_by_the_resident() -> None:
    assert "等待窗口核对登记" in said("delivered", make_about(papers=True)).text
    assert "如非本人" in said("delivered", make_about()).text
    assert "到窗口领取" not in said("returned", make_about(papers=True)).text
