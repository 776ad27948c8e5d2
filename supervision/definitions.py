"""What each figure means, as everybody reads it beside the number. Sources and doubts: docs/decisions/0025-figures.md."""

from dataclasses import dataclass

EDITION = 1  # another number when a definition changes: snapshots say which one they followed


@dataclass(frozen=True, slots=True)
class Definition:
    id: str
    name: str
    text: str


DEFINITIONS = (
    Definition("wholly_online", "网上全流程办理率", "可以网上申请并且不用到现场的事项 ÷ 登记了这两项的在办事项"),
    Definition("wholly_online_permits", "网上全流程办理率（行政许可）", "同上，只算行政许可事项"),
    Definition("applied_online", "上网办理率", "当月在网上提出、核心平台已收到的申请 ÷ 核心平台统计的当月各渠道申请（含窗口）"),
    Definition(
        "finished_online",
        "网上办结率",
        "当月办结、网上申请并且全程不用到现场的办件 ÷ 核心平台统计的当月各渠道办结（含窗口），减去不知道要不要到现场的",
    ),
    Definition("visits_0", "零次到现场的事项占比", "登记到现场次数为 0 次的事项 ÷ 登记了到现场次数的事项"),
    Definition("visits_1", "到现场不超过一次的事项占比", "登记到现场次数不超过 1 次的事项 ÷ 登记了到现场次数的事项"),
    Definition("visits_2", "到现场不超过两次的事项占比", "登记到现场次数不超过 2 次的事项 ÷ 登记了到现场次数的事项"),
    Definition("visits_average", "平均到现场次数", "登记的到现场次数的平均；没有登记的不计入，另列项数"),
    Definition("in_time", "按时办结率", "当月办结的网上办件中，在承诺或法定时限（先到的）内作出决定的 ÷ 有时限可算的；补正和特别程序的时间不计"),
)
OF_CASES = frozenset({"applied_online", "finished_online", "in_time"})  # counted over cases; the others over items
NAMES = {one.id: one.name for one in DEFINITIONS}
