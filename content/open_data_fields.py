"""What every field of an item means, for those who reuse the data.

Names and types come from core.types.Item; meanings from the table below or, where it is silent, from the type's own Chinese title.
"""

from dataclasses import dataclass
from typing import Any

from core.types import Item

# Model of the contract -> field -> meaning.
MEANINGS: dict[str, dict[str, str]] = {
    "Item": {
        "code": "事项编码，全市唯一，不随版本变化",
        "version": "版本号，内容每变一次加一",
        "name": "事项名称",
        "kind": "事项类型，如行政许可、公共服务",
        "short_name": "简称",
        "everyday_names": "群众平常的叫法",
        "catalogue_name": "所属的目录名称（主项）",
        "base_code": "基本编码",
        "department": "实施部门",
        "co_departments": "联办部门",
        "region": "实施地的行政区划",
        "level": "行使层级，如市级、县级",
        "audience": "服务对象，如自然人、企业法人",
        "themes": "主题分类",
        "legal_basis": "设定依据",
        "conditions": "受理条件",
        "situations": "情形问题：不同的选择需要不同的材料",
        "materials": "申请材料；空列表表示无需提交",
        "steps": "办理流程",
        "statutory_limit": "法定办结时限",
        "promised_limit": "承诺办结时限",
        "fees": "收费项目；空列表表示不收费",
        "places": "办理地点",
        "consult_phone": "咨询电话",
        "complaint_phone": "监督投诉电话",
        "visits": "最多到现场的次数，0 表示不用到现场",
        "online": "能否网上申请",
        "online_url": "网上办理地址",
        "delivery": "结果能否快递送达",
        "results": "办理结果",
        "faq": "常见问题",
        "form": "申请表单（JSON Schema 2020-12）",
        "source": "来源系统登记的、以上没有的内容",
    },
    "Department": {"name": "部门名称", "code": "统一社会信用代码"},
    "Region": {"code": "行政区划代码（GB/T 2260）", "name": "行政区划名称"},
    "LegalBasis": {"law": "法律法规名称", "article": "条款", "text": "内容要点"},
    "Situation": {"id": "情形问题编号", "question": "问题", "options": "可选的回答"},
    "SituationOption": {"id": "选项编号", "title": "选项"},
    "Material": {
        "name": "材料名称",
        "original": "原件、复印件或电子件",
        "copies": "份数",
        "source": "来源，如申请人自备、政府部门核发",
        "required": "是否必须提交",
        "note": "填报须知",
        "licence_type": "可以代替它的电子证照类型",
        "situations": "在哪些情形选项下才需要；空列表表示都需要",
    },
    "Step": {"name": "环节名称", "what": "做什么", "who": "谁来做", "days": "天数"},
    "Limit": {"days": "天数，0 表示当场办结", "unit": "单位：working_days 工作日，calendar_days 自然日", "text": "来源系统的原话"},
    "Fee": {
        "name": "收费项目名称",
        "amount_fen": "金额，单位为分；没有统一金额时为空",
        "standard": "收费标准的文字说明",
        "basis": "收费依据",
        "reduction": "减免规定",
    },
    "Place": {"address": "地址", "name": "名称", "hours": "工作时间", "windows": "窗口"},
    "Result": {"name": "结果名称", "kind": "结果类型，如证照、批文"},
    "Question": {"question": "问题", "answer": "回答"},
}


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """`type` in JSON's words: string, integer, boolean, object, or "array of …". `nullable`: null means "not recorded"."""

    name: str
    meaning: str
    type: str
    nullable: bool
    fields: tuple["FieldDescription", ...]  # of the object, or of each object in the array


def described(schema: dict[str, Any], models: dict[str, Any]) -> tuple[FieldDescription, ...]:
    """Every property of a model's JSON schema, with the parts of parts."""
    meanings = MEANINGS.get(schema["title"], {})
    return tuple(_described(name, meanings.get(name) or part.get("title", ""), part, models) for name, part in schema["properties"].items())


def _described(name: str, meaning: str, schema: dict[str, Any], models: dict[str, Any]) -> FieldDescription:
    choices = schema.get("anyOf", [schema])
    one = next(choice for choice in choices if choice.get("type") != "null")
    each = one["items"] if one.get("type") == "array" else one
    inner = models[each["$ref"].rpartition("/")[2]] if "$ref" in each else None
    kind = "object" if inner else each["type"]
    parts = described(inner, models) if inner else ()
    return FieldDescription(name, meaning, f"array of {kind}" if each is not one else kind, len(choices) > 1, parts)


_SCHEMA = Item.model_json_schema()
FIELDS = described(_SCHEMA, _SCHEMA["$defs"])
