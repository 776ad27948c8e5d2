"""Passwords: what is good enough, and what is kept of them (Argon2id, PHC strings). Never logged, never stored as they are.

Parameters are OWASP's second choice (46 MiB, one pass): 40 ms here. Two threads at most, so that a flood of logins takes no more than 92 MiB.
"""

import asyncio
import os
import secrets
from concurrent.futures import ThreadPoolExecutor

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from kit.errors import FieldError, Invalid

SHORTEST, LONGEST = 12, 128
HISTORY = 5  # one's last passwords that may not come back
_MEMORY, _PASSES, _LANES, _LENGTH = 47_104, 1, 1, 32  # KiB, passes, threads, bytes
_THREADS = ThreadPoolExecutor(2, "argon2")
_NOBODY = f"$argon2id$v=19$m={_MEMORY},t={_PASSES},p={_LANES}${'A' * 22}${'A' * 43}"  # no password gives this
_LETTERS = ("abcdefghijkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", "-_+=")  # none that are read for another


async def hashed(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _hash, password)


async def is_right(password: str, stored: str | None) -> bool:
    """None: there is no such account, which takes as long to find out as a wrong password."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _verify, password, stored or _NOBODY)


async def was_used(password: str, past: list[str]) -> bool:
    return any([await is_right(password, one) for one in past[-HISTORY:]])


def check_strong(password: str, username: str) -> None:
    """Raises Invalid with everything that is wrong."""
    wrong = []
    if not SHORTEST <= len(password) <= LONGEST:
        wrong.append(f"应为 {SHORTEST} 到 {LONGEST} 个字符")
    if _classes(password) < 3:
        wrong.append("大写字母、小写字母、数字、其他字符，至少要有其中三种")
    if username.casefold() in password.casefold():
        wrong.append("不能包含用户名")
    if wrong:
        raise Invalid("staff_password_weak", "新口令不符合要求，请换一个", errors=tuple(FieldError("new_password", one) for one in wrong))


def one_time() -> str:
    """16 characters of every class."""
    letters = [secrets.choice(kind) for kind in _LETTERS] + [secrets.choice("".join(_LETTERS[:3])) for _ in range(12)]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def _classes(password: str) -> int:
    seen = {"lower" if c.islower() else "upper" if c.isupper() else "digit" if c.isdecimal() else "other" for c in password}
    return len(seen)


def _hash(password: str) -> str:
    kdf = Argon2id(salt=os.urandom(16), length=_LENGTH, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY)
    return kdf.derive_phc_encoded(password.encode())


def _verify(password: str, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), stored)
    except InvalidKey:
        return False
    return True
