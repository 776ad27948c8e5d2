"""What platforms answer, in our words: one table. Codes that are not here are our own fault until somebody has looked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """later: again after a gap. refused: not this person on this channel, the next one is tried. ours: parked with an alarm until an operator
    has mended it, the next channel is tried. stop: nothing of this message goes out any more."""

    LATER = "later"
    REFUSED = "refused"
    OURS = "ours"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Answer:
    """`reason` is ours; `code` the platform's own word."""

    verdict: Verdict
    reason: str
    code: str


# channel -> the platform's code -> (verdict, our word)
CODES: Mapping[str, Mapping[str, tuple[Verdict, str]]] = {
    "wechat": {
        "errcode_43101": (Verdict.REFUSED, "no_consent_at_platform"),
        "errcode_43116": (Verdict.REFUSED, "no_consent_at_platform"),
        "errcode_40003": (Verdict.REFUSED, "account_unknown"),
        "errcode_40037": (Verdict.OURS, "template_unknown"),
        "errcode_47003": (Verdict.OURS, "values_refused"),
        "errcode_41030": (Verdict.OURS, "page_unknown"),
        "errcode_45168": (Verdict.STOP, "text_refused"),
        "errcode_-1": (Verdict.LATER, "busy"),
        "errcode_45009": (Verdict.LATER, "quota_used"),
        "errcode_45011": (Verdict.LATER, "too_fast"),
    },
    "alipay": {
        "USER_NOT_SUBSCRIBE": (Verdict.REFUSED, "no_consent_at_platform"),
    },
    "sms": {},
}


def judged(channel: str, code: str) -> Answer:
    verdict, reason = CODES.get(channel, {}).get(code, (Verdict.OURS, "not_understood"))
    return Answer(verdict, reason, code)
