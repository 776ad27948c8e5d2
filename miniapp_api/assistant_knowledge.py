"""What the assistant may look at: the live catalogue, and the resident's own cases and bills. `bot` declares what it needs, this is where it comes from."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from bot.knowledge import Candidate, Findings, OwnBill, OwnCase
from cases.states import TEXTS
from cases.store import Cases
from content.catalogue import Catalogue
from content.certainty import CERTAIN, TOPICAL
from content.listing import Filters
from content.search import Answer
from core.bills import BillState
from core.subjects import person_key
from core.types import CaseState
from kit.clock import at_edge, now
from kit.errors import Invalid, NotFound, Outside
from kit.money import yuan
from payments.paying import Paying
from payments.states import bill_text
from residents.store import Residents

CANDIDATES = 8


class CatalogueKnowledge:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def find(self, question: str, region: str | None) -> Findings:
        return findings(lambda filters: self._catalogue.finder.find(question, filters, 0, CANDIDATES, counted=False), region)

    def region_in(self, question: str) -> str | None:
        named = {code for name, code in self._catalogue.finder.region_names().items() if name in question}
        return named.pop() if len(named) == 1 else None

    async def guide(self, code: str, options: Sequence[str] = ()) -> Mapping[str, Any] | None:
        try:
            guide: dict[str, Any] = orjson.loads(await self._catalogue.guide(code, ",".join(options) or None))
        except NotFound:
            return None
        except Invalid:  # the item's questions have changed since they were answered
            return await self.guide(code)
        return guide


def findings(find: Callable[[Filters], Answer], region: str | None) -> Findings:
    """What a region has, with what its city and province have for it; when that is nothing, what there is anywhere."""
    answer = find(Filters(region=region))
    if not answer.hits and region is not None:
        answer = find(Filters())
    found = tuple(Candidate(one.code, one.name, one.department, one.region) for one in answer.hits)
    return Findings(found, bool(found) and answer.certainty >= CERTAIN, answer.topical >= TOPICAL)


class OwnMatters:
    """Cases and bills as the signed-in resident may see them: of the person behind the session, and of nobody else."""

    def __init__(self, residents: Residents, cases: Cases, paying: Paying) -> None:
        self._residents = residents
        self._cases = cases
        self._paying = paying

    async def progress(self, resident_id: str) -> Sequence[OwnCase]:
        resident = await self._residents.resident(resident_id)
        if resident is None or resident.person_id is None:
            return []
        return [_own(row) for row in await self._cases.cases(person_key(resident.person_id), None, 10)]

    async def bills(self, resident_id: str) -> Sequence[OwnBill] | None:
        resident = await self._residents.resident(resident_id)
        if resident is None or resident.person_id is None:
            return []
        try:
            bills = await self._paying.core.bills(resident.person_id, "all")
        except Outside:
            return None
        live = await self._paying.orders.live_of([bill.bill_id for bill in bills])
        told = [(bill, live.get(bill.bill_id)) for bill in bills]
        told.sort(key=lambda one: one[0].state is not BillState.UNPAID)
        return [OwnBill(bill.title, yuan(bill.amount_fen), bill_text(bill, order), bill.case_no, at_edge(now())) for bill, order in told]


def _own(row: dict[str, Any]) -> OwnCase:
    moved = row.get("moved_at") or row.get("submitted_at") or row["created_at"]
    state = TEXTS[CaseState(row["state"])]
    return OwnCase(row["case_no"], row["item_code"], row["item_version"], row["item_name"], state, at_edge(moved))
