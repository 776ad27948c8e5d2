"""The public progress query: whoever holds the receipt sees how far a case is, and nothing of whose it is.

A case number can be guessed (item, date, serial), so it opens nothing by itself: the receipt's code or the last six characters of the applicant's
ID number goes with it. A number that does not exist and a wrong secret are one answer, after the same work.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cases.states import NEXT_STEPS, TEXTS
from core.types import CaseState
from kit.errors import NotFound

CODE_LENGTH = 8
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0 O, 1 I L, U: read from paper, told on the phone
_ALIKE = str.maketrans("", "", " -　")
_DECOY = {"_id": "q_nobody", "person_id": "nobody", "progress_mac": "-"}


class Numbers(Protocol):
    """Supplied by wiring: the ID number of the natural person who filed a case."""

    async def id_number(self, person_id: str) -> str | None: ...


class Store(Protocol):
    async def by_number(self, case_no: str) -> dict[str, Any] | None: ...

    def progress_mac(self, request_id: str, secret: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Progress:
    state: CaseState
    state_text: str
    next_step: str


def new_code() -> str:
    """30^8 codes: 5 tries an hour find one in 15 million years."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))


async def progress(store: Store, numbers: Numbers, case_no: str, secret: str) -> Progress:
    """Raises NotFound with one sentence, whatever is wrong. The caller counts the tries before."""
    given = secret.translate(_ALIKE).upper()
    found = await store.by_number(case_no)
    row: Mapping[str, Any] = found or _DECOY
    number = await numbers.id_number(row["person_id"])
    opens = _same(store.progress_mac(row["_id"], given), row.get("progress_mac") or "-") | _same(given, _last_six(number))
    if found is None or not opens:
        raise NotFound("progress_unknown", "办件编号或查询码不对，请对照受理回执核对后再查")
    state = CaseState(found["state"])
    return Progress(state, TEXTS[state], NEXT_STEPS[state])


def _last_six(number: str | None) -> str:
    """Never empty: nothing given opens nothing."""
    return number[-6:].upper() if number is not None and len(number) >= 6 else "-"


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
