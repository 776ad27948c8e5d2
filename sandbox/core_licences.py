"""The core's electronic licences: what a subject holds, and each authorised presentation of one."""

import secrets
from datetime import timedelta
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now, stamp
from sandbox.core_subjects import Subjects
from sandbox.faults import Faults
from sandbox.feed import next_seq
from sandbox.moments import moment
from sandbox.once import digest, is_id, is_text, wrong

Json = dict[str, Any]
STATES = ("valid", "expired", "revoked")
ISSUERS = {
    "居民身份证": "临江市公安局",
    "居民户口簿": "临江市公安局",
    "临江市居住证": "临江市公安局",
    "机动车驾驶证": "临江市公安局交通警察支队",
    "机动车行驶证": "临江市公安局交通警察支队",
    "结婚证": "临江市民政局",
    "离婚证": "临江市民政局",
    "出生医学证明": "临江市卫生健康委员会",
    "残疾人证": "临江市残疾人联合会",
    "社会保障卡": "临江市人力资源和社会保障局",
    "不动产权证书": "临江市自然资源局",
    "营业执照": "临江市市场监督管理局",
}
_RULES = {
    "presentation_id": is_id,
    "subject": is_text(8, 80),
    "purpose": is_text(1, 500),
    "item_code": is_text(1, 64),
    "by_person_id": is_text(1, 64),
    "valid_until": lambda value: (until := moment(value)) is not None and until > now(),
}


class Licences:
    def __init__(self, book: Book, subjects: Subjects, faults: Faults) -> None:
        self._book = book
        self._subjects = subjects
        self._faults = faults

    async def listed(self, request: Request) -> HTTPResponse:
        """GET /core/v1/licences?subject=: every licence, the newest first. Nobody is told whether a subject exists."""
        subject = request.args.get("subject") or ""
        if subject.partition(":")[0] not in ("person", "enterprise") or not subject.partition(":")[2]:
            return refused(422, "bad_request", "subject 应为 person:<编号> 或 enterprise:<统一社会信用代码>")
        return json({"licences": self.of(subject)})

    async def present(self, request: Request, licence_id: str) -> HTTPResponse:
        """POST /core/v1/licences/{licence_id}/presentations: 201 the first time, 200 with the same one again."""
        asked = body_of(request)
        if (bad := wrong(request, asked, _RULES, "presentation_id")) is not None:
            return bad
        known = self._book.get("presentation", asked["presentation_id"])
        if known is not None and known["digest"] != digest({**asked, "licence_id": licence_id}):
            return refused(422, "presentation_id_reused", "同一个 presentation_id 用在了不同的内容上")
        if known is not None and not self._faults.now["core"]["not_idempotent"]:
            return json(_told(known))
        licence = self.kept(licence_id)
        if licence is None:
            return refused(404, "unknown_licence", "没有这张证照")
        if licence["subject"] != asked["subject"] or not self._may_show(asked):
            return refused(403, "not_the_holder", "证照不属于这个主体，或经办人不能代表它")
        if licence["state"] != "valid":
            return refused(409, "licence_not_valid", "证照已过期或已吊销，不能出示")
        with self._book.together():
            return json(_told(self._present(asked, licence_id, known)), 201)

    async def look(self, request: Request, licence_id: str, presentation_id: str) -> HTTPResponse:
        """GET /core/v1/licences/{licence_id}/presentations/{presentation_id}"""
        known = self._book.get("presentation", presentation_id)
        if known is None or known["licence_id"] != licence_id:
            return refused(404, "unknown_presentation", "没有这次出示")
        return json(_told(known))

    async def issue(self, request: Request, person: str) -> HTTPResponse:
        """World control: POST /world/people/{person}/licences {type, name?, number?, issued_at?, expires_at?, subject?: uscc} -> licence"""
        asked, body = body_of(request), self._book.get("person", person)
        if body is None:
            return refused(404, "unknown_person", "没有这个人")
        bad = _problems(asked)
        if asked.get("subject") and all(one["uscc"] != asked["subject"] for one in self._subjects.current(person)):
            bad.append("subject 应为这个人代表的企业的统一社会信用代码")
        if bad:
            return refused(422, "bad_licence", "不能发这张证照", bad)
        subject = f"enterprise:{asked['subject']}" if asked.get("subject") else f"person:{person}"
        with self._book.together():
            return json(self._issue(asked, subject, body))

    async def change(self, request: Request, licence_id: str) -> HTTPResponse:
        """World control: PUT /world/core/licences/{licence_id} {state?, expires_at?}"""
        kept, asked = self._book.get("licence", licence_id), body_of(request)
        if kept is None:
            return refused(404, "unknown_licence", "没有这张证照")
        news: Json = {name: asked[name] for name in ("state", "expires_at") if name in asked}
        bad = [] if asked.get("state", "valid") in STATES else [f"state 应为 {'、'.join(STATES)}"]
        if asked.get("expires_at") is not None and moment(asked["expires_at"]) is None:
            bad.append("expires_at 应为带时区的时间")
        if bad or not news:
            return refused(422, "bad_licence", "不能这样改证照", bad or ["要写 state 或 expires_at"])
        self._book.put("licence", licence_id, {**kept, **news})
        self._book.write("core", "licence.changed", licence_id=licence_id, state=_today({**kept, **news})["state"])
        return json(self.kept(licence_id))

    def of(self, subject: str) -> list[Json]:
        mine = (self._book.get("licences_of", subject) or {"licences": []})["licences"]
        return [kept for one in reversed(mine) if (kept := self.kept(one)) is not None]

    def kept(self, licence_id: str) -> Json | None:
        found = self._book.get("licence", licence_id)
        return None if found is None else _today(found)

    def presented(self, presentation_id: str) -> Json | None:
        """What was authorised, with `licence`: as it is now."""
        known = self._book.get("presentation", presentation_id)
        return None if known is None else {**known, "licence": self.kept(known["licence_id"])}

    def _may_show(self, asked: Json) -> bool:
        kind, _, own = asked["subject"].partition(":")
        return self._subjects.entitled(asked["subject"], own if kind == "person" else asked["by_person_id"], asked["by_person_id"])

    def _present(self, asked: Json, licence_id: str, known: Json | None) -> Json:
        """`effective` is false for what a core that is not idempotent presented once more."""
        made = {**asked, "licence_id": licence_id}
        made = known or {**made, "digest": digest(made), "code": f"{secrets.randbelow(10**16):016d}", "at": stamp()}
        self._book.put("presentation", asked["presentation_id"], made)
        told = {name: made[name] for name in ("presentation_id", "licence_id", "subject", "item_code", "by_person_id", "valid_until")}
        self._book.write("core", "licence.presented", **told, effective=known is None)
        return made

    def _issue(self, asked: Json, subject: str, person: Json) -> Json:
        serial = next_seq(self._book, "licences")
        number = asked.get("number") or (person["id_number"] if asked["type"] == "居民身份证" else None)
        number = number or (subject.partition(":")[2] if asked["type"] == "营业执照" and subject.startswith("enterprise:") else None)
        licence = {
            "licence_id": f"L{now():%Y%m%d}{serial:06d}",
            "subject": subject,
            "type": asked["type"],
            "name": asked.get("name") or asked["type"],
            "number": number or f"9901{secrets.randbelow(10**12):012d}",
            "issuer": asked.get("issuer") or ISSUERS.get(asked["type"], "临江市政务服务和数据管理局"),
            "issued_at": asked.get("issued_at") or (now() - timedelta(days=400)).isoformat(timespec="seconds"),
            "expires_at": asked.get("expires_at"),
            "state": "valid",
        }
        mine = (self._book.get("licences_of", subject) or {"licences": []})["licences"]
        self._book.put("licence", licence["licence_id"], licence)
        self._book.put("licences_of", subject, {"licences": [*mine, licence["licence_id"]]})
        self._book.write("core", "licence.issued", licence_id=licence["licence_id"], subject=subject, type=licence["type"])
        return _today(licence)


def _today(licence: Json) -> Json:
    until = moment(licence["expires_at"])
    return {**licence, "state": "expired"} if licence["state"] == "valid" and until is not None and until <= now() else licence


def _told(known: Json) -> Json:
    return {name: known[name] for name in ("presentation_id", "licence_id", "code", "valid_until")}


def _problems(asked: Json) -> list[str]:
    bad = [] if is_text(1, 100)(asked.get("type")) else ["type 必填，如 居民身份证"]
    bad += [f"{name} 应为 1 到 100 个字" for name in ("name", "number", "issuer") if asked.get(name) is not None and not is_text(1, 100)(asked[name])]
    dates = [name for name in ("issued_at", "expires_at") if asked.get(name) is not None and moment(asked[name]) is None]
    return bad + [f"{name} 应为带时区的时间，如 2030-11-30T00:00:00+08:00" for name in dates]
