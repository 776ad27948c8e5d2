"""A parcel in a resident's words: its state, who carries it, who pays, what went wrong."""

from delivery.couriers import CourierName
from delivery.parcels import Direction, Method, State, WhoPays

STATES = {
    State.ASKED: "等待安排",
    State.AWAITING_PAYMENT: "待付运费",
    State.READY: "待下单",
    State.BOOKING: "正在向快递下单",
    State.BOOKED: "等待快递收件",
    State.COLLECTED: "已收件",
    State.IN_TRANSIT: "运送中",
    State.DELIVERING: "派送中",
    State.AT_PICKUP_POINT: "待取件",
    State.EXCEPTION: "派送异常",
    State.REJECTED: "已拒收",
    State.RETURNING: "退回中",
    State.RETURNED: "已退回",
    State.LOST: "已遗失",
    State.DELIVERED: "已签收",
    State.CANCELLED: "已取消",
    State.WAITING_AT_HALL: "待到窗口领取",
    State.PICKED_UP: "已在窗口领取",
    State.ARRIVED: "材料已到窗口",
}
CANCELLING = "正在取消"
COURIERS: dict[CourierName, str] = {"sf": "顺丰速运", "ems": "邮政 EMS", "kuaidi100": "快递"}
DIRECTIONS: dict[Direction, str] = {"to_resident": "证照寄到家", "to_hall": "材料寄到窗口"}
METHODS: dict[Method, str] = {"courier": "快递", "pickup": "到窗口领取", "own_courier": "自行寄送"}
PAYERS: dict[WhoPays, str] = {"free": "免费", "city": "寄付（政府承担）", "receiver": "到付", "prepaid": "先付后寄"}
LABEL_PAYERS: dict[WhoPays, str] = {"free": "寄付", "city": "寄付", "receiver": "到付", "prepaid": "寄付"}
PROBLEMS = {
    "not_reachable": "快递不派送这个地址，请换一个地址，或取消后改为到窗口领取",
    "address_refused": "快递认不出这个地址，请核对后修改",
    "not_offered": "这家快递暂时不能下单，请取消后换一家，或改为到窗口领取",
    "cancelled_by_courier": "快递取消了这一单，工作人员会重新安排",
}
PROBLEM = "快递没有接受这次下单，请核对地址，或取消后改为到窗口领取"


def problem(word: str | None) -> str | None:
    return None if word is None else PROBLEMS.get(word, PROBLEM)
