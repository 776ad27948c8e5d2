"""Ratings (好差评) at the core: one per case and stage, only by who is part of the case; and how a bad one ended. Each once."""

import re
from collections.abc import Callable
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, stamp
from sandbox.core_subjects import Subjects
from sandbox.faults import Faults
from sandbox.moments import moment
from sandbox.once import digest, is_id, is_text, wrong

Json = dict[str, Any]
REACHED = {"acceptance": ("accepted",), "result": ("approved", "rejected", "issued")}
ENDS = ("rectified", "unsatisfied", "mistaken")
_INDICATOR = re.compile(r"[a-z_]{2,40}")
_ASK: dict[str, Callable[[Any], bool]] = {
    "rating_id": is_id,
    "case_no": is_text(1, 50),
    "stage": lambda value: isinstance(value, str) and value in REACHED,
    "grade": lambda value: isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 5,
    "indicators": lambda value: (
        isinstance(value, list) and len(value) <= 20 and all(isinstance(one, str) and _INDICATOR.fullmatch(one) for one in value)
    ),
    "text": is_text(0, 20_000),
    "person_id": is_id,
    "channel": is_text(1, 20),
    "rated_at": lambda value: moment(value) is not None,
}
_OUTCOME: dict[str, Callable[[Any], bool]] = {
    "state": lambda value: value in ENDS,
    "text": is_text(0, 20_000),
    "at": lambda value: moment(value) is not None,
}


class CoreRatings:
    """`not_idempotent` makes it write a known rating into its ledger a second time, with `effective` false."""

    def __init__(self, book: Book, subjects: Subjects, faults: Faults) -> None:
        self._book = book
        self._subjects = subjects
        self._faults = faults

    async def rate(self, request: Request) -> HTTPResponse:
        """POST /core/v1/ratings: 201 the first time, 200 with the rating as it is now again."""
        asked = {"indicators": [], "text": "", **body_of(request)}
        if (bad := wrong(request, asked, _ASK, "rating_id")) is not None:
            return bad
        known = self._book.get("rating", asked["rating_id"])
        if known is not None:
            return self._again(known, asked)
        case = self._book.get("case", asked["case_no"])
        if case is None:
            return refused(404, "unknown_case", "没有这个办件")
        if not self._is_theirs(case, asked["person_id"]):
            return refused(409, "not_their_case", "不是这个办件的申请人或经办人，不能评价")
        if not any(one["state"] in REACHED[asked["stage"]] for one in case["timeline"]):
            return refused(409, "stage_not_reached", "办件还没有到这个环节，不能评价")
        place = f"{asked['case_no']}|{asked['stage']}"
        if self._book.get("rating_of", place) is not None:
            return refused(409, "already_rated", "这个办件的这个环节已经评价过")
        rating = {**{name: asked[name] for name in _ASK}, "outcome": None}
        with self._book.together():
            self._book.put("rating", asked["rating_id"], {"digest": digest(asked), "told": rating, "at": stamp()})
            self._book.put("rating_of", place, {"rating_id": asked["rating_id"]})
            self._write(rating, effective=True)
        return json(rating, 201)

    async def look(self, request: Request, rating_id: str) -> HTTPResponse:
        kept = self._book.get("rating", rating_id)
        return refused(404, "unknown_rating", "没有这个评价") if kept is None else json(kept["told"])

    async def end(self, request: Request, rating_id: str) -> HTTPResponse:
        """POST /core/v1/ratings/{rating_id}/outcome {state, text, at}: the rating. It stays as it was first told."""
        asked, kept = body_of(request), self._book.get("rating", rating_id)
        bad = [name for name, fits in _OUTCOME.items() if not fits(asked.get(name))]
        if bad or request.headers.get("idempotency-key") != rating_id:
            return refused(422, "bad_request", "参数不对，或 Idempotency-Key 与 rating_id 不一致", bad)
        if kept is None:
            return refused(404, "unknown_rating", "没有这个评价")
        before = kept["told"]["outcome"]
        if before is not None and (before["state"], before["text"]) == (asked["state"], asked["text"]):
            return json(kept["told"])
        if before is not None:
            return refused(409, "outcome_known", "这个评价已经有了另一个结果")
        told = {**kept["told"], "outcome": {name: asked[name] for name in _OUTCOME}}
        with self._book.together():
            self._book.put("rating", rating_id, {**kept, "told": told})
            self._book.write("core", "rating.ended", rating_id=rating_id, case_no=told["case_no"], state=asked["state"])
        return json(told)

    async def listed(self, request: Request) -> HTTPResponse:
        """World control: GET /world/core/ratings: the newest first, with who rated and for what."""
        newest = sorted((one for _, one in self._book.every("rating")), key=lambda one: one["at"], reverse=True)[:200]
        return json({"ratings": [self._shown(one["told"]) for one in newest]})

    def _shown(self, told: Json) -> Json:
        case, person = self._book.get("case", told["case_no"]) or {}, self._book.get("person", told["person_id"]) or {}
        return {**told, "item_name": case.get("item_name"), "person": person.get("name")}

    def _is_theirs(self, case: Json, person_id: str) -> bool:
        """The applicant, whoever filed it for them, or who holds it: the person, or who acts for the enterprise now."""
        content = self._book.get("case_content", case["case_no"]) or {}
        if person_id in (content.get("person"), content.get("by_person_id")):
            return True
        subject = content.get("subject")
        return subject is not None and self._subjects.entitled(subject, person_id, person_id)

    def _again(self, known: Json, asked: Json) -> HTTPResponse:
        if known["digest"] != digest(asked):
            return refused(422, "rating_id_reused", "同一个 rating_id 用在了不同的内容上")
        if self._faults.now["core"]["not_idempotent"]:
            self._write(known["told"], effective=False)
            return json(known["told"], 201)
        return json(known["told"])

    def _write(self, told: Json, **more: Any) -> None:
        self._book.write("core", "rating.given", **{name: told[name] for name in ("rating_id", "case_no", "stage", "grade", "channel")}, **more)
