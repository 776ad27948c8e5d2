"""Pure rules of the ground floor: money, crypto, masks, breaker, signatures of time."""

import json
import logging
import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.clock import at_edge, in_words
from kit.crypto import CannotDecrypt, Keyring
from kit.http import Breaker, origin
from kit.log import JsonFormatter, mask
from kit.money import fen, yuan


@given(st.integers(min_value=0, max_value=10**14))
def test_money_survives_the_way_there_and_back(amount: int) -> None:
    assert fen(yuan(amount)) == amount


@pytest.mark.parametrize("text", ["", "-1", "1e3", "0.001", "1,000", " 1", "１", "01", "1.", ".5"])
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        fen(text)


def test_time_at_the_edge_is_beijing_time() -> None:
    moment = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
    assert at_edge(moment) == "2027-01-01T00:30:00+08:00"
    assert in_words(moment) == "2027年1月1日 00:30"


def test_a_sealed_value_opens_only_in_its_own_place_and_with_its_own_key(keys: Keyring) -> None:
    sealed = keys.seal("王小明", "persons/name/p1")
    assert keys.open(sealed, "persons/name/p1") == "王小明"
    assert "王小明" not in sealed
    for broken, place in ((sealed, "persons/name/p2"), (sealed[:-4] + "AAAA", "persons/name/p1"), ("k9:AAAA", "persons/name/p1"), ("", "x")):
        with pytest.raises(CannotDecrypt):
            keys.open(broken, place)
    with pytest.raises(CannotDecrypt):
        Keyring({"k1": os.urandom(32)}, "k1", os.urandom(32)).open(sealed, "persons/name/p1")


def test_old_keys_still_read_after_a_rotation_and_are_told_apart() -> None:
    old, new, index = os.urandom(32), os.urandom(32), os.urandom(32)
    before = Keyring({"k1": old}, "k1", index)
    after = Keyring({"k1": old, "k2": new}, "k2", index)
    sealed = before.seal("x", "a/b/c")
    assert after.open(sealed, "a/b/c") == "x"
    assert not after.is_current(sealed)
    assert after.is_current(after.seal("x", "a/b/c"))
    assert before.index("phone", "1") == after.index("phone", "1") != after.index("id_number", "1")


@pytest.mark.parametrize(
    "secret",
    [
        "11010519491231002X",
        "13800138000",
        "oGZUI0egBJY1zhBYw2KhdUfwVJJE",
        "2088102169481075",
    ],
)
def test_personal_data_never_reaches_the_log(secret: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "某人 %s 的记录", (secret,), None)
    record.detail = {"value": secret}
    written = JsonFormatter().format(record)
    assert secret not in written
    assert json.loads(written)["event"].startswith("某人")


def test_tokens_in_headers_and_urls_are_masked_and_case_numbers_are_not() -> None:
    assert "abcdefghij" not in mask("Authorization: Bearer abcdefghij123456")
    assert "SECRETSECRET" not in mask("GET /cgi-bin?access_token=SECRETSECRETSECRET")
    assert mask("办件 11440232MB2D06811W4000117051000202010200008") == "办件 11440232MB2D06811W4000117051000202010200008"


def test_the_breaker_opens_after_five_failures_and_lets_one_probe_through() -> None:
    breaker = Breaker()
    for _ in range(5):
        assert breaker.admits(100.0)
        breaker.failed(100.0)
    assert not breaker.admits(101.0)
    assert breaker.admits(102.1)
    assert not breaker.admits(102.2)
    breaker.worked()
    assert breaker.admits(102.3)


def test_origins_are_compared_with_their_ports() -> None:
    assert origin("https://API.weixin.qq.com/sns?x=1") == origin("https://api.weixin.qq.com:443/other")
    assert origin("http://a") != origin("https://a")
