"""What a receipt says, in the resident's language. Where a province has its own site for checking e-bills, this is the file to change."""

from core.bills import PayChannel

TITLE = "缴费凭证"
NUMBER = "凭证编号"
CURRENCY = "人民币"
CHANNELS: dict[PayChannel, str] = {"wechat": "微信支付", "alipay": "支付宝"}
NOT_SETTLED = "入账处理中"
NO_E_BILL = "电子票据开具中，开具后重新下载本凭证即可看到票据号码"
TAIL = "尾号 {tail}"
REFUNDED = "{figures}（{capitals}）"
STAMP_PART, STAMP_ALL = "部分退款", "已全额退款"
SCAN = "扫码核验真伪"
SCAN_UNTIL = "核验码有效期至 {day}"
MISSING = "注：“〓”处为字库暂缺的字：{points}"
FOOT = (
    "本凭证由政务服务缴费渠道出具，证明款项已支付，不是财政票据，不作报销凭证。",
    "正式票据为非税收入电子票据，请凭票据代码、票据号码和校验码，到全国财政电子票据查验平台（pjcy.mof.gov.cn）查验。",
    "对本凭证有疑问，请致电 12345 政务服务便民热线。",
)

LABELS = {
    "title": "缴费项目",
    "item": "所属事项",
    "case": "办件编号",
    "payee": "执收单位",
    "payer": "缴款人",
    "figures": "金额（小写）",
    "capitals": "金额（大写）",
    "refunded": "已退金额",
    "kept": "实缴金额",
    "channel": "支付方式",
    "transaction": "支付流水",
    "paid_at": "支付时间",
    "settled_at": "入账时间",
    "e_bill": "电子票据",
    "e_bill_code": "票据代码",
    "e_bill_number": "票据号码",
    "e_bill_check": "校验码",
    "e_bill_day": "开票日期",
}
