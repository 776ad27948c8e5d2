"""Phone numbers in whatever the source wrote, and how a screen reader says them digit by digit."""

import re
import unicodedata

HOTLINE = "12345"  # the government service hotline, the same number in every city

_EXTENDED = r"(?:\s*(?:转|-)\s*[0-9]{1,6})?(?![0-9])"
_WHOLE = re.compile(  # area code and number (hotlines behind an area code have 5 digits), mobile, 400 and 800
    r"(?<![0-9])(?:\(?0[0-9]{2,3}\)?[-\s]?(?:[0-9]{5,8}|[0-9]{4}[-\s][0-9]{4})|1[3-9][0-9]{9}|[48]00[-\s]?[0-9]{3,4}[-\s]?[0-9]{3,4})" + _EXTENDED
)
_BARE = re.compile(r"(?<![0-9])(?:[0-9]{5}|96[0-9]{4}|[0-9]{7,8})" + _EXTENDED)  # other six digits are a post code
_DASHES = str.maketrans({"—": "-", "–": "-", "‐": "-", "－": "-"})
_EXTENSION = re.compile(r"(?:转|(?<=[0-9]{5})-)\s*([0-9]{1,6})$")


def first_phone(text: str | None) -> str | None:
    """The first number in a free text, as written but for width, dashes and spaces; None where there is none."""
    folded = unicodedata.normalize("NFKC", text or "").translate(_DASHES)
    match = _WHOLE.search(folded) or _BARE.search(folded)
    return None if match is None else "".join(match[0].split())


def spoken(phone: str) -> str:
    """ "0990-1234101" -> "0 9 9 0，1 2 3，4 1 0 1": single digits, a pause between groups."""
    extension = _EXTENSION.search(phone)
    number = phone[: extension.start()] if extension else phone
    digits = re.sub(r"[^0-9]", "", number)
    groups = [" ".join(group) for group in _groups(digits, number)]
    return "，".join([*groups, *(["转 " + " ".join(extension[1])] if extension else [])])


def _groups(digits: str, written: str) -> list[str]:
    if len(digits) == 11 and digits[0] == "1":
        return [digits[:3], digits[3:7], digits[7:]]
    if len(digits) == 10 and digits[:3] in ("400", "800"):
        return [digits[:3], digits[3:6], digits[6:]]
    parts = [part for part in re.split(r"[^0-9]+", written) if part]
    if len(parts) == 1 and digits[0] == "0" and len(digits) > 8:
        area = 3 if digits[1] in "12" else 4
        parts = [digits[:area], digits[area:]]
    return [piece for part in parts for piece in _pieces(part)]


def _pieces(part: str) -> list[str]:
    """7 digits as 3 and 4, 8 as 4 and 4; shorter ones in one go."""
    return [part] if len(part) < 7 else [part[:-4], part[-4:]]
