"""What somebody sees who scans a receipt with a phone's camera: one page, no script, nothing loaded from anywhere."""

from html import escape

from kit.money import yuan
from miniapp_api.shapes_pay import ReceiptCheck

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address holds the receipt's code
    "X-Robots-Tag": "noindex",
}
_PAGE = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>缴费凭证核验</title>
<style>
body {{ font: 1.125rem/1.6 system-ui, sans-serif; margin: 0; padding: 1.5rem 1rem; background: #f2f4f7; color: #1c2733; }}
main {{ max-width: 30rem; margin: 0 auto; background: #fff; border-radius: .75rem; overflow: hidden; }}
h1 {{ margin: 0; padding: 1rem; font-size: 1.375rem; color: #fff; background: {colour}; }}
dl {{ margin: 0; padding: 1rem; display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1rem; }}
dt {{ color: #52606d; }} dd {{ margin: 0; overflow-wrap: anywhere; }}
p {{ margin: 0; padding: 1rem; color: #52606d; border-top: 1px solid #e4e7eb; }}
</style>
</head>
<body><main><h1>{mark} {text}</h1>{facts}
<p>请核对页面内容与凭证是否一致，并确认网址属于本市政务服务。有疑问请致电 12345。</p></main></body>
</html>
"""


def page(found: ReceiptCheck) -> bytes:
    """The result first, in words and with a mark: colour alone says nothing to some people."""
    rows = {
        "缴费项目": found.title,
        "收款单位": found.payee,
        "金额": None if found.amount_fen is None else f"{yuan(found.amount_fen)} 元",
        "已退": f"{yuan(found.refunded_fen)} 元" if found.refunded_fen else None,
        "支付时间": found.paid_at[:19].replace("T", " ") if found.paid_at else None,
        "电子票据号码": found.e_bill_no,
    }
    told = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows.items() if value)
    facts = f"<dl>{told}</dl>" if told else ""
    mark, colour = ("✓", "#0b6e4f") if found.valid else ("✗", "#a4161a")
    return _PAGE.format(text=escape(found.text), mark=mark, colour=colour, facts=facts).encode()
