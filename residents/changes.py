"""What changed about who a person is. Whoever it concerns is told on every channel; `miniapp_api` supplies how."""

from dataclasses import dataclass
from typing import Literal, Protocol

from kit.mongo import Tx

Kind = Literal["joined", "bound", "linked", "unbound", "phone_changed", "kiosk_login", "grant_offered", "grant_accepted", "grant_ended"]


@dataclass(frozen=True, slots=True)
class Change:
    """`own` is unique for ever: the same change written twice is told once.

    `person_id` None: nobody stands behind the account yet. `resident_id`: the account it is about. `detail`: a channel, a hall or a grant.
    """

    own: str
    kind: Kind
    person_id: str | None
    resident_id: str | None = None
    detail: str = ""


class Told(Protocol):
    """Writes down, in the transaction of the change, that it must be told, and does what other features owe to it."""

    async def __call__(self, tx: Tx, change: Change) -> None: ...


def address(person_id: str | None, resident_id: str | None) -> str:
    """Whose inbox: the person's, or that of an account behind which nobody stands."""
    return person_id or f"resident:{resident_id}"
