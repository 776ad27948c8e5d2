"""The core's identity check: the owner of a name and number is asked, and must confirm."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now

LIFE = timedelta(minutes=15)


class Identity:
    def __init__(self, book: Book) -> None:
        self._book = book

    async def start(self, request: Request) -> HTTPResponse:
        """The same answer whether or not the pair exists; one that does not can never be approved."""
        asked = body_of(request)
        missing = [name for name in ("name", "id_number", "channel") if not isinstance(asked.get(name), str) or not asked[name]]
        if missing:
            return refused(422, "bad_request", "缺少参数", missing)
        found = self._book.get("id_number", asked["id_number"])
        person = self._book.get("person", found["person"]) if found is not None else None
        own = secrets.token_hex(16)
        challenge = {
            "challenge": own,
            "state": "pending",
            "method": "phone",
            "expires_at": (now() + LIFE).isoformat(),
            "person_id": person["person"] if person is not None and person["name"] == asked["name"] else None,
        }
        self._book.put("challenge", own, challenge)
        self._book.write("core", "challenge.started", channel=asked["channel"])
        return json({**challenge, "person_id": None}, 202)

    async def look(self, request: Request, challenge: str) -> HTTPResponse:
        found = self._book.get("challenge", challenge)
        if found is None:
            return refused(404, "unknown_challenge", "没有这次认证")
        if found["state"] == "pending" and _over(found):
            found["state"] = "expired"
        return json(found if found["state"] == "approved" else {**found, "person_id": None})

    def answer(self, person: str, state: str) -> int:
        """The person confirms or refuses everything that waits for them. Returns how many."""
        waiting = pending_of(self._book, person)
        for body in waiting:
            self._book.put("challenge", body["challenge"], {**body, "state": state})
        return len(waiting)


def pending_of(book: Book, person: str) -> list[dict[str, Any]]:
    return [body for _, body in book.every("challenge") if body["person_id"] == person and body["state"] == "pending" and not _over(body)]


def _over(challenge: dict[str, Any]) -> bool:
    return datetime.fromisoformat(challenge["expires_at"]) < now()
