"""What residents are told about a case, in words."""

from core.types import CaseMove, CaseState
from notify.kinds import Value
from notify.told import Told
from notify.values import plain

MOVED, CORRECTIONS = "case_moved", "case_corrections"
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


def of_move(item_name: str, case_no: str, move: CaseMove) -> Told:
    """A notice of corrections tells every finding of it (一次性告知)."""
    page = f"pages/case/detail?no={case_no}"
    if move.state is CaseState.CORRECTIONS:
        fields: dict[str, Value] = {"item": item_name, "case_no": case_no, "count": len(move.findings) or 1, "at": move.at}
        return Told(CORRECTIONS, _text(item_name, case_no, move), fields, page, case_no)
    short, long = _WORDS[move.state]
    fields = {"item": item_name, "state": short, "at": move.at, "remark": move.text or long, "case_no": case_no}
    return Told(MOVED, _text(item_name, case_no, move), fields, page, case_no)


def _text(item_name: str, case_no: str, move: CaseMove) -> str:
    text = f"您申请的“{item_name}”{_WORDS[move.state][1]}（办件编号 {case_no}）。"
    if move.findings:
        told = [f"{n}. {f.name + '：' if f.name else ''}{f.problem}{'；' + f.fix if f.fix else ''}" for n, f in enumerate(move.findings, 1)]
        text += f"共 {len(told)} 处需要补正：" + " ".join(told)
    elif move.text:
        text += f"办理意见：{move.text}"
    return plain(text)[:2000]
