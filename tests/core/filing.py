"""What a whole and right filing looks like, for the tests of our client."""

import hashlib
from datetime import timedelta
from typing import Any

from core.case_acts import FileRef, HandedIn, PresentationRef, Submission
from core.licences import Licence, PresentationAsk
from core.types import Applicant
from kit.clock import now
from kit.ids import new_id
from tests.sandbox.outside import Json, Outside


def applicant(person: Json) -> Applicant:
    return Applicant(person_id=person["person"], name=person["name"], id_number=person["id_number"])


def submission(item: Json, person: Json, **other: Any) -> Submission:
    fields = {
        "request_id": new_id("q"),
        "item_code": item["code"],
        "item_version": item["version"],
        "applicant": applicant(person),
        "answers": {"reason": "遗失"},
        "materials": (HandedIn(name="申请表", hand_in="window"),),
        "channel": "wechat",
    }
    return Submission.model_validate(fields | other)


def file(body: bytes, name: str = "申请表 1.pdf") -> FileRef:
    return FileRef(sha256=hashlib.sha256(body).hexdigest(), name=name, size=len(body), media_type="application/pdf")


def showing(licence: Licence, item: Json, by: Json, **other: Any) -> PresentationAsk:
    fields = {
        "presentation_id": new_id("p"),
        "subject": licence.subject,
        "purpose": "代替复印件",
        "item_code": item["code"],
        "by_person_id": by["person"],
        "valid_until": now() + timedelta(days=30),
    }
    return PresentationAsk.model_validate(fields | other)


def with_licence(shown: PresentationAsk, licence: Licence) -> HandedIn:
    ref = PresentationRef(presentation_id=shown.presentation_id, licence_id=licence.licence_id)
    return HandedIn(name="居民身份证", hand_in="online", presentation=ref)


async def some_item(world: Outside) -> Json:
    item: Json = (await world.core("GET", "/items?limit=1")).json["records"][0]
    return item


async def written(world: Outside, kind: str, **about: Any) -> list[Json]:
    """Lines of the core's ledger of this kind, about these."""
    return [one for one in await world.ledger("core") if one["kind"] == kind and all(one[name] == value for name, value in about.items())]
