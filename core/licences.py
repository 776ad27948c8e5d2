"""Electronic licences (电子证照) at the core, and their authorised presentation in place of a paper.

Presenting is one attempt: after Unknown ask `find_presentation` before presenting again, with the same id.
"""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from core.answers import agreeing, find, made_as_asked, read
from core.bills import Id
from core.client import Core, parsed, segment
from core.frozen import Code, Frozen, Name
from core.subjects import PersonId, SubjectKey

_WORD = re.compile(r"[a-z][a-z_]{1,39}")


class LicenceState(StrEnum):
    """Only `valid` may be presented. A word of a newer core is read as `other`."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "LicenceState | None":
        return cls.OTHER if isinstance(value, str) and _WORD.fullmatch(value) else None


class Licence(Frozen):
    """`type` is the word an item's material names as `licence_type`. `subject`: its holder, where the core says so."""

    licence_id: Id
    subject: SubjectKey | None = None
    type: Name  # e.g. 居民身份证
    name: Name
    number: Annotated[str, Field(min_length=1, max_length=100)]
    issuer: Name
    issued_at: AwareDatetime
    expires_at: AwareDatetime | None = None  # None: 长期
    state: LicenceState


class LicenceList(Frozen):
    licences: tuple[Licence, ...]


class PresentationAsk(Frozen):
    """Let the core show this licence to whoever handles `item_code`, until `valid_until`. The same values every time it is asked."""

    presentation_id: Id
    subject: SubjectKey  # the holder
    purpose: Annotated[str, Field(min_length=1, max_length=500)]
    item_code: Code
    by_person_id: PersonId  # who authorised it: the holder, their guardian or agent, or who acts for the enterprise
    valid_until: AwareDatetime


class Presentation(Frozen):
    """`code` is what the one who handles the case opens the licence with."""

    presentation_id: Id
    licence_id: Id
    code: Annotated[str, Field(min_length=1, max_length=200)]
    valid_until: AwareDatetime


class CoreLicences:
    """The licence part of contract v1. Raises NotReached, Unknown and Refused as `Core` does."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def licences(self, subject: str) -> tuple[Licence, ...]:
        """Every licence of the subject, in whatever state. One of somebody else among them refuses them all."""
        found = await read(self._core, "/licences", LicenceList, {"subject": subject})
        return agreeing(found, all(one.subject in (None, subject) for one in found.licences)).licences

    async def present(self, licence_id: str, ask: PresentationAsk) -> Presentation:
        """One attempt, 6 s. Refused: unknown_licence, licence_not_valid, not_the_holder, presentation_id_reused."""
        path = f"/licences/{segment(licence_id)}/presentations"
        made = parsed(await self._core.post(path, ask.model_dump_json().encode(), ask.presentation_id, seconds=6), Presentation)
        return made_as_asked(made, (made.presentation_id, made.licence_id) == (ask.presentation_id, licence_id))

    async def find_presentation(self, licence_id: str, presentation_id: str) -> Presentation | None:
        """What became of a presentation whose reply was lost. None is the core's clear word."""
        path = f"/licences/{segment(licence_id)}/presentations/{segment(presentation_id)}"
        found = await find(self._core, path, Presentation, "unknown_presentation")
        return agreeing(found, found is None or (found.presentation_id, found.licence_id) == (presentation_id, licence_id))
