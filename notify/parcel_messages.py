"""What residents are told of their parcels, in words. No address, no phone, and of the courier's own text nothing."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from notify.kinds import Value
from notify.told import Told
from notify.values import plain

MOVED, PROBLEM, PAPERS = "parcel_moved", "parcel_problem", "papers_arrived"

# what happened -> (at most five characters, the sentence); {carrier} is the courier with its waybill
_MOVED = {
    "booked": ("已约快递", "已交由{carrier}承运，收件前可在“我的寄递”查看"),
    "collected": ("已寄出", "已由{carrier}收件寄出"),
    "delivering": ("派送中", "正在由{carrier}派送，请保持电话畅通；需要核验证件的，请备好有效身份证件"),
    "at_pickup_point": ("待取件", "已由{carrier}送到代收点或快递柜，请尽快取件"),
    "delivered": ("已签收", "已签收（{carrier}）。如非本人或您登记的代办人签收，请马上致电 12345"),
    "ready_at_hall": ("待领取", "已备好，请带有效身份证件到窗口领取"),
    "picked_up": ("已领取", "已在窗口核验证件后领取。如非本人或您登记的代办人领取，请马上致电 12345"),
    "cancelled": ("已取消", "的寄递已取消，需要时可以重新申请"),
}
# what went wrong -> (…, the sentence, what to do, at most twenty characters)
_PROBLEMS = {
    "rejected": ("被拒收", "被拒收（{carrier}），工作人员会与您联系", "工作人员会与您联系"),
    "returned": ("已退回", "已退回（{carrier}），可以到窗口领取，工作人员也会与您联系", "可到窗口领取或等待联系"),
    "lost": ("已遗失", "经{carrier}确认遗失，工作人员会与您联系补办，不用您重新申请", "工作人员会联系您补办"),
    "stuck": ("久未更新", "好几个工作日没有新的轨迹（{carrier}），工作人员正在查询", "工作人员正在查询"),
    "not_cancelled": ("未能取消", "没有取消成：快递已经收件（{carrier}）", "快递已收件，请签收后处理"),
    "called_off": ("未能寄出", "没有寄出：快递取消了这一单，工作人员会重新安排", "工作人员会重新安排"),
    "refused": ("未能寄出", "没有寄出：快递没有接受这次下单，请核对地址，或改为到窗口领取", "请核对地址或改到窗口领取"),
}
# of papers on their way to the hall; what is not told of them is None
_PAPERS_MOVED: dict[str, tuple[str, str] | None] = {
    "delivering": None,
    "at_pickup_point": None,
    "delivered": ("已送达", "已由{carrier}送到，等待窗口核对登记"),
    "ready_at_hall": None,
    "picked_up": None,
}
_PAPERS_PROBLEMS = {
    "rejected": ("被拒收", "没有被收下（{carrier}），请联系窗口核对后重新寄送或到窗口提交", "请联系窗口后重新寄送"),
    "returned": ("已退回", "已退回给您（{carrier}），请核对后重新寄送或到窗口提交", "请重新寄送或到窗口提交"),
    "lost": ("已遗失", "经{carrier}确认遗失，请联系窗口重新提交，工作人员也会与您联系", "请联系窗口重新提交"),
}
KINDS = frozenset({*_MOVED, *_PROBLEMS, "arrived_at_hall"})


@dataclass(frozen=True, slots=True)
class About:
    """`what`: the item's name. `carrier`: a courier's Chinese name, "" where nobody carries it. `place`: the hall.
    `is_papers`: it goes to the hall."""

    parcel_id: str
    case_no: str
    what: str
    carrier: str
    waybill: str | None
    place: str
    is_papers: bool = False


def told(kind: str, about: About, at: datetime) -> Told | None:
    """`kind`: of KINDS. None: nobody needs to hear of that."""
    page = f"pages/parcel/detail?id={quote(about.parcel_id, safe='')}"
    if kind == "arrived_at_hall":
        text = f"您为“{about.what}”（办件编号 {about.case_no}）寄送的材料已到{about.place}，工作人员会按材料办理。"
        fields: dict[str, Value] = {"item": about.what, "at": at, "place": about.place, "case_no": about.case_no}
        return Told(PAPERS, plain(text)[:2000], fields, page, about.case_no)
    carrier = f"{about.carrier}，运单号 {about.waybill}" if about.carrier and about.waybill else about.carrier or "快递"
    head = f"您的“{about.what}”寄递件（办件编号 {about.case_no}）"
    if (problem := (_PAPERS_PROBLEMS if about.is_papers else {}).get(kind) or _PROBLEMS.get(kind)) is not None:
        fields = {"what": about.what, "state": problem[0], "at": at, "advice": problem[2]}
        return Told(PROBLEM, plain(f"{head}{problem[1].format(carrier=carrier)}。")[:2000], fields, page, about.case_no)
    moved = _PAPERS_MOVED[kind] if about.is_papers and kind in _PAPERS_MOVED else _MOVED[kind]
    if moved is None:
        return None
    short, sentence = moved
    remark = f"{about.carrier}承运" if about.carrier else "请带有效身份证件"
    fields = {"what": about.what, "state": short, "at": at, "remark": remark, "waybill": about.waybill or about.case_no}
    return Told(MOVED, plain(f"{head}{sentence.format(carrier=carrier)}。")[:2000], fields, page, about.case_no)
