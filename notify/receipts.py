"""What became of a message, in a resident's words: why it came this way, or why not."""

_OUTCOMES = {
    "delivered": "已放入收件箱",
    "sent": "已发送",
    "pending": "等待发送",
    "sending": "正在发送",
    "refused": "对方平台没有接受",
    "failed": "没有发送",
    "parked": "暂时没有发送，工作人员会处理",
    "unknown": "可能已发送，没有收到确认",
    "skipped": "没有使用",
    "expired": "过了时间，没有发送",
    "not_needed": "不需要",
}
_REASONS = {
    "no_consent": "您没有可用的订阅授权",
    "no_consent_at_platform": "平台说没有订阅授权，可以在小程序里重新授权",
    "no_account": "没有这个渠道的账号或手机号",
    "no_template": "这类消息不走这个渠道",
    "turned_off": "您没有选这个渠道",
    "kind_turned_off": "您关闭了这类提醒",
    "quiet_hours": "正在您的免打扰时段，结束后发送",
    "try_later": "对方平台暂时不可用，稍后再试",
    "platform_away": "对方平台暂时不可用，改用其他渠道",
    "deadline": "已经不需要提醒",
    "daily_limit": "今天的短信已达上限",
    "may_have_arrived": "前一个渠道可能已经送达",
    "stopped": "内容没有通过平台检查",
    "text_refused": "内容没有通过平台检查",
    "account_unknown": "平台不认识这个账号",
    "interrupted": "发送时服务中断",
    "retried": "工作人员处理后重新发送",
    "template_unknown": "平台上没有这个模板",
    "values_refused": "模板的字段和登记的不一样",
    "page_unknown": "小程序里没有这个页面",
    "not_understood": "没有见过的错误代码",
}


def in_words(outcome: str, reason: str | None) -> str:
    """`已发送`, `没有使用：您没有可用的订阅授权`."""
    said = _OUTCOMES.get(outcome, outcome)
    why = "已由其他渠道送达" if (reason or "").startswith("sent_by_") else _REASONS.get(reason or "")
    return f"{said}：{why}" if why else said


def reason_in_words(reason: str) -> str:
    return _REASONS.get(reason, reason)
