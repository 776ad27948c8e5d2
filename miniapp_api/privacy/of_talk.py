"""What is held of what was said and looked at: messages, questions, WeChat chats; and everything that is nobody's."""

from collections.abc import Mapping

import orjson

from kit.crypto import Keyring
from miniapp_api.privacy.held import Held, Part, Row, Stays, Whose, of_addresses, of_residents, shown
from miniapp_api.privacy.of_people import CIVIL, PROOF, THREE_YEARS

_NOTHING = "没有个人信息"
_PUBLIC = Stays("hand", _NOTHING)


def _talk(row: Row, keys: Keyring, whose: Whose) -> Row:
    """An account that was another's before: what they said is theirs."""
    since = whose.since.get(row["resident_id"])
    turns = [orjson.loads(keys.open(one, f"conversations/turns/{row['_id']}")) for one in row.get("turns") or ()]
    return {"turns": [one for one in turns if since is None or one["at"] > since.isoformat()], "updated_at": row["updated_at"]}


def _handover(row: Row, keys: Keyring, whose: Whose) -> Row:
    since = whose.since.get(row["resident_id"])
    talk = orjson.loads(keys.open(row["talk"], f"bot_handovers/talk/{row['conversation_id']}"))
    return {"talk": [one for one in talk if since is None or one["at"] > since.isoformat()], "state": row["state"], "at": row["at"]}


def _jobs(whose: Whose) -> Row:
    """Rows that name the person; those that name one of their messages go with the messages."""
    return {"$or": [{"payload.person_id": {"$in": list(whose.addresses)}}, {"payload.resident_id": {"$in": list(whose.resident_ids)}}]}


OF_TALK: Mapping[str, Held] = {
    "messages": Held(
        "message",
        "收件箱",
        Stays("job", CIVIL, THREE_YEARS, "at"),
        (Part(of_addresses("person_id"), shown("kind", "case_no", "text", "at", "read_at", "channels"), "delete"),),
    ),
    "broadcasts": Held(
        "staff",
        "群发的内容、范围和条数",
        Stays("hand", "发过什么、谁批准的，供查证"),
        why="不是居民；发给了谁只在各人的收件箱里，发的时候记着发到哪个编号，发完就清掉",
    ),
    "consents": Held(
        "message",
        "订阅消息的次数",
        Stays("owner", "账号存在期间"),
        (Part(of_residents(), shown("channel", "template_key", "last_result", "remaining", "at"), "delete"),),
    ),
    "reminders": Held(
        "message",
        "到期提醒：哪一件、什么时候到期",
        Stays("index", "到期之后 30 天", 30, "due_at"),
        (Part(of_addresses("person_id"), shown("kind", "about", "due_at", "remind_at", "state"), "delete"),),
    ),
    "reminder_sweeps": Held(
        "technical", "证照到期查到哪一位", Stays("hand", "只有一行，查过一遍就清空"), why="只有一个编号，说不出是谁的什么，一天之内换成别的"
    ),
    "conversations": Held(
        "conversation",
        "智能咨询的对话（加密）",
        Stays("index", "7 天", 7, "updated_at"),
        (Part(of_residents(at="updated_at"), _talk, "delete"),),
        why="没有登录时的对话不知道是谁的，7 天后自行删除",
    ),
    "bot_misses": Held(
        "conversation", "没有帮上忙的提问", Stays("index", "90 天", 90, "last_at"), why="只有话和次数，号码和自报的姓名先抹掉，不记是谁"
    ),
    "bot_handovers": Held(
        "conversation",
        "等待人工的对话（加密）",
        Stays("index", "180 天", 180, "at"),
        (Part(of_residents(at="at"), _handover, "delete"),),
    ),
    "wechat_messages": Held(
        "conversation",
        "微信客服消息",
        Stays("index", "答完就删去内容，7 天后全部删除", 0, "forget_at"),
        (
            Part(
                lambda whose: {"sender_index": {"$in": list(whose.senders)}} if whose.senders else None,
                shown("account", "kind", "at", "state"),
                "delete",
            ),
        ),
        why="公众号的消息认不出是哪位居民，答完就删去内容，7 天后全部删除",
    ),
    "wechat_greeted": Held(
        "conversation",
        "问候过",
        Stays("index", "30 天", 0, "forget_at"),
        (Part(lambda whose: {"_id": {"$in": list(whose.senders)}} if whose.senders else None, shown("forget_at"), "delete"),),
    ),
    "access_log": Held(
        "technical",
        "谁看过我的信息",
        Stays("index", CIVIL, THREE_YEARS, "at"),
        (Part(of_addresses("person_id"), shown("at", "by", "what", "reason"), "delete"),),
    ),
    "exports": Held(
        "technical",
        "信息导出",
        Stays("owner", "24 小时"),
        (Part(of_addresses("whose"), shown("state", "asked_at", "expires_at"), "delete"),),
    ),
    "erasures": Held(
        "technical",
        "注销记录：何时、每处删去几条",
        Stays("index", PROOF, THREE_YEARS, "finished_at"),
        why="办完就不再有任何编号，只有时间和条数",
    ),
    "outbox": Held(
        "technical",
        "要做的事",
        Stays("index", "做完之后 7 天；搁置的等值守处理", 7, "done_at"),
        (Part(_jobs, None, "delete"),),
        why="只有编号，内容在消息、办件和订单里；做完就清空",
    ),
    "idempotency": Held(
        "technical",
        "重复提交时给出的同一个回答（加密）",
        Stays("index", "30 天；下单和退款申请的随账号", 0, "forget_at"),
        (Part(lambda whose: {"who": {"$in": list(whose.resident_ids)}}, None, "delete"),),
        why="是已经给过本人的回答，内容在办件和订单里",
    ),
    "staff_accounts": Held("staff", "工作人员账号", Stays("hand", "任职期间；用户名不再用于别人"), why="不是居民"),
    "staff_sessions": Held("staff", "工作人员登录", Stays("index", "12 小时", 0, "expires_at"), why="不是居民"),
    "staff_tries": Held("staff", "工作人员登录失败次数", Stays("index", "15 分钟", 0, "forget_at"), why="只有密钥摘要"),
    "staff_audit": Held(
        "staff",
        "工作人员做过什么",
        Stays("hand", "网络安全法（日志不少于六个月）；链不能删减"),
        why="只有用户名和编号，没有姓名、号码；谁看过本人的，在“谁看过我的信息”里",
    ),
    "items": Held("public", "事项", _PUBLIC, why=_NOTHING),
    "item_versions": Held("public", "事项的历史版本", _PUBLIC, why=_NOTHING),
    "guides": Held("public", "办事指南", _PUBLIC, why=_NOTHING),
    "catalogue": Held("public", "目录同步到哪里", _PUBLIC, why=_NOTHING),
    "items_parked": Held("public", "读不懂的事项", _PUBLIC, why=_NOTHING),
    "publications": Held("public", "公告、政策等", _PUBLIC, why=_NOTHING),
    "publications_feed": Held("public", "公开信息同步到哪里", _PUBLIC, why=_NOTHING),
    "publications_parked": Held("public", "读不懂的公开信息", _PUBLIC, why=_NOTHING),
    "item_views": Held("public", "指南看了多少次", _PUBLIC, why="只有次数"),
    "unfound_questions": Held("public", "没有找到事项的提问", Stays("index", "180 天", 180, "last_at"), why="30 字以内，号码先抹掉，不记是谁"),
}
