"""A resident's message before anything else sees it: one line, no commands, no control characters, nobody's number."""

import re
import unicodedata

LONGEST = 500  # characters

_SPACES = re.compile(r"\s+")
_COMMAND = re.compile(r"^[\s/／\\]+")  # Rasa takes a leading / for an intent that skips its understanding
_MAIL = re.compile(r"[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])(?=[0-9A-Za-z]*[0-9])(?:[0-9][ -]?){6,}[0-9Xx]?(?![0-9A-Za-z])|(?<![0-9A-Za-z])(?=(?:[A-Z]*[0-9]){5})[0-9A-Z]{15,}(?![0-9A-Za-z])"
)
_CALLED = re.compile(r"((?:我叫|名叫|姓名)(?:是|为)?[:：]?\s*)[\u4e00-\u9fff·]{2,4}?(?=[，,。；;、\s]|$)")
HIDDEN = "（号码）"


def cleaned(text: str) -> str:
    """Compatible widths, visible characters alone, at most LONGEST; of a longer message the end, where the question is."""
    folded = unicodedata.normalize("NFKC", text)
    shown = "".join(one if unicodedata.category(one)[0] != "C" else " " for one in folded)
    return _COMMAND.sub("", _SPACES.sub(" ", shown)).strip()[-LONGEST:]


def masked(text: str) -> str:
    """Without ID, phone, card and credit-code numbers, mail addresses and names given as such: what may be kept and what Rasa hears."""
    return _NUMBER.sub(HIDDEN, _MAIL.sub("（邮箱）", _CALLED.sub(r"\1（姓名）", text)))


def plain(text: str, longest: int) -> str:
    """Text of the catalogue for a reply: no markup a client could take for its own, at most `longest`, cut where a sentence ends."""
    shown = "".join(one if unicodedata.category(one)[0] != "C" or one == "\n" else " " for one in text)
    shown = shown.translate({ord("<"): "＜", ord(">"): "＞"}).strip()
    if len(shown) <= longest:
        return shown
    head = shown[: longest - 2]
    end = max(head.rfind(mark) for mark in "。；;！？\n")
    return (head[: end + 1] if end > longest // 3 else head).rstrip("\n，、：") + "……"
