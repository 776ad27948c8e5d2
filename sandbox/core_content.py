"""What is filed, corrected or looked at beforehand: whether the core can take it, and what a clerk reads of it."""

from typing import Any

from sanic import HTTPResponse

from sandbox.answers import refused
from sandbox.book import Book, now
from sandbox.core_files import Files
from sandbox.core_licences import Licences
from sandbox.core_subjects import Subjects
from sandbox.moments import moment

Json = dict[str, Any]
_OPTIONAL = {"subject": 80, "by_person_id": 64, "project_code": 64, "joint_id": 64}
_HAND_IN = ("window", "courier", "online")


class Content:
    def __init__(self, book: Book, subjects: Subjects, licences: Licences, files: Files) -> None:
        self._book = book
        self._subjects = subjects
        self._licences = licences
        self._files = files

    def wrong_applicant(self, asked: Json) -> HTTPResponse | None:
        """A refusal unless the applicant is whom the core knows, and may act for the subject."""
        bad = [name for name, most in _OPTIONAL.items() if asked.get(name) is not None and not _is_short(asked[name], most)]
        if bad:
            return refused(422, "bad_request", "参数不对", bad)
        applicant = asked["applicant"]
        person = self._book.get("person", str(applicant.get("person_id")))
        if person is None or (person["name"], person["id_number"]) != (applicant.get("name"), applicant.get("id_number")):
            return refused(422, "unknown_applicant", "申请人与平台登记的身份不符")
        own = person["person"]
        if not self._subjects.entitled(asked.get("subject") or f"person:{own}", own, asked.get("by_person_id") or own):
            return refused(403, "not_entitled", "经办人不能代表这个申请主体")
        return None

    def wrong_materials(self, materials: list[Any], item_code: str, subjects: set[str]) -> HTTPResponse | None:
        """A refusal for the first thing the core does not hold. `subjects`: whose licences may be shown."""
        for one in materials:
            if not isinstance(one, dict) or not _is_short(one.get("name"), 500) or one.get("hand_in") not in _HAND_IN:
                return refused(422, "bad_request", "材料要写 name 和 hand_in", ["materials"])
            if any(not isinstance(file, dict) or self._files.kept(file.get("sha256")) is None for file in one.get("files") or []):
                return refused(422, "unknown_file", f"材料“{one['name']}”的文件还没有收到")
            why = self._no_licence(one.get("presentation"), item_code, subjects)
            if why is not None:
                code = {"没有这次出示": (422, "unknown_presentation"), "证照已失效": (409, "licence_not_valid")}[why]
                return refused(*code, f"材料“{one['name']}”：{why}")
        return None

    def findings(self, materials: list[Any], item_code: str, subjects: set[str]) -> list[Json]:
        """The same, as findings of a pre-check: all of them."""
        found = []
        for one in materials:
            if not isinstance(one, dict):
                continue
            about = {"target": "material", "name": str(one.get("name", ""))}
            if any(not isinstance(file, dict) or self._files.kept(file.get("sha256")) is None for file in one.get("files") or []):
                found.append({**about, "problem": "文件还没有传到政务平台", "fix": "请稍后再试，或重新上传"})
            why = self._no_licence(one.get("presentation"), item_code, subjects)
            if why is not None:
                found.append({**about, "problem": f"{why}，不能代替这份材料", "fix": "请重新授权，或上传材料"})
        return found

    def told(self, materials: list[Any]) -> list[Json]:
        """As a clerk reads them: files with what was received, presentations with the licence behind them."""
        return [{**one, "presentation": self._shown(one.get("presentation"))} for one in materials if isinstance(one, dict)]

    def name_of(self, subject: str) -> str | None:
        return self._subjects.name_of(subject)

    def _no_licence(self, shown: Any, item_code: str, subjects: set[str]) -> str | None:
        """Why this presentation gives no licence; None if it does, or if there is none."""
        if shown is None:
            return None
        known = self._licences.presented(str(shown.get("presentation_id"))) if isinstance(shown, dict) else None
        if known is None or (known["licence_id"], known["item_code"]) != (shown.get("licence_id"), item_code) or known["subject"] not in subjects:
            return "没有这次出示"
        licence, until = known["licence"], moment(known["valid_until"])
        return None if licence is not None and licence["state"] == "valid" and until is not None and until > now() else "证照已失效"

    def _shown(self, shown: Any) -> Json | None:
        known = self._licences.presented(str(shown.get("presentation_id"))) if isinstance(shown, dict) else None
        if known is None:
            return None
        about = {name: known[name] for name in ("presentation_id", "licence_id", "code", "purpose", "valid_until")}
        licence = known["licence"] or {}
        return {**about, **{name: licence.get(name) for name in ("name", "number", "state")}}


def _is_short(value: Any, most: int) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= most
