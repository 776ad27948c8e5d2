"""The core's word on who acts for whom: enterprises of a person, minors in their care."""

import re
import secrets
from datetime import date
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now
from sandbox.moments import moment
from sandbox.people import born_on, make_person, shown

Json = dict[str, Any]
ROLES = {"legal_representative": "法定代表人", "handler": "经办人"}
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
ADULT = 18  # years
_USCC = re.compile(f"[{ALPHABET}]{{18}}")
_NAMES = ("云帆", "星河", "青禾", "海棠", "长风", "朝阳", "听雨", "远山")
_TRADES = ("商贸", "餐饮管理", "科技", "物流", "文化传播", "建材", "医药", "园林")


def uscc_check(first17: str) -> str:
    """GB 32100."""
    total = sum(ALPHABET.index(sign) * pow(3, place, 31) for place, sign in enumerate(first17))
    return ALPHABET[(31 - total % 31) % 31]


def is_uscc(value: Any) -> bool:
    return isinstance(value, str) and _USCC.fullmatch(value) is not None and uscc_check(value[:17]) == value[17]


class Subjects:
    def __init__(self, book: Book, templates: dict[str, str]) -> None:
        self._book = book
        self._templates = templates

    async def enterprises(self, request: Request, person: str) -> HTTPResponse:
        """GET /core/v1/persons/{person_id}/enterprises: those of today. Nobody is told whether a person exists."""
        return json({"enterprises": self.current(person)})

    async def wards(self, request: Request, person: str) -> HTTPResponse:
        """GET /core/v1/persons/{person_id}/wards: those who are minors today."""
        return json({"wards": self.minors(person)})

    async def join(self, request: Request, person: str) -> HTTPResponse:
        """World control: POST /world/people/{person}/enterprises {name?, uscc?, role?, valid_until?}: into a new enterprise, or one that is there."""
        asked = body_of(request)
        if self._book.get("person", person) is None:
            return refused(404, "unknown_person", "没有这个人")
        if bad := self.problems(asked):
            return refused(422, "bad_enterprise", "不能这样登记", bad)
        with self._book.together():
            return json(self.joined(person, asked))

    async def leave(self, request: Request, person: str, uscc: str) -> HTTPResponse:
        """World control: DELETE /world/people/{person}/enterprises/{uscc}: they act for it no longer."""
        mine = self._members(person)
        if uscc not in mine:
            return refused(404, "unknown_enterprise", "这个人不在这家企业")
        self._book.put("enterprises_of", person, {name: role for name, role in mine.items() if name != uscc})
        return json({"removed": uscc})

    async def add_ward(self, request: Request, person: str) -> HTTPResponse:
        """World control: POST /world/people/{person}/wards {name?, born?, relation?} -> a new person, eight years old if nothing is said."""
        asked = body_of(request)
        if self._book.get("person", person) is None:
            return refused(404, "unknown_person", "没有这个人")
        relation = asked.get("relation", "子女")
        bad = [] if isinstance(relation, str) and 1 <= len(relation) <= 50 else ["relation 应为 1 到 50 个字"]
        today = now().date()
        born = asked.get("born", today.replace(year=today.year - 8, day=min(today.day, 28)).isoformat())
        wanted = {"born": born} | ({"name": asked["name"]} if asked.get("name") else {})
        made = bad or make_person(self._book, wanted, self._templates)
        if isinstance(made, list):
            return refused(422, "bad_person", "不能创建这个人", made)
        mine = (self._book.get("wards_of", person) or {"wards": []})["wards"]
        self._book.put("wards_of", person, {"wards": [*mine, {"person": made["person"], "relation": relation}]})
        return json({**shown(made), "relation": relation})

    def problems(self, asked: Json) -> list[str]:
        bad = [] if asked.get("role", "handler") in ROLES else [f"role 应为 {'、'.join(ROLES)}"]
        uscc, name, until = asked.get("uscc"), asked.get("name"), asked.get("valid_until")
        if uscc is not None and not is_uscc(uscc):
            bad.append("uscc 应为 18 位、校验正确的统一社会信用代码")
        if name is not None and not (isinstance(name, str) and 1 <= len(name) <= 100):
            bad.append("name 应为 1 到 100 个字")
        if until is not None and moment(until) is None:
            bad.append("valid_until 应为带时区的时间")
        return bad

    def joined(self, person: str, asked: Json) -> Json:
        """Inside the caller's transaction, once there are no `problems`. The first to join is its legal representative unless told otherwise."""
        uscc = asked.get("uscc") or self._free_uscc()
        known = self._book.get("enterprise", uscc)
        kept = {"uscc": uscc, "name": asked.get("name") or (known or {"name": _name()})["name"]}
        role = asked.get("role") or ("handler" if known else "legal_representative")
        self._book.put("enterprise", uscc, kept)
        member = {"role": role, "valid_until": asked.get("valid_until")}
        self._book.put("enterprises_of", person, {**self._members(person), uscc: member})
        return {**kept, **member}

    def current(self, person: str) -> list[Json]:
        """The enterprises this person acts for now."""
        found = []
        for uscc, member in self._members(person).items():
            until = moment(member["valid_until"])
            kept = self._book.get("enterprise", uscc)
            if kept is not None and (until is None or until > now()):
                found.append({**kept, **member})
        return found

    def minors(self, person: str) -> list[Json]:
        """The wards of this person who are minors now."""
        found = []
        for one in (self._book.get("wards_of", person) or {"wards": []})["wards"]:
            body = self._book.get("person", one["person"])
            if body is not None and _age(born_on(body["id_number"]), now().date()) < ADULT:
                about = {"person_id": body["person"], "name": body["name"], "id_number": body["id_number"]}
                found.append({**about, "relation": one["relation"]})
        return found

    def name_of(self, subject: str) -> str | None:
        """Who a subject is; None if there is none."""
        kind, _, own = subject.partition(":")
        body = self._book.get(kind, own) if kind in ("person", "enterprise") else None
        return None if body is None else str(body["name"])

    def entitled(self, subject: str, applicant: str, by: str) -> bool:
        """May `by` act for the subject, with this natural person as applicant? Grants between adults are not the core's to know."""
        kind, _, own = subject.partition(":")
        if self._book.get("person", by) is None:
            return False
        if kind == "person":
            return own == applicant and self._book.get("person", own) is not None
        return applicant == by and any(one["uscc"] == own for one in self.current(by))

    def _members(self, person: str) -> Json:
        return self._book.get("enterprises_of", person) or {}

    def _free_uscc(self) -> str:
        while True:
            first = "91990100" + "".join(secrets.choice(ALPHABET) for _ in range(9))
            uscc = first + uscc_check(first)
            if self._book.get("enterprise", uscc) is None:
                return uscc


def _name() -> str:
    return f"临江市{secrets.choice(_NAMES)}{secrets.choice(_TRADES)}有限公司"


def _age(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
