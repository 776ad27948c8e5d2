"""Whether what somebody wrote can be sent on. Everything wrong at once, and nothing is changed: it is theirs.

Markup is refused, not cleaned: other systems will show the text, and one that takes it for a page must not be given one.
"""

import re
import unicodedata

from complaints.values import KINDS
from kit.errors import FieldError

TITLE, TEXT, SHORTEST = 100, 2000, 10
_MARKUP = re.compile(r"<\s*[A-Za-z/!?]|(?:java|vb)script\s*:|data\s*:\s*text/html|&#x?[0-9A-Fa-f]+;?", re.IGNORECASE)


def problems(title: str, text: str) -> list[FieldError]:
    """Of the two that are written freely."""
    return [*_of("title", title, 2, TITLE), *_of("text", text, SHORTEST, TEXT)]


def problems_of_kind(kind: str) -> list[FieldError]:
    return [] if kind in KINDS else [FieldError("kind", f"请选择{'、'.join(KINDS.values())}之一（{'、'.join(KINDS)}）")]


def problems_of_short(text: str, shortest: int) -> list[FieldError]:
    """Of a follow-up or of a few words about the reply."""
    return _of("text", text, shortest, TEXT)


def _of(field: str, text: str, shortest: int, longest: int) -> list[FieldError]:
    found, there = [], text.strip()
    if len(there) < shortest:
        found.append(FieldError(field, f"请至少写 {shortest} 个字，现在是 {len(there)} 个字" if there else "请填写内容"))
    if len(there) > longest:
        found.append(FieldError(field, f"最多 {longest} 个字，现在是 {len(there)} 个字，请精简，或把详细材料作为附件上传"))
    if (match := _MARKUP.search(there)) is not None:
        sample = there[match.start() : match.start() + 12].replace("\n", " ")
        found.append(
            FieldError(field, f"第 {match.start() + 1} 个字起“{sample}”像网页代码，转到其他系统可能显示不全，请改用文字说明，“<”请写成“小于”")
        )
    if (place := next((n for n, one in enumerate(there) if _is_control(one)), None)) is not None:
        found.append(FieldError(field, f"第 {place + 1} 个字是看不见的控制字符，请删去后再提交"))
    return found


def _is_control(one: str) -> bool:
    return one not in "\n\t\r" and unicodedata.category(one) in ("Cc", "Cs")
