"""What a rating can be about (GB/T 39734: online four, at a window its service too), in words that fit the grade. Codes go to the core as they are."""

from dataclasses import dataclass

from ratings.values import GOOD_FROM

HALLS = frozenset({"kiosk", "window"})  # channels where somebody was there in person


@dataclass(frozen=True, slots=True)
class Indicator:
    """`topic`: one of the standard's indicators; `is_good`: it praises."""

    code: str
    topic: str
    text: str
    is_good: bool
    at_window: bool = False


INDICATORS: dict[str, Indicator] = {
    one.code: one
    for one in (
        Indicator("on_time", "办事效率", "办得快，在承诺时间以内", True),
        Indicator("guide_right", "办事指南精确度", "办事指南写得准确、好懂", True),
        Indicator("convenient", "办事便捷度", "少填表、少交材料、少跑腿", True),
        Indicator("platform_smooth", "平台操作性", "小程序好找、好用、不卡顿", True),
        Indicator("service_fast", "服务效率", "窗口等候时间短", True, at_window=True),
        Indicator("service_skilled", "服务水平", "工作人员业务熟练", True, at_window=True),
        Indicator("service_kind", "服务态度", "工作人员热情耐心", True, at_window=True),
        Indicator("slow", "办事效率", "办得慢，超过承诺时间", False),
        Indicator("guide_wrong", "办事指南精确度", "办事指南与实际要求不一致", False),
        Indicator("extra_materials", "办事便捷度", "要求提交指南以外或重复的材料", False),
        Indicator("extra_visits", "办事便捷度", "本可网上办理，却要多次到现场", False),
        Indicator("platform_broken", "平台操作性", "系统卡顿、出错，或难以操作", False),
        Indicator("service_slow", "服务效率", "窗口等候时间长", False, at_window=True),
        Indicator("service_unskilled", "服务水平", "工作人员业务不熟、说不清楚", False, at_window=True),
        Indicator("service_rude", "服务态度", "工作人员推诿、生硬", False, at_window=True),
    )
}


def offered(grade: int, channel: str) -> list[Indicator]:
    """基本满意 may both praise and blame."""
    return [one for one in INDICATORS.values() if (not one.at_window or channel in HALLS) and _fits(grade, one)]


def _fits(grade: int, one: Indicator) -> bool:
    return grade == GOOD_FROM or one.is_good == (grade > GOOD_FROM)
