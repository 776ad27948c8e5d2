"""The core's identity check: the owner of a name and number is asked, and must confirm."""

import secrets
from collections import Counter
from datetime import timedelta
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now
from sandbox.clock import WorldClock

LIFE = timedelta(minutes=15)


class Identity:
    def __init__(self, book: Book, clock: WorldClock) -> None:
        self._book = book
        self._clock = clock

    async def start(self, request: Request) -> HTTPResponse:
        """The same answer whether or not the pair exists; one that does not can never be approved."""
        asked = body_of(request)
        missing = [name for name in ("name", "id_number", "channel") if not isinstance(asked.get(name), str) or not asked[name]]
        if missing:
            return refused(422, "bad_request", "缺少参数", missing)
        found = self._book.get("id_number", asked["id_number"].upper())
        person = self._book.get("person", found["person"]) if found is not None else None
        own = secrets.token_hex(16)
        challenge = {
            "challenge": own,
            "state": "pending",
            "method": "phone",
            "expires_at": (now() + LIFE).isoformat(timespec="milliseconds"),
            "person_id": person["person"] if person is not None and person["name"] == asked["name"] else None,
            "made": self._clock.seconds(),
        }
        with self._book.together():
            self._book.put("challenge", own, challenge)
            self._book.write("core", "challenge.started", challenge=own, channel=asked["channel"])
        return json(self._shown(challenge), 202)

    async def look(self, request: Request, challenge: str) -> HTTPResponse:
        found = self._book.get("challenge", challenge)
        return refused(404, "unknown_challenge", "没有这次认证") if found is None else json(self._shown(found))

    def answer(self, person: str, state: str) -> int:
        """The person confirms or refuses everything that still waits for them. Returns how many."""
        waiting = [(key, body) for key, body in self._book.every("challenge") if body["person_id"] == person and self._state(body) == "pending"]
        with self._book.together():
            for key, body in waiting:
                self._book.put("challenge", key, {**body, "state": state})
                self._book.write("core", f"challenge.{state}", challenge=key, person=person)
        return len(waiting)

    def waiting(self) -> Counter[str]:
        """How many challenges wait for each person."""
        return Counter(body["person_id"] for _, body in self._book.every("challenge") if body["person_id"] and self._state(body) == "pending")

    def _state(self, challenge: dict[str, Any]) -> str:
        late = self._clock.seconds() - challenge.get("made", 0.0) > LIFE.total_seconds()
        return "expired" if challenge["state"] == "pending" and late else str(challenge["state"])

    def _shown(self, challenge: dict[str, Any]) -> dict[str, Any]:
        """Who it is, only once they have confirmed."""
        state = self._state(challenge)
        told = {name: challenge[name] for name in ("challenge", "method", "expires_at")}
        return told | {"state": state, "person_id": challenge["person_id"] if state == "approved" else None}
