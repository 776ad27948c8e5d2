"""What residents are told of a bad rating that is being put right. Nothing of what they wrote, and of a reply only that it is there."""

from datetime import datetime
from typing import Literal
from urllib.parse import quote

from notify.kinds import Value
from notify.told import Told
from notify.values import plain

MOVED = "rating_moved"
What = Literal["replied", "upheld", "closed_satisfied", "closed_unsatisfied", "closed_unreached"]

# what happened -> (at most five characters, the sentence, what to do in at most twenty); {reason} is the supervisor's
_WORDS: dict[What, tuple[str, str, str]] = {
    "replied": ("已答复", "部门已经答复，请查看并告诉我们是否满意", "请查看答复并评价是否满意"),
    "upheld": (
        "申诉成立",
        "经核实，部门的申诉成立，这次评价保留但不计入统计。理由：{reason}。如有异议，可以在“投诉建议”里提出，或致电 12345",
        "有异议可投诉或致电12345",
    ),
    "closed_satisfied": ("已整改", "已整改完毕，感谢您的反馈", "感谢您的反馈"),
    "closed_unsatisfied": ("已办结", "两次整改后您仍不满意，已如实记录并上报。如有异议，可以在“投诉建议”里提出，或致电 12345", "仍有异议可致电12345"),
    "closed_unreached": ("已办结", "已整改，回访没有联系上您，先行办结。如仍不满意，可以在“投诉建议”里提出，或致电 12345", "仍有异议可致电12345"),
}


def told(what: What, item_name: str, case_no: str, at: datetime, reason: str = "") -> Told:
    short, sentence, advice = _WORDS[what]
    text = f"您对“{item_name}”（办件编号 {case_no}）的评价：{sentence.format(reason=reason[:500].rstrip('。'))}。"
    fields: dict[str, Value] = {"item": item_name, "state": short, "at": at, "remark": advice}
    return Told(MOVED, plain(text)[:2000], fields, f"pages/case/rating?no={quote(case_no, safe='')}", case_no)
