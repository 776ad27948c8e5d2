"""Shapes of the assistant's conversation."""

from typing import Annotated

from pydantic import Field

from bot.cleaning import LONGEST
from bot.reply import Reply
from miniapp_api.shapes import Asked, Line, Told

_Conversation = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class AssistantMessage(Asked):
    conversation_id: Annotated[_Conversation | None, Field(description="上一次回复里的；不给则开始新的对话")] = None
    text: Annotated[str, Field(min_length=1, max_length=LONGEST, description="居民自己的话；点按钮则是按钮的 text")]
    region: Annotated[Line, Field(pattern=r"^[0-9]{6,12}$", description="行政区划代码；给一次就记住")] | None = None


class AssistantAnswer(Told):
    conversation_id: str
    replies: list[Reply] = Field(
        description="text 最多 300 字，按纯文本显示；卡片说明依据哪个事项的哪个版本；按钮的 action 为 complaint 时打开“投诉建议”，并带上这次的 conversation_id"
    )
    intent: str = Field(description="听成了问什么：各要素名，或 greet、thanks、goodbye、human、payment、complaint、out_of_scope、nlu_fallback")
    degraded: bool = Field(description="true：没有经过对话理解，只按检索回答")


class AssistantFeedback(Asked):
    conversation_id: _Conversation
    useful: bool = Field(description="上一次回复是否有用")
    comment: Annotated[str, Field(max_length=LONGEST)] = ""
