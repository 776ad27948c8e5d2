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
    CaseState.SPECIAL_PROCEDURE: "特别程序中",
    CaseState.OTHER: "办理中",
}

NEXT_STEPS = {
    CaseState.SENDING: "正在送往政务平台，不用重新提交",
    CaseState.SUBMITTED: "等待受理部门收件审查，材料不齐会一次告知",
    CaseState.ACCEPTED: "等待受理部门审查决定",
    CaseState.CORRECTIONS: "请申请人登录小程序查看补正通知，并一次补正",
    CaseState.APPROVED: "等待领取或寄送办理结果",
    CaseState.REJECTED: "请申请人登录小程序查看原因和救济途径",
    CaseState.ISSUED: "已办结，不用再办",
    CaseState.WITHDRAWN: "已撤回，需要时请重新申请",
    CaseState.SUPPLEMENTED: "等待受理部门审查补正的内容",
    CaseState.SPECIAL_PROCEDURE: "正在听证、检验、检测、鉴定或专家评审，所需时间不计入办理时限",
    CaseState.OTHER: "正在办理，有进展会通知申请人",
}
