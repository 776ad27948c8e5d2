"""States of a case in a resident's words."""

from core.types import CaseState

TEXTS = {
    CaseState.SENDING: "提交中",
    CaseState.SUBMITTED: "已提交",
    CaseState.ACCEPTED: "已受理",
    CaseState.CORRECTIONS: "待补正",
    CaseState.APPROVED: "已通过",
    CaseState.REJECTED: "未通过",
    CaseState.ISSUED: "已办结",
    CaseState.WITHDRAWN: "已撤回",
    CaseState.SUPPLEMENTED: "已补正",
    CaseState.OTHER: "办理中",
}
