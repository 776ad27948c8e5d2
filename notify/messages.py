"""What residents are told, in words: one definition per kind, rendered for the inbox and for WeChat's typed template values."""

import re
import unicodedata

from core.types import CaseMove, CaseState
from kit.clock import in_words

_WORDS = {
    CaseState.SUBMITTED: ("已提交", "已提交到政务平台"),
    CaseState.ACCEPTED: ("已受理", "已受理，我们会继续告诉您进展"),
    CaseState.CORRECTIONS: ("需补正", "需要补正"),
    CaseState.APPROVED: ("已通过", "已审核通过"),
    CaseState.REJECTED: ("未通过", "未获批准，可在办件详情查看原因和救济途径"),
    CaseState.ISSUED: ("已办结", "已办结，可以领取结果"),
    CaseState.WITHDRAWN: ("已撤回", "已撤回"),
    CaseState.SUPPLEMENTED: ("已补正", "补正材料已收到，等待审核"),
    CaseState.SPECIAL_PROCEDURE: ("特别程序", "进入听证、检验等特别程序，所需时间不计入办理时限"),
    CaseState.OTHER: ("有新进展", "有新的进展，请在办件详情查看"),
}

# Templates as registered with WeChat; the digits in the fields' names below are WeChat's own numbering.
TEMPLATES = {
    "case_moved": "办件进度提醒",
    "case_corrections": "补正材料提醒",
    "bill_paid": "缴费成功通知",
    "bill_refunded": "退款通知",
    "account_changed": "账号变动提醒",
}


def template_key(state: CaseState) -> str:
    return "case_corrections" if state is CaseState.CORRECTIONS else "case_moved"


def inbox_text(item_name: str, case_no: str, move: CaseMove) -> str:
    """The whole message, every finding of a notice of corrections included (一次性告知)."""
    text = f"您申请的“{item_name}”{_WORDS[move.state][1]}（办件编号 {case_no}）。"
    if move.findings:
        told = [f"{n}. {f.name + '：' if f.name else ''}{f.problem}{'；' + f.fix if f.fix else ''}" for n, f in enumerate(move.findings, 1)]
        text += f"共 {len(told)} 处需要补正：" + " ".join(told)
    elif move.text:
        text += f"办理意见：{move.text}"
    return plain(text)[:2000]


def wechat_values(item_name: str, case_no: str, move: CaseMove) -> dict[str, dict[str, str]]:
    """Template data for subscribeMessage.send, each value within its type's limit."""
    if move.state is CaseState.CORRECTIONS:
        return {
            "thing1": _value(thing(item_name)),
            "character_string5": _value(character_string(case_no)),
            "number6": _value(str(len(move.findings) or 1)),
            "time3": _value(in_words(move.at)),
        }
    short, long = _WORDS[move.state]
    return {
        "thing1": _value(thing(item_name)),
        "phrase2": _value(short),
        "time3": _value(in_words(move.at)),
        "thing4": _value(thing(move.text or long)),
        "character_string5": _value(character_string(case_no)),
    }


def thing(text: str) -> str:
    """WeChat `thing`: at most 20 characters, no control characters; longer ones are cut with an ellipsis."""
    text = plain(text).strip() or "无"
    return text if len(text) <= 20 else text[:19] + "…"


def character_string(text: str) -> str:
    """WeChat `character_string`: at most 32 ASCII characters; of a long number the end is what tells cases apart."""
    text = "".join(char for char in text if "!" <= char <= "~") or "-"
    return text if len(text) <= 32 else "..." + text[-29:]


def plain(text: str) -> str:
    """Free text from outside, made harmless: no control characters, no line breaks, nothing a client would turn into a link."""
    text = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return re.sub(r"(?i)\b(?:https?://|www\.)\S+", "（链接已略去）", text)


def _value(text: str) -> dict[str, str]:
    return {"value": text}
