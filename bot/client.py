"""Asking Rasa, over its REST channel. It hears a random conversation id, masked text and what we remember; never who is asking."""

import orjson
from pydantic import ValidationError

from bot.reply import Memory, Said
from kit.errors import NotReached, Outside, Unknown
from kit.http import Http

PARTY = "rasa"
_LOOK = "rasa readiness"  # apart, so that looking whether it is back does not keep the breaker of the turns open
PATIENCE = 1.5  # seconds; a resident who waits longer is answered by the search alone


class Rasa:
    """`url` is http://127.0.0.1:PORT; "" means there is none."""

    def __init__(self, http: Http, url: str, patience: float = PATIENCE) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._patience = patience

    async def said(self, conversation_id: str, text: str, memory: Memory) -> Said:
        """Raises NotReached, Unknown: Rasa is away, slow, or its action failed, which it tells by an empty list."""
        if not self._url:
            raise NotReached(PARTY, "none_configured")
        content = {"sender": conversation_id, "message": text, "metadata": {"memory": memory.model_dump(mode="json", exclude_defaults=True)}}
        url, headers = f"{self._url}/webhooks/rest/webhook", {"Content-Type": "application/json"}
        reply = await self._http.send(PARTY, "POST", url, headers=headers, body=orjson.dumps(content), seconds=self._patience)
        if reply.status != 200:
            raise Unknown(PARTY, f"http_{reply.status}")
        try:
            messages = orjson.loads(reply.body)
            return Said.model_validate(next(one["custom"] for one in messages if "custom" in one))
        except StopIteration:
            raise Unknown(PARTY, "no_answer") from None
        except (orjson.JSONDecodeError, ValidationError, TypeError, KeyError) as exc:
            raise Unknown(PARTY, "garbled_reply") from exc

    async def is_ready(self) -> bool:
        """Rasa answers / only once its model is loaded."""
        if not self._url:
            return False
        try:
            return (await self._http.send(_LOOK, "GET", f"{self._url}/", seconds=1.0)).status == 200
        except Outside:
            return False
