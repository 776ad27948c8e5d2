"""What else could carry pushes: two job queues on Redis, each as its own documentation proposes for jobs that must not be lost.

All do the same work per push: the consent's compare-and-set that marks the send as under way, the POST, the outcome in the inbox entry (both
writes majority and journaled), the job acknowledged. In their favour: a job of theirs carries the whole request, so that they read neither
the message nor the account, their mark stays where it is, and what they keep of a job is gone with Redis.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SEND = "/cgi-bin/message/subscribe/send?access_token=bench"
SECONDS = 5.0  # for the provider's answer


@dataclass(frozen=True, slots=True)
class Job:
    """`consent`, `message`: ids of the documents; `body`: the request, finished."""

    consent: str
    message: str
    body: str

    def named(self) -> dict[str, str]:
        """As a task's arguments."""
        return {"consent": self.consent, "message": self.message, "body": self.body}


Write = tuple[Mapping[str, Any], Mapping[str, Any]]


def take(consent: str, message: str) -> Write:
    """(filter, change): one send for this message, marked as under way."""
    mark = f"under_way.{message}"
    return {"_id": consent, "remaining": {"$gt": 0}, mark: {"$exists": False}}, {"$inc": {"remaining": -1}, "$set": {mark: "peer"}}


def outcome(message: str, at: Any, word: str) -> Write:
    change = {"push": "done", "channels.wechat": {"outcome": word, "reason": None, "at": at}}
    return {"_id": message, "push": "waiting"}, {"$set": change}
