"""Refusals on the wire: application/problem+json (RFC 9457) with a Chinese sentence, every field error and the request id."""

from typing import Any

import orjson
from pydantic import ValidationError
from sanic import HTTPResponse

from kit.errors import AppError, FieldError, Invalid

# pydantic error type -> what a resident or client author can do; {…} are pydantic's own context values
_SENTENCES = {
    "missing": "请填写此项",
    "extra_forbidden": "不支持此项，请删除",
    "string_type": "应为文字",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "dict_type": "应为对象",
    "list_type": "应为列表",
    "model_type": "应为对象",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "too_long": "最多 {max_length} 项",
    "too_short": "至少 {min_length} 项",
    "string_pattern_mismatch": "格式不对",
    "greater_than_equal": "不能小于 {ge}",
    "less_than_equal": "不能大于 {le}",
    "literal_error": "只能是 {expected}",
    "value_error": "填写的内容不符合要求",
}


def from_pydantic(error: ValidationError) -> Invalid:
    """Every error at once."""
    errors = []
    for one in error.errors(include_url=False, include_input=False)[:50]:
        sentence = _SENTENCES.get(one["type"], "填写的内容不符合要求")
        context: dict[str, Any] = one.get("ctx", {})
        errors.append(FieldError(".".join(str(part) for part in one["loc"]) or "body", sentence.format_map(_Context(context))))
    return Invalid("input_invalid", "填写的内容有误，请按提示修改", errors=tuple(errors))


def problem(error: AppError, request_id: str) -> HTTPResponse:
    body = {
        "type": "about:blank",
        "status": error.status,
        "code": error.code,
        "title": error.title,
        "request_id": request_id,
        "errors": [{"field": one.field, "message": one.message} for one in error.errors],
        "retryable": error.retryable,
    }
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return HTTPResponse(orjson.dumps(body), error.status, headers, "application/problem+json")


class _Context(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""
