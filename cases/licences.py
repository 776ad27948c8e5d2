"""Licences in place of papers: what a subject's licences cover is not asked for, and each showing is allowed for one purpose and a time.

What the core does not say is unknown, never "none": a draft then goes on with files.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cases.licence_store import LicenceUses, Wish
from core.licences import CoreLicences, Licence, LicenceState, Presentation, PresentationAsk
from kit.clock import now
from kit.errors import NotReached, Outside, Refused, Unknown

SOON = timedelta(days=30)  # how long before its end an expiry is told
FOR_A_CASE = timedelta(days=180)  # whoever handles it may look again after corrections
FOR_AN_ITEM = timedelta(days=30)  # shown at a window
PATIENCE = 2.0  # seconds a draft waits for the core's word on licences
_FRESH = 10.0  # seconds in which a draft that is typed in does not ask the core again
_MOST = 5_000  # subjects remembered
_RENEWALS = 20  # presentations of one licence for one request, one after the other


@dataclass(slots=True)
class Shelf:
    """Licences of a subject, as the core told them a moment ago. One per process."""

    core: CoreLicences
    _told: OrderedDict[str, tuple[float, tuple[Licence, ...]]] = field(default_factory=OrderedDict)

    async def of(self, subject_key: str, *, fresh: bool = False) -> tuple[Licence, ...] | None:
        """None: unknown now."""
        kept = self._told.get(subject_key)
        if kept is not None and not fresh and time.monotonic() - kept[0] < _FRESH:
            return kept[1]
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self.core.licences(subject_key)
        except (Outside, TimeoutError):
            return None
        self._told[subject_key] = (time.monotonic(), found)
        self._told.move_to_end(subject_key)
        if len(self._told) > _MOST:
            self._told.popitem(last=False)
        return found


@dataclass(frozen=True, slots=True)
class Licensing:
    """What showing a licence needs: the core's licences and our record of each use."""

    uses: LicenceUses
    core: CoreLicences
    shelf: Shelf


def is_valid(licence: Licence, at: datetime) -> bool:
    return licence.state is LicenceState.VALID and (licence.expires_at is None or at < licence.expires_at)


def expires_soon(licence: Licence, at: datetime) -> bool:
    return is_valid(licence, at) and licence.expires_at is not None and licence.expires_at - at <= SOON


def best(kind: str, licences: Sequence[Licence], at: datetime) -> Licence | None:
    """Of several of one type the one that is valid longest."""
    fitting = [one for one in licences if one.type == kind and is_valid(one, at)]
    return max(fitting, key=lambda one: (one.expires_at is None, one.expires_at or at, one.licence_id), default=None)


def covered(wanted: Sequence[Mapping[str, Any]], handed: Sequence[Mapping[str, Any]], licences: Sequence[Licence]) -> dict[str, Licence]:
    """Material -> the licence in its place. What the resident hands in some other way is theirs to decide; an own choice of licence counts."""
    at, by_id = now(), {one.licence_id: one for one in licences}
    chosen = {str(one["name"]): by_id.get(str(one.get("licence_id"))) for one in handed}
    found: dict[str, Licence] = {}
    for material in wanted:
        name, kind = str(material["name"]), material.get("licence_type")
        certain = kind if not material.get("only_if") else None  # a question still open: nothing is shown that may not be needed
        licence = chosen[name] if name in chosen else best(certain, licences, at) if certain else None
        if licence is not None and is_valid(licence, at):
            found[name] = licence
    return found


def presentation_id(*about: str) -> str:
    """The same for the same request and licence, in whatever process: never two."""
    return f"p_{hashlib.sha256(chr(10).join(about).encode()).hexdigest()[:40]}"


async def present(licensing: Licensing, wish: Wish) -> dict[str, Any]:
    """The use on record, presented: `_id`, `code`, `valid_until` … The second time asks the core nothing. Raises Refused, NotReached."""
    for renewal in range(_RENEWALS):
        one = wish if not renewal else replace(wish, presentation_id=presentation_id(wish.presentation_id, str(renewal)))
        row, is_new = await licensing.uses.begin(one)
        if row["state"] == "presented":
            if row["valid_until"] > now():
                return row
            continue  # it has run out: the next one
        return await _present(licensing, one, row, is_new=is_new)
    raise Refused("core", "licence_not_valid")


async def _present(licensing: Licensing, wish: Wish, row: dict[str, Any], *, is_new: bool) -> dict[str, Any]:
    own, licence_id = row["_id"], row["licence_id"]
    made: Presentation | None = None if is_new else await licensing.core.find_presentation(licence_id, own)
    if made is None:
        if row["state"] == "refused" or row["valid_until"] <= now():
            row = await licensing.uses.ask_anew(own, wish)
        try:
            made = await licensing.core.present(licence_id, _ask(row))
        except Refused as exc:
            await licensing.uses.refused(own, exc.reason)
            raise
        except Unknown:
            made = await licensing.core.find_presentation(licence_id, own)
            if made is None:
                raise NotReached("core", "presentation_not_seen_there") from None
    return await licensing.uses.presented(own, made.code, made.valid_until)


def _ask(row: Mapping[str, Any]) -> PresentationAsk:
    return PresentationAsk(
        presentation_id=row["_id"],
        subject=row["subject_key"],
        purpose=row["purpose"],
        item_code=row["item_code"],
        by_person_id=row["person_id"],
        valid_until=row["valid_until"],
    )
