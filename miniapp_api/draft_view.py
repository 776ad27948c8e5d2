"""Story: a draft as it stands today: under its item's form of now, with the materials its situations leave and the licences that cover some of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cases import drafts, hand_over, precheck
from cases.draft_store import seen
from cases.file_store import Owner
from cases.forms import FormChange, fields
from cases.joint import merged, own_materials, share
from cases.licences import covered
from cases.precheck import Facts, Found, Own
from cases.submit import Part
from content import situations
from content.closures import Closure, first_of
from content.standing import standing, to_apply
from core.licences import Licence
from core.subjects import enterprise_key
from core.types import Applicant
from kit.errors import Conflict, Outside
from miniapp_api import joint_item
from miniapp_api.wiring import Deps
from residents.sessions import Caller

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """`draft` is fitted to `item`. `changes`: of the form since the draft was begun. `facts`: what the rules look at.

    `closed`: an item of it cannot be applied for online just now; the draft stays.
    """

    draft: Json
    item: Json
    changes: list[FormChange]
    facts: Facts
    closed: Closure | None = None

    @property
    def parts(self) -> list[Part]:
        """What would be filed: of several items together, after the core refused some, only those."""
        found = []
        for one in self.facts.own:
            item = (one.item["code"], one.item["version"], one.item["name"], one.item.get("kind"))
            options = joint_item.options_of(dict(one.item), self.draft["situations"])
            covers = hand_over.wanted_covers(situations.shown(dict(one.item), options) or [], one.materials)
            found.append(Part(item, one.answers, one.materials, covers))
        return found


async def view(deps: Deps, draft: Json, owner: Owner, *, to_submit: bool = False) -> View:
    """`to_submit`: raises Conflict when its item has ended or is closed for online handling; otherwise what was typed can still be read."""
    item = await item_of(deps, draft, to_submit=to_submit)
    before = None if draft["items"] == now_seen(item) else await form_as(deps, draft, draft["items"])
    begun = before if draft["begun_with"] == draft["items"] else await form_as(deps, draft, draft["begun_with"])
    fitted = drafts.fitted(draft, item, before)
    wanted = wanted_of(item, draft["situations"])
    licences = await licences_for(deps, wanted, fitted["materials"], owner)
    facts = Facts(item, wanted, licences, covered(wanted, fitted["materials"], licences or ()), own_of(fitted, item))
    return View(fitted, item, drafts.form_changes(begun, item), facts, await closure_of(deps, draft))


async def closure_of(deps: Deps, draft: Json) -> Closure | None:
    """What keeps an open draft from being handed in just now."""
    if draft["state"] != "open":
        return None
    return first_of(list((await deps.content.closures.of_all(to_hand_in(draft))).values()))


def to_hand_in(draft: Json) -> list[str]:
    """Codes of the items; of several, after the core refused some, only those."""
    return list(draft["again"] or [one["code"] for one in draft["begun_with"]])


async def item_of(deps: Deps, draft: Json, *, to_submit: bool) -> Json:
    """Also one that is no longer in effect: a draft can still be read, and what was typed is not lost."""
    again = set(to_hand_in(draft))
    found = [
        await to_apply(deps.content, one["code"]) if to_submit and one["code"] in again else (await standing(deps.content, one["code"])).item
        for one in draft["begun_with"]
    ]
    return found[0] if draft["project_code"] is None else await together(deps, draft["project_code"], draft["item_name"], found)


async def together(deps: Deps, project_code: str, name: str, items: Sequence[Json]) -> Json:
    """With the operators' word on which papers are the same, where it can be read."""
    return joint_item.joint_item(project_code, name, items, await deps.packages.same_papers())


def now_seen(item: Json) -> list[Json]:
    return [dict(seen(part)) for part in drafts.parts_of(item)]


async def form_as(deps: Deps, draft: Json, items: Sequence[Mapping[str, Any]]) -> Json | None:
    """The form of these versions; None where the catalogue keeps one of them no longer."""
    rows = [await deps.content.item_version(one["code"], one["version"]) for one in items]
    forms = [row["item"]["form"] for row in rows if row is not None]
    if len(forms) < len(rows):
        return None
    return forms[0] if draft["project_code"] is None else merged(draft["item_name"], forms).form


def own_of(draft: Json, item: Json) -> list[Own]:
    """What each item is given; of several, after the core refused some, only those."""
    places = {str(one["name"]): f"materials.{place}" for place, one in enumerate(draft["materials"])}
    if draft["project_code"] is None:
        return [Own(item, draft["answers"], draft["materials"], {}, places)]
    names = joint_item.papers(item["parts"], item["same"], []).names
    found = []
    for part in item["parts"]:
        if draft["again"] and part["code"] not in draft["again"]:
            continue
        own_names, fields_of = names[part["code"]], item["names"][part["code"]]
        at = {own: places[common] for common, owns in own_names.items() for own in owns if common in places}
        answers = share(draft["answers"], fields_of, part["form"])
        found.append(Own(part, answers, own_materials(draft["materials"], own_names), fields_of, at))
    return found


def wanted_of(item: Json, options: Sequence[str]) -> list[Json]:
    """Options of an earlier version that are no more hide nothing."""
    if "parts" in item:
        return joint_item.papers(item["parts"], item["same"], options).wanted
    return situations.shown(item, joint_item.options_of(item, options)) or []


def check_situations(item: Json, options: Sequence[str]) -> None:
    """Raises Invalid."""
    joint_item.check_situations(list(drafts.parts_of(item)), options)  # type: ignore[arg-type]  # items are plain dicts here


async def licences_for(deps: Deps, wanted: Sequence[Json], handed: Sequence[Mapping[str, Any]], owner: Owner) -> Sequence[Licence] | None:
    """The subject's licences, where any could matter; None while the core does not tell. Nobody has some before their real name is known."""
    if owner.person_id is None or not (any(one.get("licence_type") for one in wanted) or any(one.get("licence_id") for one in handed)):
        return ()
    return await deps.applying.licensing.shelf.of(owner.key)


async def found_by_us(deps: Deps, shown: View, owner: Owner) -> list[Found]:
    """Form, materials and files of everything the draft is for."""
    return await precheck.local(deps.applying.over, deps.applying.checks, shown.draft, shown.facts, owner)


async def known(deps: Deps, caller: Caller, item: Json) -> dict[str, str | None]:
    """What need not be typed again, by the words of `x-prefill`. What the core does not tell at once is typed."""
    resident = await deps.residents.resident(caller.resident_id)
    if resident is None:
        raise Conflict("resident_unknown", "请重新登录后再试")
    if caller.person_id is None or caller.subject is None:
        return {"phone": resident.phone}
    found: dict[str, str | None] = {"phone": resident.phone}
    try:
        named = await deps.applying.filing.people.applicant(caller.subject.key, caller.person_id, caller.resident_id)
        found |= {"name": named.name, "id_number": named.id_number}
        if caller.subject.role == "enterprise":
            found |= await _enterprise(deps, caller.person_id, caller.subject.key, item)
    except Outside:
        pass
    return found


async def _enterprise(deps: Deps, person_id: str, subject_key: str, item: Json) -> dict[str, str | None]:
    asked = {spec.get("x-prefill") for spec in fields(item["form"]).values()}
    name = None
    if "enterprise_name" in asked:
        own = await deps.acting.kin.enterprises(person_id)
        name = next((one.name for one in own if enterprise_key(one.uscc) == subject_key), None)
    return {"uscc": subject_key.partition(":")[2], "enterprise_name": name}


async def found_by_core(deps: Deps, shown: View, applicant: Applicant, subject_key: str) -> list[Found] | None:
    """None while the core does not say."""
    return await precheck.by_core(deps.applying.over, shown.facts.own, applicant, subject_key)
