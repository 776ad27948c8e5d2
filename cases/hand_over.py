"""Papers on their way to the core: files are put there first, licences are presented, and what is said of them is the same at every attempt.

A material of a case is {name, hand_in, files: [file ids], licence_id, cover: a licence type that would do, where nothing else was handed in}.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from cases import files
from cases.drafts import file_ids
from cases.file_keeping import FileFact, Filekeeping, fact_of
from cases.file_store import Owner
from cases.licence_store import Wish
from cases.licences import FOR_A_CASE, Licensing, best, present, presentation_id
from core.case_acts import CoreCaseActs, FileRef, HandedIn, PresentationRef
from core.licences import Licence
from kit.clock import now
from kit.errors import NotFound, Refused, Unknown
from kit.mongo import PyMongoError
from kit.outbox import LEASE, Outbox, Row

NO_LICENCE = frozenset({"licence_not_valid", "unknown_licence", "not_the_holder"})


@dataclass(frozen=True, slots=True)
class HandOver:
    """What it needs. `hands`: files held in memory at a time, up to 20 MB each: the core's call is signed over the whole of them."""

    files: Filekeeping
    acts: CoreCaseActs
    licensing: Licensing
    hands: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))


@dataclass(frozen=True, slots=True)
class About:
    """What papers are handed over for."""

    owner: Owner
    item_code: str
    item_name: str
    request_id: str


def wanted_covers(wanted: Sequence[Mapping[str, Any]], handed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a licence would do for and nobody handed in: settled by `choose_licences` once the core tells what there is."""
    given = {str(one["name"]) for one in handed}
    open_ones = [one for one in wanted if one.get("licence_type") and not one.get("only_if") and str(one["name"]) not in given]
    return [{"name": one["name"], "hand_in": "online", "files": [], "licence_id": None, "cover": one["licence_type"]} for one in open_ones]


async def choose_licences(licensing: Licensing, subject_key: str, materials: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """With a licence wherever one covers; what none covers is left out, as if nobody had mentioned it. Raises NotReached, Refused."""
    licences: Sequence[Licence] = await licensing.core.licences(subject_key) if any(one.get("cover") for one in materials) else ()
    found = []
    for one in materials:
        licence = best(str(one["cover"]), licences, now()) if one.get("cover") else None
        if licence is not None:
            found.append({**_plain(one), "licence_id": licence.licence_id})
        elif not one.get("cover"):
            found.append(_plain(one))
    return found


async def bring(over: HandOver, materials: Sequence[Mapping[str, Any]]) -> dict[str, FileFact]:
    """Every file lies with the core afterwards. File id -> what it is. Raises Refused for a file that is gone, NotReached, Unknown."""
    facts: dict[str, FileFact] = {}
    for file_id in sorted(file_ids(materials)):
        row = await over.files.store.any_file(file_id)
        if row is None or row["state"] != "ready":
            raise Refused("files", "file_gone")
        facts[file_id] = fact_of(row)
    for fact in {one.sha256: one for one in facts.values()}.values():
        if await over.acts.find_file(fact.sha256) is None:
            await _put(over, fact)
    return facts


async def show_licences(over: HandOver, materials: Sequence[Mapping[str, Any]], about: About) -> dict[str, PresentationRef]:
    """Licence id -> its presentation for this request: made now, if there is none. Raises Refused, NotReached."""
    until, purpose = now() + FOR_A_CASE, f"办理“{about.item_name}”"[:500]
    shown: dict[str, PresentationRef] = {}
    chosen = list(dict.fromkeys(str(one["licence_id"]) for one in materials if one.get("licence_id")))
    names = {one.licence_id: one.name for one in (await over.licensing.shelf.of(about.owner.key) if chosen else None) or ()}
    for licence_id in chosen:
        own = presentation_id(about.request_id, licence_id)
        wish = Wish(own, licence_id, about.owner, about.item_code, about.item_name, purpose, until, names.get(licence_id, ""), about.request_id)
        row = await present(over.licensing, wish)
        shown[licence_id] = PresentationRef(presentation_id=row["_id"], licence_id=licence_id)
    return shown


def told(
    materials: Sequence[Mapping[str, Any]], facts: Mapping[str, FileFact], shown: Mapping[str, PresentationRef] | None = None
) -> tuple[HandedIn, ...]:
    """As the core takes them."""
    return tuple(
        HandedIn(
            name=one["name"],
            hand_in=one["hand_in"],
            files=tuple(_ref(facts[file_id]) for file_id in one.get("files") or ()),
            presentation=(shown or {}).get(str(one.get("licence_id"))),
        )
        for one in materials
    )


@asynccontextmanager
async def held(outbox: Outbox, row: Row) -> AsyncIterator[None]:
    """The row stays ours as long as this takes: large files outlast a lease. Should this process die, the lease ends by itself."""

    async def again() -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            with suppress(PyMongoError):
                if not await outbox.hold(row):
                    return

    holding = asyncio.create_task(again())
    try:
        yield
    finally:
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


async def _put(over: HandOver, fact: FileFact) -> None:
    """By its hash, so that twice is once."""
    async with over.hands:
        body = bytearray()
        try:
            async for piece in files.open_content(over.files, fact.id):
                body += piece
        except NotFound as exc:
            raise Refused("files", "file_gone") from exc
        if hashlib.sha256(body).hexdigest() != fact.sha256:
            raise Refused("files", "file_gone")
        try:
            await over.acts.put_file(_ref(fact), bytes(body))
        except Unknown:
            if await over.acts.find_file(fact.sha256) is None:
                raise


def _ref(fact: FileFact) -> FileRef:
    return FileRef(sha256=fact.sha256, name=fact.name[:255], size=fact.size, media_type=fact.media_type)


def _plain(material: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in material.items() if name != "cover"}
