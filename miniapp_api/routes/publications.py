"""What the city makes public beside its items: notices, policies, agencies, exposed problems."""

from datetime import datetime
from typing import Any

from content.publications_search import Wanted
from kit.clock import at_edge
from miniapp_api.gate import Call, Routes
from miniapp_api.shapes_public import PublicationDetail, PublicationEntry, PublicationList, PublicationsQuery

routes = Routes()


@routes.add(
    "GET", "/v1/publications", who="anyone", summary="公告、政策、中介名录、曝光纠错：列出和查找", query=PublicationsQuery, reply=PublicationList
)
async def list_publications(call: Call) -> PublicationList:
    query: PublicationsQuery = call.query
    page = call.deps.publications.find(Wanted(query.q, query.kind, query.item_code, query.cursor, query.limit))
    return PublicationList(
        items=[
            PublicationEntry(
                id=one.id,
                kind=one.kind,
                title=one.title,
                summary=one.summary,
                department=one.department,
                published_at=at_edge(one.published_at),
                score=score,
            )
            for one, score in page.found
        ],
        next_cursor=page.next_cursor,
        total=page.total,
        as_of=call.deps.publications.as_of,
    )


@routes.add("GET", "/v1/publications/<publication_id:str>", who="anyone", summary="一条公开信息，过期的也能看", reply=PublicationDetail)
async def publication(call: Call, publication_id: str) -> PublicationDetail:
    found, expired = await call.deps.publications.publication(publication_id)
    exposure = found["exposure"] and {**found["exposure"], "replied_at": _at_edge(found["exposure"]["replied_at"])}
    told: dict[str, Any] = {
        **found,
        "department": found["department"] and found["department"]["name"],
        "published_at": _at_edge(found["published_at"]),
        "expires_at": _at_edge(found["expires_at"]),
        "exposure": exposure,
        "state": "expired" if expired else "current",
        "state_text": "已过期" if expired else "有效",
        "as_of": call.deps.publications.as_of,
    }
    return PublicationDetail.model_validate(told)


def _at_edge(moment: str | None) -> str | None:
    return None if moment is None else at_edge(datetime.fromisoformat(moment))
