"""What residents are told of what they complained of, suggested or asked. Nothing of what they wrote, and of a reply only that it is there."""

from datetime import datetime
from urllib.parse import quote

from notify.kinds import Value
from notify.told import Told
from notify.values import plain

MOVED = "complaint_moved"

# state -> (at most five characters, the sentence)
_WORDS = {
    "assigned": ("已分派", "已分派给{department}办理"),
    "transferred": ("已转办", "已转给{department}办理"),
    "replied": ("已答复", "已有答复，请查看。还有疑问可以追问，也请告诉我们是否满意"),
    "reopened": ("已重新办理", "收到您的追问，正在继续办理"),
    "closed": ("已办结", "已办结，感谢您的反馈"),
    "not_registered": ("未登记成", "没有登记成，请打开查看怎么办"),
    "handed_over": ("人工转交", "已由工作人员转交办理，转给了谁请打开查看"),
    "not_accepted": ("不予受理", "不予受理，原因请打开查看。如有异议请致电 12345"),
}
_OTHER = ("有进展", "有新的进展，请查看")


def told(complaint_id: str, number: str | None, kind_text: str, state: str, department: str | None, at: datetime) -> Told:
    """`kind_text`: 投诉, 建议 or 咨询. `number` None: the hotline has given it none."""
    short, sentence = _WORDS.get(state, _OTHER)
    text = f"您的{kind_text}{f'（编号 {number}）' if number else ''}{sentence.format(department=department or '承办部门')}。"
    fields: dict[str, Value] = {"title": f"您的{kind_text}", "state": short[:5], "at": at, "number": number or complaint_id}
    return Told(MOVED, plain(text)[:2000], fields, f"pages/complaint/detail?id={quote(complaint_id, safe='')}")
