"""OpenAPI 3.1 from the declared routes; nothing is written twice."""

import re
from typing import Any

from pydantic import BaseModel, TypeAdapter

from miniapp_api.gate import Route
from miniapp_api.shapes import Problem
from staff.roles import GRANTED, ROLES

_PARAMETER = re.compile(r"<(\w+)(?::\w+)?>")
_REF = "#/components/schemas/{model}"
_WHO = {
    "anyone": "任何人",
    "guest": "任何人；带登录令牌则以本人身份",
    "resident": "已登录居民",
    "core": "核心平台",
    "gateway": "支付平台",
    "operator": "运维",
}
_SCHEMES = {
    "session": {"type": "http", "scheme": "bearer", "description": "登录得到的 token"},
    "staff_session": {"type": "http", "scheme": "bearer", "description": "工作人员登录（口令和动态口令）得到的 token"},
}
_REFUSALS = {
    "401": "未登录或登录已失效",
    "403": "不允许",
    "404": "没有找到",
    "409": "与当前状态冲突，或相同请求正在处理",
    "412": "内容已在别处修改",
    "422": "填写有误，一次列出全部",
    "429": "太频繁",
    "503": "暂时不可用，可重试",
}


def document(routes: list[Route], version: str) -> dict[str, Any]:
    """The whole document. Every operation says who may call (x-who) and which problems may come."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if not route.hidden:
            paths.setdefault(_PARAMETER.sub(r"{\1}", route.path), {})[route.method.lower()] = _operation(route, schemas)
    _schema(Problem, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "掌办 API", "version": version, "description": "微信、支付宝城市服务小程序后端。金额为整数分，时间为 RFC 3339（+08:00）。"},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SCHEMES},
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": re.sub(r"\W+", "_", route.method.lower() + _PARAMETER.sub(r"by_\1", route.path)).strip("_"),
        "tags": [_tag(route.path)],
        "x-who": route.who,
        "description": f"谁可以调用：{_who(route)}",
        "parameters": _parameters(route, schemas),
        "responses": _responses(route, schemas),
    }
    if route.who in ("resident", "guest"):
        operation["security"] = [{"session": []}, *([{}] if route.who == "guest" else [])]
    if route.who == "staff":
        operation["security"] = [{"staff_session": []}]
        operation["x-may"] = route.may
    if route.body is not None:
        required = bool(TypeAdapter(route.body).json_schema().get("required")) or route.method != "POST"
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": _schema(route.body, schemas)}}}
    if route.upload:
        operation["requestBody"] = _multipart()
    return operation


def _multipart() -> dict[str, Any]:
    """One file, and what it is for."""
    fields = {
        "file": {"type": "string", "contentMediaType": "application/octet-stream", "description": "JPG、PNG、PDF 或 OFD，一次一个"},
        "purpose": {"type": "string", "maxLength": 40, "pattern": "^[a-z0-9_-]*$", "description": "用途，可不填"},
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": {"type": "object", "properties": fields, "required": ["file"]}}}}


def _tag(path: str) -> str:
    first = path.split("/")[1]
    return first if first in ("open", "staff") else path.split("/")[2]


def _who(route: Route) -> str:
    if route.who != "staff":
        return _WHO[route.who]
    roles = [role for role in ROLES if route.may in GRANTED[role]]
    return f"工作人员：{'、'.join(roles)}（{route.may}）" if route.may else "已登录的工作人员"


def _parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in _PARAMETER.findall(route.path)
    ]
    if route.idempotent:
        key = {"type": "string", "minLength": 8, "maxLength": 128, "pattern": "^[!-~]{8,128}$"}
        found.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": key})
    if route.media is not None:
        found.append({"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}})
    if route.query is not None:
        shape = route.query.model_json_schema()
        for name, schema in shape.get("properties", {}).items():
            found.append({"name": name, "in": "query", "required": name in shape.get("required", []), "schema": schema})
    return found


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "成功"}
    if route.media is not None:
        success["content"] = {media: {"schema": _schema(shape, schemas)} for media, shape in route.media.items()}
    elif route.reply is not None:
        success["content"] = {"application/json": {"schema": _schema(route.reply, schemas)}}
    elif route.status != 204:
        success["content"] = {"application/json": {"schema": {"type": "object"}}}
    told = {str(route.status): success}
    if route.media is not None:
        told["304"] = {"description": "与 If-None-Match 所给的相同，没有变化"}
    if route.reply is not None and "http_status" in getattr(route.reply, "model_fields", {}):
        told["202"] = {**success, "description": "还在等待"}
    for status, why in _REFUSALS.items():
        told[status] = {"description": why, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return told


def _schema(shape: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference (or the schema itself for lists); the models it needs go to `schemas`."""
    made = TypeAdapter(shape).json_schema(ref_template=_REF)
    schemas.update(made.pop("$defs", {}))
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        schemas[shape.__name__] = made
        return {"$ref": _REF.format(model=shape.__name__)}
    return dict(made)
