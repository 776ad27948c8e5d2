"""Every collection of the database and what it holds of people. A collection that is not here fails tests/house/test_personal_data.py."""

from collections.abc import Mapping

from miniapp_api.privacy.held import KINDS, Held
from miniapp_api.privacy.of_appointments import OF_APPOINTMENTS
from miniapp_api.privacy.of_complaints import OF_COMPLAINTS
from miniapp_api.privacy.of_items import OF_ITEMS
from miniapp_api.privacy.of_matters import OF_MATTERS
from miniapp_api.privacy.of_parcels import OF_PARCELS
from miniapp_api.privacy.of_people import OF_PEOPLE
from miniapp_api.privacy.of_ratings import OF_RATINGS
from miniapp_api.privacy.of_supervision import OF_SUPERVISION
from miniapp_api.privacy.of_talk import OF_TALK

COLLECTIONS: Mapping[str, Held] = {
    **{**OF_PEOPLE, **OF_MATTERS, **OF_PARCELS, **OF_TALK},
    **{**OF_APPOINTMENTS, **OF_RATINGS, **OF_COMPLAINTS, **OF_SUPERVISION, **OF_ITEMS},
}
_HOW = {"index": "数据库自动删除", "job": "每天的任务删除", "owner": "随所属的删除", "hand": "不自动删除"}


def on_erasure(held: Held) -> str:
    """What deleting an account does, in a few words."""
    acts = [part.erase for part in held.parts]
    if not acts:
        return "不变（找不到人）"
    if all(act == "delete" for act in acts):
        return "删除"
    return "删除；为别人办的去掉身份" if acts[0] == "delete" else "去掉身份后保留"


def table() -> str:
    """Markdown: what is held, for how long and why, what deleting an account does. docs/operations.md holds the same text."""
    lines = ["| 集合 | 类别 | 里面是什么 | 保留 | 依据或理由 | 怎样删除 | 注销账号时 |", "|---|---|---|---|---|---|---|"]
    for name, held in COLLECTIONS.items():
        stays = held.stays
        kept = f"{stays.days:g} 天，自 `{stays.since}`" if stays.days else f"到 `{stays.since}`" if stays.since else "见依据"
        lines.append(f"| `{name}` | {KINDS[held.kind]} | {held.what} | {kept} | {stays.ground} | {_HOW[stays.by]} | {on_erasure(held)} |")
    return "\n".join(lines)
