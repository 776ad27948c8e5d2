"""The assistant: a question in the resident's own words, an answer that rests on a live item."""

from miniapp_api.callers import address, slow_down
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.shapes_assistant import AssistantAnswer, AssistantFeedback, AssistantMessage

routes = Routes()


@routes.add("POST", "/v1/assistant/messages", who="guest", summary="问办事助手", body=AssistantMessage, reply=AssistantAnswer)
async def message(call: Call) -> AssistantAnswer:
    asked: AssistantMessage = call.body
    who = call.caller.resident_id if call.caller else None
    slow_down(call.deps.assistant_limiter, who or asked.conversation_id or address(call.request, call.deps.settings.proxies))
    answered = await call.deps.assistant.answer(asked.text, conversation_id=asked.conversation_id, resident_id=who, region=asked.region)
    return AssistantAnswer(conversation_id=answered.conversation_id, replies=[answered.reply], intent=answered.intent, degraded=answered.degraded)


@routes.add("POST", "/v1/assistant/feedback", who="guest", summary="评价助手的回答", body=AssistantFeedback, status=204)
async def feedback(call: Call) -> Raw:
    given: AssistantFeedback = call.body
    who = call.caller.resident_id if call.caller else None
    await call.deps.assistant.feedback(given.conversation_id, who, given.useful, given.comment)
    return Raw(b"", status=204)
