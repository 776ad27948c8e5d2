"""What both versions of WeChat Pay say alike: its name for the log, the forms of numbers and texts, the meaning of a vague refusal."""

import re

PARTY = "wechat_pay"

# INVALID_REQUEST stands for many things; a fragment of WeChat's sentence tells which. (fragment, our word)
SENTENCES = (("商户订单号重复", "order_no_used"), ("已支付", "order_paid"), ("已关闭", "order_closed"), ("订单不存在", "not_found"))

_NUMBER = re.compile(r"[0-9A-Za-z_*-]{1,64}")
_CODE = re.compile(r"[0-9A-Za-z_]{1,40}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]+")


def number(no: str) -> str:
    """A number of ours as it may stand in an address and in XML. WeChat takes `|` too, which an address would have to escape. Raises ValueError."""
    if not _NUMBER.fullmatch(no):
        raise ValueError("an order or refund number has 1 to 64 of 0-9 A-Z a-z _ * -")
    return no


def cut(text: str, most: int) -> str:
    """On one line, without control characters, at most `most` bytes of UTF-8. The same text gives the same result, as a repeated order needs."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split()).encode()[:most].decode(errors="ignore").rstrip()


def word(code: object, sentence: object) -> str:
    """Our word for a code no table has: what WeChat's sentence shows, or the code itself, fit for a log."""
    if code == "INVALID_REQUEST":
        return next((ours for fragment, ours in SENTENCES if fragment in str(sentence)), "invalid_request")
    return f"code_{code.lower()}" if isinstance(code, str) and _CODE.fullmatch(code) else "no_code"
