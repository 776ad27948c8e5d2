"""A service item (事项) with the elements of a province's implementation list (实施清单), and the records of the items feed.

`None` always means "the core has not recorded it", never "not needed" (an empty list says that). Titles are the elements' names:
contract.yaml and the version diff take them from here. Words of a list (原件 | 复印件 …) are open: another one is kept as text.
"""

from datetime import date
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from core.frozen import Code, Frozen, Name, Text, Url


class Limit(Frozen):
    """A time limit as the item states it: `days` in `unit`, and the source's own words in `text`."""

    days: int = Field(ge=0, le=3660, title="天数")
    unit: str = Field(default="working_days", title="单位")  # working_days | calendar_days
    text: Text = Field(default="", title="原文")
    explanation: Text | None = Field(default=None, title="说明")


class Department(Frozen):
    name: Name = Field(title="名称")
    code: str | None = Field(default=None, title="编码")
    nature: str | None = Field(default=None, title="实施主体性质")  # 法定机关 | 授权组织 | 受委托组织


class Region(Frozen):
    """Administrative division, GB/T 2260 code."""

    code: str = Field(title="编码")
    name: str = Field(title="名称")


class Download(Frozen):
    """A file a resident may look at or fill in."""

    name: Name = Field(title="名称")
    url: Url | None = Field(default=None, title="地址")


class Material(Frozen):
    """One paper or file to bring. `situations` empty: always needed; otherwise only when one of those options is chosen."""

    name: Name = Field(title="名称")
    original: str | None = Field(default=None, title="材料类型")  # 原件 | 复印件 | 原件和复印件 | 电子
    copies: int | None = Field(default=None, ge=0, le=10_000, title="份数")
    format: str | None = Field(default=None, title="材料形式")  # 纸质 | 电子 | 纸质或电子
    source: str | None = Field(default=None, title="来源渠道")  # 申请人自备 | 政府部门核发 | 其他
    source_note: Text | None = Field(default=None, title="来源渠道说明")
    required: bool | None = Field(default=None, title="是否必要")
    necessity: str | None = Field(default=None, title="必要性")  # 必要 | 非必要 | 容缺后补
    note: Text | None = Field(default=None, title="备注")
    filling_notes: Text | None = Field(default=None, title="填报须知")
    acceptance_standard: Text | None = Field(default=None, title="受理标准")
    legal_basis: Text | None = Field(default=None, title="要求提供材料的依据")
    blank_form: Download | None = Field(default=None, title="空白表格")
    sample: Download | None = Field(default=None, title="示例样表")
    licence_type: str | None = Field(default=None, title="可替代的证照")  # a licence of this type replaces it
    situations: tuple[str, ...] = Field(default=(), title="适用情形")


class SituationOption(Frozen):
    id: Code = Field(title="编号")
    title: Name = Field(title="选项")


class Situation(Frozen):
    """One situation question (情形) with its options."""

    id: Code = Field(title="编号")
    question: Name = Field(title="问题")
    options: tuple[SituationOption, ...] = Field(title="选项")


class Fee(Frozen):
    """`amount_fen` is None where the standard is not one figure; `standard` then says it in words."""

    name: Name = Field(title="名称")
    amount_fen: int | None = Field(default=None, ge=0, le=10**13, title="金额（分）")
    standard: Text | None = Field(default=None, title="收费标准")
    basis: Text | None = Field(default=None, title="收费依据")
    reducible: bool | None = Field(default=None, title="可否减免")
    reduction: Text | None = Field(default=None, title="减免说明")


class Step(Frozen):
    name: Name = Field(title="名称")
    stage: str | None = Field(default=None, title="环节")  # 申请 | 受理 | 审查 | 决定 | 送达
    what: Text | None = Field(default=None, title="内容")
    who: str | None = Field(default=None, title="办理人员")
    days: int | None = Field(default=None, ge=0, le=3660, title="时限（天）")
    standard: Text | None = Field(default=None, title="审查标准")
    result: Text | None = Field(default=None, title="办理结果")


class SpecialProcedure(Frozen):
    """听证, 检验, 检测, 鉴定, 专家评审 …: its `days` are not counted in the time limit."""

    name: Name = Field(title="名称")
    days: int | None = Field(default=None, ge=0, le=3660, title="时限（天）")
    unit: str = Field(default="working_days", title="单位")
    explanation: Text | None = Field(default=None, title="说明")
    basis: Text | None = Field(default=None, title="依据")


class Place(Frozen):
    address: Text = Field(title="地址")
    name: str | None = Field(default=None, title="名称")
    hours: str | None = Field(default=None, title="办理时间")
    windows: str | None = Field(default=None, title="窗口")
    traffic: Text | None = Field(default=None, title="交通指引")
    phone: str | None = Field(default=None, title="电话")
    region: Region | None = Field(default=None, title="行政区划")


class LegalBasis(Frozen):
    law: Name = Field(title="法律法规名称")
    number: str | None = Field(default=None, title="文号")
    article: str | None = Field(default=None, title="条款号")
    text: Text | None = Field(default=None, title="条文内容")


class Channels(Frozen):
    """Ways to ask or to complain."""

    phone: str | None = Field(default=None, title="电话")
    web: Url | None = Field(default=None, title="网址")
    email: str | None = Field(default=None, title="电子邮箱")
    post: Text | None = Field(default=None, title="信函地址")
    address: Text | None = Field(default=None, title="窗口地址")


class Remedy(Frozen):
    """Where a decision is challenged: 行政复议 or 行政诉讼."""

    name: Name = Field(title="部门")
    address: Text | None = Field(default=None, title="地址")
    phone: str | None = Field(default=None, title="电话")


class HandlingArea(Frozen):
    """通办范围: how far from home it can be done."""

    scope: str | None = Field(default=None, title="范围")  # 全国 | 全省 | 全市 | 跨区域
    form: str | None = Field(default=None, title="形式")
    regions: tuple[Region, ...] = Field(default=(), title="区域")


class Question(Frozen):
    question: Text = Field(title="问题")
    answer: Text = Field(title="解答")


class Result(Frozen):
    name: Name = Field(title="名称")
    kind: str | None = Field(default=None, title="类型")  # 证照 | 批文 | 其他
    sample: Download | None = Field(default=None, title="样本")
    validity: str | None = Field(default=None, title="有效期")


class Intermediary(Frozen):
    """A service by a third party that the applicant needs first (中介服务)."""

    name: Name = Field(title="名称")
    content: Text | None = Field(default=None, title="内容")
    basis: Text | None = Field(default=None, title="依据")


class Item(Frozen):
    """A service item: elements of GB/T 39554.2 as far as the core has recorded them. Only code, version, name and department must be there."""

    code: Code = Field(title="事项编码")
    version: int = Field(ge=1, le=2**53, title="版本")
    name: Name = Field(title="事项名称")
    kind: str | None = Field(default=None, title="事项类型")  # 行政许可 | 公共服务 | …
    short_name: str | None = Field(default=None, title="简称")
    everyday_names: tuple[str, ...] = Field(default=(), title="通俗名称")
    catalogue_name: str | None = Field(default=None, title="目录名称")
    base_code: str | None = Field(default=None, title="基本编码")
    local_base_code: str | None = Field(default=None, title="地方基本编码")
    implementation_code: str | None = Field(default=None, title="实施编码")
    local_code: str | None = Field(default=None, title="地方实施编码")
    handling_code: str | None = Field(default=None, title="业务办理项编码")
    parent_code: str | None = Field(default=None, title="上级编码")
    parent_name: str | None = Field(default=None, title="上级名称")
    planned_effective: date | None = Field(default=None, title="计划生效日期")
    planned_cancel: date | None = Field(default=None, title="计划取消日期")

    department: Department = Field(title="实施主体")
    entrusted_department: str | None = Field(default=None, title="委托部门")
    supervising_department: str | None = Field(default=None, title="监管部门")
    co_departments: tuple[str, ...] = Field(default=(), title="联办机构")
    power_source: str | None = Field(default=None, title="权力来源")
    exercise_level: str | None = Field(default=None, title="行使层级")
    region: Region | None = Field(default=None, title="行政区划")
    regions: tuple[Region, ...] | None = Field(default=None, title="可办理的区域")
    level: str | None = Field(default=None, title="层级")  # 国家级 | 省级 | 市级 | 县级 | 镇级
    audience: tuple[str, ...] = Field(default=(), title="服务对象")  # 自然人 | 企业法人 | …
    themes: tuple[str, ...] = Field(default=(), title="主题")
    personal_themes: tuple[str, ...] | None = Field(default=None, title="面向自然人的主题")
    enterprise_themes: tuple[str, ...] | None = Field(default=None, title="面向法人的主题")

    legal_basis: tuple[LegalBasis, ...] | None = Field(default=None, title="设定依据")
    conditions: Text | None = Field(default=None, title="受理条件")
    quantity_limit: Text | None = Field(default=None, title="数量限制")
    situations: tuple[Situation, ...] = Field(default=(), title="情形")
    materials: tuple[Material, ...] | None = Field(default=None, title="申请材料")
    steps: tuple[Step, ...] | None = Field(default=None, title="办理流程")
    special_procedures: tuple[SpecialProcedure, ...] | None = Field(default=None, title="特别程序")
    intermediaries: tuple[Intermediary, ...] | None = Field(default=None, title="中介服务")
    statutory_limit: Limit | None = Field(default=None, title="法定办结时限")
    promised_limit: Limit | None = Field(default=None, title="承诺办结时限")
    fees: tuple[Fee, ...] | None = Field(default=None, title="收费")  # () = free of charge
    online_payment: bool | None = Field(default=None, title="是否支持网上支付")

    handling_kind: str | None = Field(default=None, title="办件类型")  # 即办件 | 承诺件
    handling_forms: tuple[str, ...] | None = Field(default=None, title="办理形式")  # 窗口办理 | 网上办理 | 快递申请
    handling_area: HandlingArea | None = Field(default=None, title="通办范围")
    places: tuple[Place, ...] | None = Field(default=None, title="办理地点")
    self_service: bool | None = Field(default=None, title="是否进驻自助终端")
    visits: int | None = Field(default=None, ge=0, le=100, title="到办事现场次数")
    visits_reason: Text | None = Field(default=None, title="必须到现场的原因")
    online: bool | None = Field(default=None, title="是否网上办理")
    online_depth: str | None = Field(default=None, title="网办深度")
    online_url: Url | None = Field(default=None, title="网上办理地址")
    mobile_url: Url | None = Field(default=None, title="移动端办理地址")
    booking: bool | None = Field(default=None, title="是否支持预约")
    booking_url: Url | None = Field(default=None, title="预约地址")
    materials_by_courier: bool | None = Field(default=None, title="材料可否寄递")
    delivery: bool | None = Field(default=None, title="结果可否寄递")  # result can be sent by courier
    delivery_payer: str | None = Field(default=None, title="寄递费用承担")  # free (免费) | city (寄付) | receiver (到付) | prepaid (先付后寄)

    results: tuple[Result, ...] | None = Field(default=None, title="办理结果")
    consult_phone: str | None = Field(default=None, title="咨询电话")
    complaint_phone: str | None = Field(default=None, title="监督投诉电话")
    consultation: Channels | None = Field(default=None, title="咨询方式")
    supervision: Channels | None = Field(default=None, title="监督投诉方式")
    reconsideration: Remedy | None = Field(default=None, title="行政复议")
    litigation: Remedy | None = Field(default=None, title="行政诉讼")
    faq: tuple[Question, ...] = Field(default=(), title="常见问题")
    form: dict[str, Any] | None = Field(default=None, title="申请表单")  # JSON Schema 2020-12 of the application form
    source: dict[str, Any] = Field(default_factory=dict, title="来源附加信息")  # what the source said that has no field above


class ItemRecord(Frozen):
    """One line of the items feed. `seq` grows with every change; a tombstone has `op` "remove" and no item.

    In force is, of the records whose `effective_from` has come (none: at once), the one with the greatest `seq`, until its `effective_to`.
    """

    seq: int = Field(ge=1, le=2**53)
    op: Literal["upsert", "remove"]
    code: Code
    version: int = Field(ge=1, le=2**53)
    batch: str
    effective_from: AwareDatetime | None = None
    effective_to: AwareDatetime | None = None
    replaced_by: tuple[Code, ...] = ()  # where a resident goes on once this one has ended or is withdrawn
    item: dict[str, Any] | None = None  # an Item; parsed on its own, so that the record can be parked with a reason


class ItemPage(Frozen):
    records: tuple[ItemRecord, ...]
    next_cursor: str
    has_more: bool
