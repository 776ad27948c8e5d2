"""What is held of supervision: counts, and cases by their number. Whose a case is, `cases` knows."""

from collections.abc import Mapping

from miniapp_api.privacy.held import Held, Stays
from miniapp_api.privacy.of_matters import FIVE_YEARS, SUITS
from miniapp_api.privacy.of_people import CIVIL, THREE_YEARS

_COUNTS = "只有件数、秒数和出错原因，没有草稿的编号"
_NUMBERS = "只有办件的编号、事项、部门和时间；谁的，要经过办件才知道"

OF_SUPERVISION: Mapping[str, Held] = {
    "case_facts": Held(
        "technical",
        "效能监督的办件数据",
        Stays("job", f"办结之后，{SUITS}", FIVE_YEARS, "finished_at", "submitted_at", {"open": False}),
        why=_NUMBERS,
    ),
    "supervision_warnings": Held("technical", "临期和逾期的预警", Stays("job", CIVIL, THREE_YEARS, "at"), why=f"{_NUMBERS}；处理说明不写人"),
    "item_days": Held(
        "technical", "哪些天的事项办理情况数过了", Stays("index", "200 天，够最长的时段和它之前的一段", 200, "begun_at"), why="只有日期"
    ),
    "item_tallies": Held(
        "technical", "每个事项每天开始的草稿走到哪一步、用了多久", Stays("index", "200 天，够最长的时段和它之前的一段", 200, "begun_at"), why=_COUNTS
    ),
    "supervision_builds": Held("technical", "效能监督的办件数据算到了哪里", Stays("hand", "只有一条，每次改写"), why="只有最后一个办件的编号"),
    "supervision_snapshots": Held("technical", "每月定稿的指标", Stays("hand", "公布过的数要能核对"), why="只有各部门的件数，没有单个办件"),
}
