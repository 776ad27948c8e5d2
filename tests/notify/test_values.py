"""Every kind on every channel: whatever its fields hold, the platform's own rule takes the value; no field of a resident's becomes a link."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.kinds import KINDS, FieldType
from notify.values import FITS, for_alipay, for_sms, for_wechat, in_full, wechat_type
from sandbox.wechat_values import wrong_value

MOMENTS = st.integers(86_400, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
VALUES: Mapping[FieldType, st.SearchStrategy[Any]] = {
    "words": st.text(max_size=80),
    "state": st.text(max_size=12),
    "number": st.text(max_size=60),
    "count": st.integers(0, 10**40),
    "money": st.integers(1, 10**9),
    "moment": MOMENTS,
    "day": MOMENTS,
}


@pytest.mark.parametrize("kind", [one for one in KINDS.values() if one.wechat], ids=lambda one: one.key)
@given(data=st.data())
def test_wechat_takes_every_field_of_every_kind(kind: Any, data: st.DataObject) -> None:
    sent = {key: {"value": for_wechat(key, kind.fields[name], data.draw(VALUES[kind.fields[name]]))} for key, name in kind.wechat.items()}
    assert wrong_value(tuple(sent), sent) is None, sent


@given(data=st.data(), shape=st.sampled_from(sorted(FITS)))
def test_wechat_takes_every_value_that_fits_a_type(data: st.DataObject, shape: str) -> None:
    kind = data.draw(st.sampled_from(sorted(FITS[shape])))
    sent = {f"{shape}1": {"value": for_wechat(f"{shape}1", kind, data.draw(VALUES[kind]))}}
    assert wrong_value((f"{shape}1",), sent) is None, sent


@given(data=st.data(), kind=st.sampled_from(sorted(VALUES)))
def test_no_value_is_empty_too_long_or_a_link_on_any_channel(data: st.DataObject, kind: FieldType) -> None:
    value = data.draw(VALUES[kind])
    if isinstance(value, str):
        value += " https://evil.example/a www.evil.example evil.com/x 【紧急】"
    for text, most in ((for_alipay(kind, value), 50), (for_sms(kind, value), 35)):
        assert 1 <= len(text) <= most and "\n" not in text and "evil" not in text
    assert not re.search(r"[【】]", for_sms(kind, value))


def test_what_a_sentence_says() -> None:
    at = datetime(2026, 11, 29, 1, 5, tzinfo=UTC)
    assert (in_full("moment", at), in_full("day", at), in_full("money", 1230), in_full("count", 3)) == (
        "2026年11月29日 09:05",
        "2026年11月29日",
        "12.30元",
        "3",
    )
    assert in_full("day", at + timedelta(hours=15)) == "2026年11月30日"


def test_every_default_place_shows_its_field() -> None:
    for kind in KINDS.values():
        assert set(kind.wechat.values()) == set(kind.fields) == set(kind.alipay)
        assert all(kind.fields[name] in FITS[wechat_type(key)] for key, name in kind.wechat.items())
        assert set(re.findall(r"\$\{(\w+)\}", kind.sms)) == set(kind.sms_fields)
