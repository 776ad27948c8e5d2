"""Roles that never meet, scopes, passwords and codes: what needs no database."""

import base64
from datetime import UTC, datetime
from itertools import combinations
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from kit.errors import Invalid
from staff import passwords, totp
from staff.roles import ADMINS, ALL, EVERYWHERE, GRANTED, ROLES, Role, Scope, check_apart, permissions, within

BUSINESS = sorted(set(ROLES) - ADMINS)


@pytest.mark.parametrize("pair", [*combinations(sorted(ADMINS), 2), *((admin, other) for admin in sorted(ADMINS) for other in BUSINESS)])
def test_an_administrator_holds_nothing_else(pair: tuple[Role, Role]) -> None:
    with pytest.raises(Invalid, match="staff_roles_conflict"):
        check_apart(frozenset(pair))


def test_one_role_and_several_of_business_pass() -> None:
    for role in ROLES:
        check_apart(frozenset({role}))
    check_apart(frozenset())
    check_apart(frozenset(BUSINESS))


def test_no_administrator_may_do_what_another_may_beyond_reading_the_list_or_any_business() -> None:
    for one, other in combinations(sorted(ADMINS), 2):
        assert GRANTED[one] & GRANTED[other] <= {"accounts.read"}
    business = permissions(frozenset(BUSINESS))
    assert all(not GRANTED[admin] & business for admin in ADMINS)
    assert not GRANTED["cashier"] & {"refund.approve"} and not GRANTED["approver"] & {"refund.request"}


@pytest.mark.parametrize(
    ("scope", "department", "region", "covered"),
    [
        (Scope(), "民政局", "440104", False),
        (EVERYWHERE, "民政局", "440104", True),
        (EVERYWHERE, None, None, True),
        (Scope(frozenset({"民政局"}), frozenset({"440104"})), "民政局", "440104", True),
        (Scope(frozenset({"民政局"}), frozenset({"440104"})), "民政局", "440105", False),
        (Scope(frozenset({"民政局"}), frozenset({"440104"})), "公安局", "440104", False),
        (Scope(frozenset({"民政局"}), frozenset({ALL})), "民政局", None, True),
        (Scope(frozenset({"民政局"}), frozenset({ALL})), None, "440104", False),
        (Scope(frozenset({ALL}), frozenset()), "民政局", "440104", False),
    ],
)
def test_a_scope_covers_both_or_nothing(scope: Scope, department: str | None, region: str | None, covered: bool) -> None:
    assert within(scope, department, region) is covered


@pytest.mark.parametrize(
    ("password", "wrong"),
    [
        ("Kaoshan-2026", 0),
        ("kaoshan-2026", 0),  # three of four
        ("天河区政务大厅一楼AB12", 0),
        ("Kaoshan-202", 1),
        ("kaoshankaoshan", 1),
        ("Lin.Cashier-2026", 1),
        ("short", 2),
        ("aA1-" * 40, 1),
    ],
)
def test_everything_that_makes_a_password_weak_is_told_at_once(password: str, wrong: int) -> None:
    if not wrong:
        passwords.check_strong(password, "lin.cashier")
        return
    with pytest.raises(Invalid) as caught:
        passwords.check_strong(password, "lin.cashier")
    assert len(caught.value.errors) == wrong


def test_one_time_passwords_are_strong_and_never_the_same() -> None:
    made = {passwords.one_time() for _ in range(200)}
    assert len(made) == 200
    for one in made:
        passwords.check_strong(one, "lin.cashier")


async def test_a_password_is_kept_as_argon2id_with_a_salt_of_its_own() -> None:
    first, second = await passwords.hashed("Kaoshan-2026-tun"), await passwords.hashed("Kaoshan-2026-tun")
    assert first != second and first.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert await passwords.is_right("Kaoshan-2026-tun", first)
    assert not await passwords.is_right("Kaoshan-2026-tuN", first)
    assert not await passwords.is_right("Kaoshan-2026-tun", None)


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")]
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    """Appendix B, SHA-1, the last six of its eight digits; the secret is 12345678901234567890."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    moment = datetime.fromtimestamp(seconds, UTC)
    assert totp.code_at(secret, moment) == code
    assert totp.step_of(secret, code, moment) == seconds // 30


def test_a_code_is_right_one_step_to_either_side_and_no_further() -> None:
    secret, moment = totp.new_secret(), datetime(2026, 11, 27, 12, 0, 15, tzinfo=UTC)
    here = totp.step_at(moment)
    codes = [totp.code_of(secret, here + off) for off in range(-2, 3)]
    found = [totp.step_of(secret, code, moment) for code in codes]
    assert found[1:4] == [here - 1, here, here + 1]
    assert found[0] is None or codes[0] in codes[1:4]
    assert found[4] is None or codes[4] in codes[1:4]


def test_the_address_for_the_app_holds_what_makes_the_same_codes() -> None:
    secret, moment = totp.new_secret(), datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
    parts = urlsplit(totp.uri(secret, "lin.cashier"))
    given = {key: values[0] for key, values in parse_qs(parts.query).items()}
    assert (parts.scheme, parts.netloc, given["issuer"], given["algorithm"], given["secret"]) == ("otpauth", "totp", "掌办", "SHA1", secret)
    app = TOTP(base64.b32decode(given["secret"]), int(given["digits"]), SHA1(), int(given["period"]))
    assert app.generate(int(moment.timestamp())).decode() == totp.code_at(secret, moment)
