"""What a WeChat conversation shows instead of buttons, and the channel's own sentences."""

from collections.abc import Mapping
from typing import Any

LONGEST = 600  # characters; 1,800 bytes of the 2,048 WeChat takes
MOST_BUTTONS = 5

GREETING = "您好，这里是掌办智能咨询。请直接用一句话告诉我您要办什么，例如“补办身份证要带什么”。需要人工请回复“转人工”。"
ONLY_TEXT = "抱歉，我只能看懂文字，看不了图片、语音、链接和小程序卡片。请用一句话告诉我您要办什么；需要人工请回复“转人工”。"
TOO_LONG = "您发的内容太长了，请精简到 500 字以内再发一次。"
TOO_FAST = "您发得太快了，请过一分钟再继续。"
SORRY = "系统繁忙，暂时没能查到，请过几分钟再问一次，或拨打政务服务热线 12345。"


def numbered(reply: Mapping[str, Any]) -> str:
    """One reply of the assistant ({text, buttons: [{title, text}]}) as plain text of at most LONGEST characters; the choices are never cut off.

    A button that opens a page of the mini program opens nothing here; its sentence says where that page is.
    """
    text = str(reply.get("text") or "").strip()
    titles = [_cut(str(button["title"]).strip(), 60) for button in reply.get("buttons") or [] if not button.get("action")][:MOST_BUTTONS]
    if not titles:
        return _cut(text, LONGEST)
    choices = "回复数字选择：\n" + "\n".join(f"{n}. {title}" for n, title in enumerate(titles, 1))
    return f"{_cut(text, LONGEST - len(choices) - 2)}\n\n{choices}" if text else choices


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
