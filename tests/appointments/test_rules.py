"""Pure rules of appointments: deadlines, overlaps, who may not book for a while, what a code says."""

from datetime import UTC, datetime, timedelta

import pytest

from appointments.code import code_of, png, read
from appointments.rules import Rules, cancel_until, offered_until, overlap, patience, suspension
from kit.crypto import Keyring

AT = datetime(2026, 12, 1, 1, tzinfo=UTC)
RULES = Rules()


def days(*back: float) -> list[datetime]:
    return [AT - timedelta(days=one) for one in back]


@pytest.mark.parametrize(
    ("missed", "until"),
    [
        ((), None),
        ((1,), None),
        ((1, 10), 29),
        ((10, 1), 29),
        ((1, 91), 29),
        ((1, 92), None),
        ((30, 40), None),
        ((29.9, 40), 0.1),
        ((1, 5, 9), 29),
        ((20, 100, 105), 10),
        ((2, 100, 105), None),
    ],
)
def test_two_no_shows_within_ninety_days_close_the_booking_for_thirty(missed: tuple[float, ...], until: float | None) -> None:
    found = suspension(days(*missed), AT, RULES)
    assert (None if found is None else found.until) == (None if until is None else AT + timedelta(days=until))
    assert found is None or (list(found.dates) == sorted(found.dates) and len(found.dates) == 2)


def test_it_ends_by_itself() -> None:
    found = suspension(days(1, 10), AT, RULES)
    assert found is not None
    assert suspension(days(1, 10), found.until, RULES) is None
    assert suspension(days(1, 10), found.until - timedelta(milliseconds=1), RULES) == found


def test_one_that_begins_when_the_other_ends_does_not_overlap() -> None:
    hour = timedelta(hours=1)
    assert not overlap((AT, AT + hour), (AT + hour, AT + 2 * hour)) and not overlap((AT + hour, AT + 2 * hour), (AT, AT + hour))
    assert overlap((AT, AT + hour), (AT + hour / 2, AT + hour * 2)) and overlap((AT, AT + 3 * hour), (AT + hour, AT + hour * 2))


def test_a_place_is_kept_for_two_hours_or_until_the_deadline() -> None:
    far, near, soon = AT + timedelta(days=2), AT + timedelta(hours=3), AT + timedelta(hours=2, minutes=10)
    assert cancel_until(far, RULES) == far - timedelta(hours=2)
    assert offered_until(far, AT, RULES) == AT + timedelta(hours=2)
    assert offered_until(near, AT, RULES) == AT + timedelta(hours=1)
    assert offered_until(soon, AT, RULES) is None


@pytest.mark.parametrize(
    ("at", "starts", "until"),
    [
        ("01T09:00", "05T10:00", "01T11:00"),
        ("01T17:59", "05T10:00", "01T19:59"),
        ("01T18:00", "05T10:00", "01T20:00"),
        ("01T19:00", "05T10:00", "02T10:00"),
        ("01T19:59", "05T10:00", "02T10:59"),
        ("01T20:00", "05T10:00", "02T11:00"),
        ("01T23:30", "05T10:00", "02T11:00"),
        ("02T00:00", "05T10:00", "02T11:00"),
        ("02T02:00", "05T10:00", "02T11:00"),
        ("02T08:59", "05T10:00", "02T11:00"),
        ("01T19:00", "02T11:00", "02T09:00"),
        ("01T19:00", "02T11:30", "02T09:30"),
        ("01T23:30", "02T12:00", "02T10:00"),
        ("01T23:30", "02T11:15", "02T09:15"),
        ("01T23:30", "02T11:14", None),
        ("01T19:50", "02T10:00", None),
        ("01T19:40", "02T10:00", "02T08:00"),
    ],
)
def test_an_offers_two_hours_run_while_people_read_messages(at: str, starts: str, until: str | None) -> None:
    """Days of December, Beijing."""

    def moment(text: str) -> datetime:
        return datetime.fromisoformat(f"2026-12-{text}:00+08:00")

    assert offered_until(moment(starts), moment(at), RULES) == (None if until is None else moment(until))


@pytest.mark.parametrize(("seconds", "again"), [(0, 1), (4, 1), (40, 10), (240, 60), (86400, 60)])
def test_a_core_that_is_away_is_asked_more_seldom_but_every_minute(seconds: float, again: float) -> None:
    assert patience(AT, AT + timedelta(seconds=seconds)) == again


def test_a_code_is_read_by_whoever_made_it_and_by_nobody_else(keys: Keyring) -> None:
    own = "ap_" + "a2" * 13
    code = code_of(keys, own)
    assert read(keys, code) == own == read(keys, f" {code}\n")
    others = Keyring({"k1": b"1" * 32}, "k1", b"2" * 32)
    assert read(others, code) is None
    for forged in (code[:-1] + ("A" if code[-1] != "A" else "B"), code.replace("a2", "a3", 1), code + "x", "", own, "YY1..", "中文"):
        assert read(keys, forged) is None
    assert png(code).startswith(b"\x89PNG")
