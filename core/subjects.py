"""Who a case may be for, by the core's word: a person, the enterprises they act for, the minors in their care.

A subject is one string, `person:<person_id>` or `enterprise:<uscc>`. Grants between adults are kept by us; the core takes our word for them.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, field_validator

from core.answers import read
from core.client import Core
from core.frozen import Frozen, Name

PersonId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_.-]+$")]
Uscc = Annotated[
    str, Field(min_length=18, max_length=18, pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")
]  # GB 32100; some genuine old ones fail its check digit
SubjectKey = Annotated[str, Field(max_length=80, pattern=r"^(person:[0-9A-Za-z_.-]{1,64}|enterprise:[0-9A-HJ-NPQRTUWXY]{18})$")]
Role = Literal["legal_representative", "handler"]
_ROLES = ("legal_representative", "handler")


class Enterprise(Frozen):
    """An enterprise the person acts for. `valid_until` None: until the core says otherwise."""

    uscc: Uscc
    name: Name
    role: Role
    valid_until: AwareDatetime | None = None

    def is_valid(self, at: datetime) -> bool:
        return self.valid_until is None or at < self.valid_until


class EnterpriseList(Frozen):
    enterprises: tuple[Enterprise, ...]

    @field_validator("enterprises", mode="before")
    @classmethod
    def _known_roles(cls, found: Any) -> Any:
        """A role of a newer core gives nobody a right here, and hides no other."""
        if not isinstance(found, list | tuple):
            return found
        return [one for one in found if not (isinstance(one, dict) and isinstance(one.get("role"), str) and one["role"] not in _ROLES)]


class Ward(Frozen):
    """A minor whose guardian the person is. `relation` is what the minor is to them, e.g. 子女. Never logged."""

    person_id: PersonId
    name: Annotated[str, Field(min_length=1, max_length=100)]
    id_number: Annotated[str, Field(min_length=1, max_length=30)]
    relation: Annotated[str, Field(max_length=50)] = ""


class WardList(Frozen):
    wards: tuple[Ward, ...]


def person_key(person_id: str) -> str:
    """The person as a subject."""
    return f"person:{person_id}"


def enterprise_key(uscc: str) -> str:
    """The enterprise as a subject."""
    return f"enterprise:{uscc}"


class CoreSubjects:
    """Raises NotReached and Refused as `Core` does; a person nobody knows has neither enterprises nor wards."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def enterprises(self, person_id: str) -> tuple[Enterprise, ...]:
        """As of now: the caller decides how long to believe it, and looks at `valid_until`."""
        return (await read(self._core, f"/persons/{_plain(person_id)}/enterprises", EnterpriseList)).enterprises

    async def wards(self, person_id: str) -> tuple[Ward, ...]:
        """Those who are minors today."""
        return (await read(self._core, f"/persons/{_plain(person_id)}/wards", WardList)).wards


def _plain(person_id: str) -> str:
    """A person id in a path. Raises ValueError for what is none: it would be another path."""
    if not person_id or person_id in (".", "..") or not all(sign.isascii() and (sign.isalnum() or sign in "_.-") for sign in person_id):
        raise ValueError("not a person id")
    return person_id
