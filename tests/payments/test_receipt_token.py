"""The code on a receipt: only ours passes, only in time, and it tells no more than the receipt."""

import os
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.crypto import Keyring
from payments.receipt_facts import ReceiptFacts
from payments.receipt_token import Verdict, checked, read, sign, valid_until

NOW = datetime(2026, 11, 28, 16, 30, tzinfo=UTC)  # half past midnight on the 29th in Beijing
ORDER = "P20261128K7Q2M4"
KEYS = Keyring({"k1": os.urandom(32)}, "k1", os.urandom(32))


def make_facts(refunded_fen: int = 0, order_no: str = ORDER) -> ReceiptFacts:
    return ReceiptFacts(order_no, "工本费", "换领", "公安分局", 2000, refunded_fen, "alipay", "480021", NOW, NOW, None, "王*明")


def test_our_token_names_its_order_again_and_is_short_enough_to_scan() -> None:
    token = sign(KEYS, ORDER, NOW)
    assert read(KEYS, token, NOW) == Verdict(ORDER, None)
    assert len(token) < 64
    assert token == sign(KEYS, ORDER, NOW + timedelta(hours=20))  # the same Beijing day
    assert token != sign(KEYS, ORDER, NOW + timedelta(days=1))


@given(st.integers(min_value=0), st.characters())
def test_one_changed_character_makes_it_forged(at: int, char: str) -> None:
    token = sign(KEYS, ORDER, NOW)
    at %= len(token)
    changed = token[:at] + char + token[at + 1 :]
    assert read(KEYS, changed, NOW) == (Verdict(ORDER, None) if changed == token else Verdict(None, "forged"))


@given(st.text())
def test_whatever_stands_in_a_scanned_code_is_read_without_an_error(token: str) -> None:
    assert read(KEYS, token, NOW).reason == "forged"


def test_another_house_key_another_order_and_a_longer_life_are_forged() -> None:
    token = sign(KEYS, ORDER, NOW)
    order, day, mac = token.split(".")
    later = f"{int(day, 16) + 300:x}"
    for forged in (f"{order}9.{day}.{mac}", f"{order}.{later}.{mac}", f"{order}.{day}.{'a' * 24}", token.upper(), token + "\n", token + "a", ""):
        assert read(KEYS, forged, NOW) == Verdict(None, "forged")
    other = Keyring({"k1": os.urandom(32)}, "k1", os.urandom(32))
    assert read(other, token, NOW) == Verdict(None, "forged")


def test_a_token_passes_on_its_last_day_and_not_on_the_next() -> None:
    token = sign(KEYS, ORDER, NOW)
    assert valid_until(NOW) == date(2027, 11, 29)
    last = datetime(2027, 11, 29, 15, 59, 59, tzinfo=UTC)
    assert read(KEYS, token, last).order_no == ORDER
    assert read(KEYS, token, last + timedelta(seconds=1)) == Verdict(None, "expired")
    assert read(KEYS, token, NOW + timedelta(days=2), timedelta(days=1)).reason == "expired"


def test_a_forged_token_is_not_told_that_it_would_be_expired() -> None:
    order, day, _ = sign(KEYS, ORDER, NOW).split(".")
    assert read(KEYS, f"{order}.{day}.{'a' * 24}", NOW + timedelta(days=900)).reason == "forged"


@pytest.mark.parametrize("order_no", ["", "a/b", "a.b", "单号", "a" * 65, "a|b"])
def test_an_order_number_that_an_address_would_bend_is_not_signed(order_no: str) -> None:
    with pytest.raises(ValueError, match="order number"):
        sign(KEYS, order_no, NOW)


def test_a_mac_is_no_blind_index_and_each_kind_has_its_own() -> None:
    assert KEYS.mac("receipt", "x") == KEYS.mac("receipt", "x")
    assert len({KEYS.mac("receipt", "x"), KEYS.mac("receipt", "y"), KEYS.mac("other", "x")}) == 3
    assert KEYS.mac("phone", "1").hex() not in KEYS.index("phone", "1")


def test_the_check_shows_the_payment_but_nobody_s_name_and_no_transaction() -> None:
    answer = checked(read(KEYS, sign(KEYS, ORDER, NOW), NOW), make_facts(refunded_fen=500))
    assert (answer.valid, answer.reason, answer.amount_fen, answer.refunded_fen) == (True, None, 2000, 500)
    assert "王*明" not in str(asdict(answer))
    assert "480021" not in str(asdict(answer))


def test_what_does_not_prove_a_payment_is_not_valid() -> None:
    genuine = Verdict(ORDER, None)
    assert checked(genuine, None).reason == "unknown"
    assert checked(genuine, make_facts(order_no="P2")).reason == "unknown"
    for reason in ("forged", "expired"):
        answer = checked(Verdict(None, reason), make_facts())
        assert (answer.valid, answer.reason, answer.title, answer.amount_fen) == (False, reason, None, None)
    gone = checked(genuine, make_facts(refunded_fen=2000))
    assert (gone.valid, gone.reason, gone.refunded_fen) == (False, "refunded", 2000)
