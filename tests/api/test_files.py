"""Uploads over HTTP: streamed, bounded, one clear answer to everything, and seen by their owner only."""

import asyncio
import io
import socket
import time
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from PIL import Image

from kit.mongo import Mongo, connect
from tests.api.house import Answer, House, Json, Resident, make_resident
from tests.cases import corpus
from tests.cases.corpus import make_jpeg, make_ofd, make_pdf

MB = 1024 * 1024


async def send(resident: Resident, raw: bytes, name: str = "照片.jpg", *, more: dict[str, str] | None = None, quoted: bool = False) -> Answer:
    form = aiohttp.FormData(quote_fields=quoted)
    for key, value in (more or {}).items():
        form.add_field(key, value)
    form.add_field("file", raw, filename=name, content_type="image/jpeg")
    return await post(resident, form)


async def post(resident: Resident, data: object, content_type: str | None = None) -> Answer:
    house = resident.house
    headers = {"Authorization": f"Bearer {resident.token}", **({"Content-Type": content_type} if content_type else {})}
    async with house.http.post(f"{house.stack.api}/v1/files", data=data, headers=headers) as reply:
        received = await reply.read()
        return Answer(reply.status, {k.lower(): v for k, v in reply.headers.items()}, received, await reply.json(content_type=None))


async def download(resident: Resident, file_id: str) -> Answer:
    return await resident.api("GET", f"/v1/files/{file_id}/content")


def is_problem(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.json["code"]) == (status, code), answer.body[:300]
    assert answer.json["request_id"] == answer.headers["x-request-id"] and any("一" <= char <= "鿿" for char in answer.json["title"])


@pytest.fixture
async def store(house: House) -> Mongo:
    return connect(house.stack.env["MONGO_URL"], house.stack.env["ZHANGBAN_MONGO_DATABASE"])


async def test_a_photo_goes_in_and_comes_back_without_its_place(house: House) -> None:
    resident = await make_resident(house)
    answer = await send(resident, make_jpeg(orientation=6), "../../我的 照片\u202e.exe", more={"purpose": "material"})
    assert answer.status == 201, answer.body
    made = answer.json
    assert made["media_type"] == "image/jpeg" and made["state"] == "ready" and made["name"] == "我的 照片.jpg" and made["pages"] is None
    assert (await resident.api("GET", f"/v1/files/{made['id']}")).json == made
    got = await download(resident, made["id"])
    assert len(got.body) == made["size"] == int(got.headers["content-length"]) and b"canary" not in got.body and b"Exif" not in got.body
    assert Image.open(io.BytesIO(got.body)).size == (200, 320)
    assert got.headers["content-type"] == "image/jpeg" and got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-disposition"].startswith("attachment;") and quote("我的 照片.jpg") in got.headers["content-disposition"]
    assert got.headers["cache-control"] == "private, no-store"


async def test_documents_are_kept_byte_for_byte_and_found_again(house: House) -> None:
    resident = await make_resident(house)
    for raw, pages in ((make_pdf(3, filler=3 * MB), 3), (make_ofd(2), 2)):
        made = (await send(resident, raw, "合同.pdf")).json
        assert made["pages"] == pages and (await download(resident, made["id"])).body == raw
        assert (await send(resident, raw, "again.pdf")).json["id"] == made["id"]


async def test_only_the_owner_sees_a_file_and_both_of_their_channels_do(house: House) -> None:
    person = await house.world("POST", "/world/people", {})
    wechat, alipay, stranger = Resident(house, person), Resident(house, person, "alipay"), await make_resident(house)
    for own in (wechat, alipay):
        await own.log_in()
        await own.bind()
    raw = make_pdf()
    file_id = (await send(wechat, raw)).json["id"]
    assert (await download(alipay, file_id)).body == raw and (await send(alipay, raw)).json["id"] == file_id
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        is_problem(await stranger.api(method, f"/v1/files/{file_id}{path}"), 404, "file_unknown")
    assert (await send(stranger, raw)).json["id"] != file_id
    async with house.http.get(f"{house.stack.api}/v1/files/{file_id}/content") as reply:
        assert reply.status == 401


async def test_head_tells_the_length_and_a_deleted_file_is_gone(house: House) -> None:
    resident = await make_resident(house)
    made = (await send(resident, make_pdf())).json
    head = await resident.api("HEAD", f"/v1/files/{made['id']}/content")
    assert head.status == 200 and head.headers["content-length"] == str(made["size"]) and head.body == b""
    assert (await resident.api("DELETE", f"/v1/files/{made['id']}")).status == 204
    is_problem(await resident.api("DELETE", f"/v1/files/{made['id']}"), 404, "file_unknown")
    is_problem(await download(resident, made["id"]), 404, "file_unknown")


REFUSED: dict[str, Json] = {
    "page": lambda: b"<!doctype html><script>1</script>",
    "svg": lambda: b"<svg onload=alert(1)>",
    "zip": lambda: corpus.make_zip(a=b"1"),
    "macro": lambda: corpus.make_zip(**{"[Content_Types].xml": b"<T/>", "word/vbaProject.bin": b"x"}),
    "eicar": lambda: corpus.EICAR,
    "pixel flood": corpus.flood_png,
    "zip behind a photo": lambda: make_jpeg() + corpus.make_zip(a=b"1"),
    "script in a pdf": corpus.pdf_with_script,
    "ofd that climbs": lambda: make_ofd(more={"../x": b"x"}),
    "ofd that swells": lambda: make_ofd(more={"x": bytes(60 * MB)}),
    "empty": lambda: b"",
    "half a photo": lambda: make_jpeg(800, 800, noise=50)[:-3000],
}


@pytest.mark.parametrize("what", REFUSED)
async def test_hostile_files_are_refused_with_what_to_do(house: House, what: str) -> None:
    resident = await make_resident(house, bound=False)
    answer = await send(resident, REFUSED[what]())
    is_problem(answer, 422, "file_refused")
    assert answer.json["errors"] == [{"field": "file", "message": answer.json["title"]}]


def body(*parts: tuple[str, bytes], boundary: bytes = b"XX", end: bytes = b"--") -> bytes:
    made = b"".join(b"--" + boundary + b"\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + raw + b"\r\n" for head, raw in parts)
    return made + b"--" + boundary + end + b"\r\n"


FORM = "multipart/form-data; boundary=XX"
PDF = make_pdf()
FILE = 'name="file"; filename="a.pdf"'
WRONG = {
    "json": (b'{"file": 1}', "application/json"),
    "no boundary": (body((FILE, PDF)), "multipart/form-data"),
    "huge boundary": (body((FILE, PDF)), f"multipart/form-data; boundary={'X' * 300}"),
    "another boundary": (body((FILE, PDF)), "multipart/form-data; boundary=YY"),
    "nothing": (b"", FORM),
    "noise": (b"\0\xff" * 500, FORM),
    "no parts": (b"--XX--\r\n", FORM),
    "two files": (body((FILE, PDF), (FILE, PDF)), FORM),
    "unknown field": (body((FILE, PDF), ('name="role"', b"admin")), FORM),
    "unnamed part": (body(("x", PDF)), FORM),
    "only a purpose": (body(('name="purpose"', b"x")), FORM),
    "wrong purpose": (body(('name="purpose"', "../用途".encode()), (FILE, PDF)), FORM),
    "long purpose": (body(('name="purpose"', b"x" * 70_000), (FILE, PDF)), FORM),
    "ten thousand parts": (body(*[(f'name="p{n}"', b"") for n in range(10_000)]), FORM),
    "headers without end": (b"--XX\r\n" + b"X-A: b\r\n" * 5000, FORM),
    "cut before the end": (body((FILE, PDF))[:-6], FORM),
    "header of bytes": (b"--XX\r\nContent-Disposition: form-data; name=file; filename=\xff\xfe\0\r\n\r\n" + PDF[:-40], FORM),
}


@pytest.mark.parametrize("what", WRONG)
async def test_wrong_multipart_is_a_422_with_a_sentence(house: House, what: str) -> None:
    resident = await make_resident(house, bound=False)
    raw, content_type = WRONG[what]
    answer = await post(resident, raw, content_type)
    is_problem(answer, 422, "input_invalid")
    assert answer.json["errors"]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ('name="file"; filename="a\0b.pdf"', "ab.pdf"),
        ('name="file"; filename="..\\\\..\\\\x.pdf"', "x.pdf"),
        ('name="file"', "文件.pdf"),
        ('name="file"; filename=""', "文件.pdf"),
    ],
)
async def test_strange_names_are_tidied(house: House, head: str, name: str) -> None:
    resident = await make_resident(house, bound=False)
    answer = await post(resident, body((head, PDF)), FORM)
    assert (answer.status, answer.json["name"]) == (201, name), answer.body


async def test_names_in_gbk_and_percent_encoded_ones_are_read(house: House) -> None:
    resident = await make_resident(house, bound=False)
    assert (await send(resident, make_pdf(2), "户口本 第1页.pdf", quoted=True)).json["name"] == "户口本 第1页.pdf"
    raw = body((FILE, PDF)).replace(b"a.pdf", "身份证.pdf".encode("gb18030"))
    assert (await post(resident, raw, FORM)).json["name"] == "身份证.pdf"


async def test_a_body_without_a_length_is_taken(house: House) -> None:
    resident = await make_resident(house, bound=False)

    async def pieces() -> object:
        whole = body((FILE, PDF))
        for at in range(0, len(whole), 300):
            yield whole[at : at + 300]

    assert (await post(resident, pieces(), FORM)).status == 201


async def test_twenty_megabytes_and_not_a_byte_more(house: House) -> None:
    resident = await make_resident(house)
    room = 20 * MB - len(make_pdf(filler=1000)) + 1000 - 100
    fits = make_pdf(filler=room)
    assert 20 * MB - 400 < len(fits) <= 20 * MB
    assert (await send(resident, fits)).status == 201
    answer = await send(resident, fits + b"\n" * (20 * MB + 1 - len(fits)))
    is_problem(answer, 413, "body_too_large")
    assert "20 MB" in answer.json["title"] and answer.headers["connection"] == "close"


async def test_too_much_is_refused_as_soon_as_it_is_known(house: House) -> None:
    """By the declared length before a byte of it came; without one, at the first byte over."""
    resident = await make_resident(house, bound=False)
    url = urlsplit(house.stack.api)
    head = f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {resident.token}\r\nContent-Type: {FORM}\r\n"
    started = time.monotonic()
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(head.encode() + b"Content-Length: 900000000\r\n\r\n")
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413")
    writer.close()
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
    piece = body((FILE, PDF))[:-6] + b"\n" * MB
    for _ in range(21):
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        piece = b"\n" * MB
        await writer.drain()
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413")
    writer.close()
    assert time.monotonic() - started < 10


async def test_a_wrong_file_is_refused_at_its_first_bytes(house: House) -> None:
    resident = await make_resident(house, bound=False)
    url = urlsplit(house.stack.api)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {resident.token}\r\nContent-Type: {FORM}\r\nContent-Length: 9000000\r\n\r\n"
    writer.write(head.encode() + body((FILE, b"MZ" + bytes(60)))[:-6])
    async with asyncio.timeout(5):
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 422")
    writer.close()


async def test_who_stops_half_way_leaves_nothing(house: House, store: Mongo) -> None:
    resident = await make_resident(house)
    before = await store["files"].count_documents({})
    url = urlsplit(house.stack.api)
    head = f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {resident.token}\r\nContent-Type: {FORM}\r\nContent-Length: 9000000\r\n\r\n"
    with socket.create_connection((str(url.hostname), url.port)) as line:
        line.sendall(head.encode() + body((FILE, PDF))[:-6] + bytes(MB))
    made = await send(resident, PDF)
    assert made.status == 201 and await store["files"].count_documents({}) == before + 1
    await store.close()


@pytest.mark.slow
async def test_who_says_nothing_any_more_is_cut_off(house: House) -> None:
    resident = await make_resident(house, bound=False)
    url = urlsplit(house.stack.api)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {resident.token}\r\nContent-Type: {FORM}\r\nContent-Length: 9000\r\n\r\n"
    writer.write(head.encode() + body((FILE, PDF))[:100])
    async with asyncio.timeout(25):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408") and b"upload_too_slow" in answer and b"connection: close" in answer.lower()
    writer.close()


async def test_other_requests_are_answered_while_twenty_upload(house: House) -> None:
    """And each of the twenty is stored as it came."""
    residents = [await make_resident(house, bound=False) for _ in range(4)]
    raws = [make_pdf(1, filler=300_000 + n) for n in range(20)]
    slowest, done = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal slowest
        while not done.is_set():
            started = time.monotonic()
            assert (await house.api("GET", "/healthz")).status == 200
            slowest = max(slowest, time.monotonic() - started)
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    answers = await asyncio.gather(*(send(residents[n % 4], raw) for n, raw in enumerate(raws)))
    done.set()
    await watching
    assert [one.status for one in answers] == [201] * 20 and slowest < 5
    for n, raw in enumerate(raws):
        assert (await download(residents[n % 4], answers[n].json["id"])).body == raw


async def test_nothing_of_a_file_is_in_the_logs(house: House) -> None:
    resident = await make_resident(house, bound=False)
    await send(resident, make_jpeg(), "canary-name.jpg")
    await send(resident, b"canary-content-canary")
    logs = "".join(path.read_text() for path in (house.stack.data / "logs").glob("*.log"))
    assert "canary" not in logs
