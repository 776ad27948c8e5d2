"""Complaints, suggestions and consultation of a resident, under the number 12345 knows."""

from miniapp_api import complaint_filed
from miniapp_api.complaint_view import detail, entry
from miniapp_api.gate import Call, Routes
from miniapp_api.page_place import cursor, place
from miniapp_api.shapes_complaints import ComplaintDetail, ComplaintList, ComplaintsQuery, NewComplaint, NewQuestion, NewSatisfaction

routes = Routes()
_PATH = "/v1/complaints/<complaint_id:str>"


@routes.add(
    "POST",
    "/v1/complaints",
    who="resident",
    summary="投诉、建议、咨询；可带办事助手的对话",
    body=NewComplaint,
    reply=ComplaintDetail,
    status=201,
    idempotent=True,
)
async def file(call: Call) -> ComplaintDetail:
    return detail(await complaint_filed.file(call))


@routes.add("GET", "/v1/complaints", who="resident", summary="我的投诉、建议、咨询", query=ComplaintsQuery, reply=ComplaintList)
async def mine(call: Call) -> ComplaintList:
    query: ComplaintsQuery = call.query
    person_id = call.resident.person_id
    found = [] if person_id is None else await call.deps.complaining.store.mine(person_id, place(query.cursor), query.limit)
    return ComplaintList(
        items=[entry(one) for one in found], next_cursor=cursor(found[-1].told_at, found[-1].id) if len(found) == query.limit else None
    )


@routes.add("GET", _PATH, who="resident", summary="一条诉求和办理过程", reply=ComplaintDetail)
async def look(call: Call, complaint_id: str) -> ComplaintDetail:
    return detail(await complaint_filed.own(call, complaint_id))


@routes.add("POST", f"{_PATH}/questions", who="resident", summary="对答复追问", body=NewQuestion, reply=ComplaintDetail, status=201, idempotent=True)
async def follow_up(call: Call, complaint_id: str) -> ComplaintDetail:
    return detail(await complaint_filed.follow_up(call, complaint_id, call.body.text))


@routes.add(
    "POST",
    f"{_PATH}/satisfaction",
    who="resident",
    summary="评价答复（一次）；评价后办结",
    body=NewSatisfaction,
    reply=ComplaintDetail,
    status=201,
    idempotent=True,
)
async def rate(call: Call, complaint_id: str) -> ComplaintDetail:
    return detail(await complaint_filed.rate(call, complaint_id, call.body.grade, call.body.text))
