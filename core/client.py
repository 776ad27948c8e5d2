"""The only door to the core platform. Signs, bounds, parses; nothing foreign passes above it.

Raises kit.errors.NotReached (it did nothing), Unknown (it may have acted: ask before repeating) and Refused (it said no).
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import orjson
from pydantic import BaseModel, ValidationError

from core.signature import Algorithm, sign_call
from core.types import Applicant, Case, Challenge, RawEventPage, RawPage
from kit.errors import NotReached, Outside, Refused, Unknown
from kit.http import Http, Reply, repeated
from kit.ids import new_nonce

PARTY = "core"
AWAY_AT_MOST = timedelta(days=30)  # as long a word to it is tried again; afterwards somebody has to look
# Our key, our clock or their load, never the content of the request: an application must not be closed for it.
_TURNED_AWAY = {401: "signature_refused", 403: "not_allowed", 408: "too_slow", 429: "busy"}
# The only words of a 403 that are about the content of the request, and so a clear no.
_NOT_THEIRS = frozenset({"not_the_holder", "not_entitled"})
# The HTTP client sends these signs as they are, however they are written, and what is sent is what must be signed.
_PLAIN_IN_QUERY = "!$'()*,/:?@"
_PLAIN_IN_PATH = "!$&'()*,:;=@"
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class CoreAccount:
    """`url` ends before `/core/v1`'s first path segment, e.g. https://core.example.gov.cn/core/v1."""

    url: str
    client_id: str
    secret: bytes
    algorithm: Algorithm = "sha256"


class Core:
    """Contract v1 (core/contract.yaml). Reads are repeated a few times; a submit never is without asking first.

    Its other parts: core/money.py, core/subjects.py, core/licences.py, core/case_acts.py.
    """

    def __init__(self, http: Http, account: CoreAccount) -> None:
        self._http = http
        self._account = account

    async def items_page(self, cursor: str, limit: int = 200) -> RawPage:
        """Records after `cursor` ("" from the start). Raises Unknown when the page itself cannot be read."""
        return parsed(await self.read("/items", {"cursor": cursor, "limit": str(limit)}, seconds=20), RawPage)

    async def publications_page(self, cursor: str, limit: int = 40) -> RawPage:
        """Like `items_page`; fewer a page, because a policy may be long."""
        return parsed(await self.read("/publications", {"cursor": cursor, "limit": str(limit)}, seconds=20), RawPage)

    async def events_page(self, cursor: str, limit: int = 200) -> RawEventPage:
        return parsed(await self.read("/events", {"cursor": cursor, "limit": str(limit)}), RawEventPage)

    async def start_challenge(self, name: str, id_number: str, channel: str) -> Challenge:
        """Ask the core to let the owner of this name and number confirm. Says nothing about whether the pair exists."""
        body = orjson.dumps({"name": name, "id_number": id_number, "channel": channel})
        return parsed(await self.post("/identity/challenges", body), Challenge)

    async def challenge(self, challenge: str) -> Challenge:
        return parsed(await self.read(f"/identity/challenges/{segment(challenge)}"), Challenge)

    async def submit(
        self,
        request_id: str,
        item: tuple[str, int],
        applicant: Applicant,
        answers: dict[str, Any],
        materials: list[dict[str, Any]],
        channel: str,
    ) -> Case:
        """File a case once. `item` is (code, version). After Unknown, call `find_case` before calling this again."""
        content = {
            "request_id": request_id,
            "item_code": item[0],
            "item_version": item[1],
            "applicant": applicant.model_dump(),
            "answers": answers,
            "materials": materials,
            "channel": channel,
        }
        return parsed(await self.post("/cases", orjson.dumps(content), request_id, seconds=6), Case)

    async def find_case(self, request_id: str) -> Case | None:
        """What became of a submit whose reply was lost."""
        found = (await self.read("/cases", {"request_id": request_id})).json().get("cases")
        if not isinstance(found, list):
            raise Unknown(PARTY, "garbled_reply")
        return _case(found[0]) if found else None

    async def case(self, case_no: str) -> Case:
        return parsed(await self.read(f"/cases/{segment(case_no)}"), Case)

    async def read(self, path: str, query: dict[str, str] | None = None, seconds: float = 5) -> Reply:
        """A 2xx answer, within `seconds` and three attempts. Raises NotReached, Refused; never Unknown."""

        async def once() -> Reply:
            return _accepted(
                await self._send("GET", path + (f"?{urlencode(query, safe=_PLAIN_IN_QUERY)}" if query else ""), b"", {}, seconds=seconds)
            )

        try:
            return await repeated(once, on=(Unknown,), attempts=3, seconds=seconds)
        except Refused:
            raise
        except Outside as exc:
            raise NotReached(PARTY, exc.reason) from exc  # a read changes nothing there

    async def post(self, path: str, body: bytes, key: str | None = None, seconds: float = 5) -> Reply:
        """A 2xx answer to one attempt. `key` makes it the same act however often it is asked. Raises NotReached, Unknown, Refused."""
        return _accepted(await self._send("POST", path, body, {"Idempotency-Key": key} if key else {}, seconds=seconds))

    async def put(self, path: str, body: bytes, headers: dict[str, str], seconds: float) -> Reply:
        """A 2xx answer to one attempt to bring raw bytes. Raises NotReached, Unknown, Refused."""
        return _accepted(await self._send("PUT", path, body, headers, seconds=seconds))

    async def _send(self, method: str, path: str, body: bytes, more: dict[str, str], seconds: float) -> Reply:
        url = self._account.url + path
        timestamp, nonce = str(int(time.time())), new_nonce()
        target = urlsplit(url).path + (f"?{urlsplit(url).query}" if urlsplit(url).query else "")
        headers = {
            "Content-Type": "application/json",
            "X-Core-Client": self._account.client_id,
            "X-Core-Timestamp": timestamp,
            "X-Core-Nonce": nonce,
            "X-Core-Signature": sign_call(self._account.secret, self._account.algorithm, timestamp, nonce, method, target, body),
        }
        return await self._http.send(PARTY, method, url, headers=headers | more, body=body or None, seconds=seconds)


def _accepted(reply: Reply) -> Reply:
    """2xx passes. A turned-away call did nothing and may come again; a 4xx with the core's own code is a clear no.

    Without that code (a gateway's 404 while what stands behind it is exchanged), and after 5xx, it may have acted.
    """
    if 200 <= reply.status < 300:
        return reply
    code = _code(reply)
    if reply.status in _TURNED_AWAY and not (reply.status == 403 and code in _NOT_THEIRS):
        raise NotReached(PARTY, _TURNED_AWAY[reply.status])
    if code is None or reply.status >= 500 or reply.status < 400:
        raise Unknown(PARTY, f"http_{reply.status}")
    raise Refused(PARTY, code)


def _code(reply: Reply) -> str | None:
    """The core's own word for its no, if it gave one."""
    try:
        code = reply.json().get("code")
    except Unknown:
        return None
    return code if isinstance(code, str) and code.isidentifier() and len(code) <= 40 else None


def segment(value: str) -> str:
    """One part of a path, written as it is sent. Raises ValueError for what would be another path."""
    if value in ("", ".", ".."):
        raise ValueError("not a part of a path")
    return quote(value, safe=_PLAIN_IN_PATH)


def parsed(reply: Reply, shape: type[M]) -> M:
    """Raises Unknown when the answer is not what the contract says."""
    try:
        return shape.model_validate_json(reply.body)
    except ValidationError as exc:
        raise Unknown(PARTY, "wrong_schema") from exc


def _case(found: object) -> Case:
    try:
        return Case.model_validate(found)
    except ValidationError as exc:
        raise Unknown(PARTY, "wrong_schema") from exc
