"""Story: what everybody may read of ratings in one month: grades by department and item where enough people rated, bad ones put right."""

from datetime import UTC, datetime

from kit.clock import BEIJING, now
from miniapp_api.rating_view import published_entry
from miniapp_api.shapes_ratings import DepartmentRatings, GradeCount, ItemRatings, OpenRatings
from miniapp_api.wiring import Deps
from ratings.figures import Figures, gathered, tellable, tellable_items
from ratings.values import GRADES

MOST = 200  # published rectifications of a month that are told


async def of_month(deps: Deps, asked: str) -> OpenRatings:
    """`asked`: 2026-11, or "" for this month. Months are Beijing's."""
    month = asked or f"{now().astimezone(BEIJING):%Y-%m}"
    since, until = _bounds(month)
    store = deps.rating.store
    rows = await store.tally_items(since, until)
    departments = gathered(rows, "department")
    items, names = gathered(rows, "department", "item_code"), {row["item_code"]: row["item_name"] for row in rows}
    open_departments = tellable(departments, deps.rating.terms.fewest)
    told = tellable_items(items, [name for (name,) in open_departments], deps.rating.terms.fewest)
    published = await store.rectifications.published(since, until, MOST)
    ratings = await store.of_ids([one.id for one in published])
    return OpenRatings(
        month=month,
        departments=[_department(key, one, is_told=key in open_departments) for key, one in departments.items()],
        items=[_item(key, names[key[1]], one) for key, one in items.items() if key in told],
        items_suppressed=sum(1 for key, one in items.items() if key not in told and one.count),
        rectified=[published_entry(one, ratings[one.id]) for one in published if one.id in ratings],
    )


def _bounds(month: str) -> tuple[datetime, datetime]:
    year, number = int(month[:4]), int(month[5:])
    first = datetime(year, number, 1, tzinfo=BEIJING)
    following = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=BEIJING)
    return first.astimezone(UTC), following.astimezone(UTC)


def _department(key: tuple[str | None, ...], one: Figures, *, is_told: bool) -> DepartmentRatings:
    """How many rated is always told; what they said only where it is not that of a few."""
    grades = [GradeCount(grade=grade, text=text, count=one.counts[grade], share=one.share(one.counts[grade])) for grade, text in GRADES.items()]
    shown, satisfied = (grades, one.satisfied) if is_told else ([], None)
    return DepartmentRatings(department=key[0], count=one.count, grades=shown, satisfied_share=satisfied, excluded=one.excluded)


def _item(key: tuple[str | None, str], name: str, one: Figures) -> ItemRatings:
    department, code = key
    return ItemRatings(department=department, item_code=code, item_name=name, count=one.count, satisfied_share=one.satisfied or 0.0)
