"""What is let in, and as what: by content alone, in a process that may die."""

import io
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cases.file_check import Checked, Checker, Limits
from cases.file_names import tidy
from kit.errors import Invalid
from tests.cases import corpus
from tests.cases.corpus import make_jpeg, make_ofd, make_pdf, make_png, make_zip

LIMITS = Limits(20 * 1024 * 1024, 50_000_000, 200)


async def look(raw: bytes, limits: Limits = LIMITS) -> tuple[Checked, bytes]:
    """The verdict, and the bytes that would be kept."""
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        async with Checker(limits, None).checked(file) as checked:
            checked.file.seek(0)
            return checked, checked.file.read()


async def why_not(raw: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(Invalid) as refusal:
        await look(raw, limits)
    assert refusal.value.code == "file_refused" and refusal.value.errors[0].field == "file"
    return refusal.value.title


async def test_a_photo_is_drawn_anew_and_tells_nothing_but_its_pixels() -> None:
    raw = make_jpeg() + os.urandom(500)  # as cameras append films
    assert b"canary-phone" in raw and b"canary-profile" in raw
    checked, kept = await look(raw)
    picture = Image.open(io.BytesIO(kept))
    assert (checked.media_type, checked.ending, checked.pages, picture.size) == ("image/jpeg", ".jpg", None, (320, 200))
    assert not picture.getexif() and b"canary" not in kept and b"Exif" not in kept and b"ICC" not in kept
    assert kept.endswith(b"\xff\xd9")


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (320, 200), (10, 10)),
        (2, (320, 200), (310, 10)),
        (3, (320, 200), (310, 190)),
        (4, (320, 200), (10, 190)),
        (5, (200, 320), (10, 10)),
        (6, (200, 320), (190, 10)),
        (7, (200, 320), (190, 310)),
        (8, (200, 320), (10, 310)),
    ],
)
async def test_a_phone_held_sideways_is_put_upright(orientation: int, size: tuple[int, int], red: tuple[int, int]) -> None:
    """As every viewer shows it: what EXIF says is done to the pixels."""
    raw = make_jpeg(orientation=orientation)
    _, kept = await look(raw)
    picture = Image.open(io.BytesIO(kept))
    shade = picture.getpixel(red)
    assert picture.size == size and isinstance(shade, tuple) and shade[0] > 150 and shade[2] < 90
    from PIL import ImageOps

    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(raw)))
    assert expected.size == picture.size
    spots = [(x, y) for x in (5, size[0] // 2 - 9, size[0] - 5) for y in (5, size[1] // 2 - 9, size[1] - 5)]
    for spot in spots:
        ours, theirs = picture.getpixel(spot), expected.getpixel(spot)
        assert isinstance(ours, tuple) and isinstance(theirs, tuple)
        assert all(abs(a - b) < 12 for a, b in zip(ours, theirs, strict=True)), spot


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
async def test_every_kind_of_png_stays_a_png(mode: str) -> None:
    checked, kept = await look(make_png(mode=mode))
    assert checked.media_type == "image/png" and Image.open(io.BytesIO(kept)).mode.startswith(mode)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
async def test_grey_and_print_jpegs_are_taken(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (50, 40)).save(out, "JPEG")
    _, kept = await look(out.getvalue())
    assert Image.open(io.BytesIO(kept)).size == (50, 40)


async def test_a_pdf_and_an_ofd_are_kept_byte_for_byte() -> None:
    for raw, media_type, pages in ((make_pdf(3), "application/pdf", 3), (make_ofd(2), "application/ofd", 2)):
        checked, kept = await look(raw)
        assert kept == raw and (checked.media_type, checked.pages) == (media_type, pages)


async def test_a_picture_of_900_megapixels_is_refused_before_it_is_drawn() -> None:
    started = time.monotonic()
    assert "像素太多" in await why_not(corpus.flood_png())
    assert time.monotonic() - started < 5
    assert "像素太多" in await why_not(make_jpeg(1001, 1000), Limits(1 << 20, 1_000_000, 200))
    await look(make_jpeg(1000, 1000), Limits(1 << 20, 1_000_000, 200))


REFUSED = {
    "nothing": (b"", "空的"),
    "a page named photo.jpg": (b"<!doctype html><script>alert(1)</script>", "只能上传"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', "只能上传"),
    "program": (b"MZ\x90\0" + bytes(200), "只能上传"),
    "eicar": (corpus.EICAR, "只能上传"),
    "gif": (b"GIF89a" + bytes(100), "转成 JPG"),
    "webp": (b"RIFF\0\0\0\0WEBPVP8 " + bytes(100), "转成 JPG"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
    "doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "PDF"),
    "jpeg magic and noise": (b"\xff\xd8\xff\xe0" + os.urandom(2000), "打不开"),
    "png magic alone": (b"\x89PNG\r\n\x1a\n", "打不开"),
    "pdf magic alone": (b"%PDF-1.7\n", "打不开"),
    "pdf of noise": (b"%PDF-1.7\n" + os.urandom(3000) + b"\n%%EOF\n", "打不开"),
    "zip magic alone": (b"PK\x03\x04" + bytes(100), "打不开"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_other_and_broken_files_are_refused_with_what_to_do(what: str) -> None:
    raw, told = REFUSED[what]
    assert told in await why_not(raw)


@pytest.mark.parametrize("make", [make_jpeg, make_pdf, make_ofd, corpus.noisy_png])
async def test_a_file_cut_short_is_refused(make: object) -> None:
    raw: bytes = make()  # type: ignore[operator]
    for share in (0.3, 0.6, 0.8):
        assert await why_not(raw[: int(len(raw) * share)])


TWO_IN_ONE: dict[str, Callable[[], bytes]] = {
    "zip behind a jpeg": lambda: make_jpeg() + make_zip(a=b"1"),
    "page behind a jpeg": lambda: make_jpeg() + b"\n<HTML><script>1</script>",
    "zip behind a png": lambda: make_png() + make_zip(a=b"1"),
    "script behind a png": lambda: make_png() + b"<?php system(1);",
    "zip behind a pdf": lambda: make_pdf() + make_zip(a=b"1"),
    "page behind a pdf": lambda: make_pdf() + b"<html>",
    "zip with a pdf's end behind": lambda: make_pdf() + make_zip(a=b"1") + b"%%EOF",
    "pdf before a zip": lambda: make_pdf() + make_ofd(),
    "page behind an ofd": lambda: make_ofd() + b"<html>",
}


@pytest.mark.parametrize("what", TWO_IN_ONE)
async def test_two_files_in_one_are_refused(what: str) -> None:
    assert "藏着别的" in await why_not(TWO_IN_ONE[what]())


@pytest.mark.parametrize("raw", [b"GIF89a=1;" + make_pdf(), b"<script>/*" + make_pdf(), make_zip(a=b"1") + make_pdf()], ids=["gif", "script", "zip"])
async def test_what_has_a_pdf_somewhere_inside_is_no_pdf(raw: bytes) -> None:
    assert await why_not(raw)


PDFS: dict[str, tuple[Callable[[], bytes], str]] = {
    "script": (corpus.pdf_with_script, "自动运行"),
    "launch by reference": (corpus.pdf_with_launch_by_reference, "自动运行"),
    "script nobody refers to": (lambda: make_pdf(objects=(corpus.make_dictionary(S="/JavaScript"),)), "自动运行"),
    "form sent elsewhere": (lambda: make_pdf(objects=(corpus.make_dictionary(S="/SubmitForm"),)), "自动运行"),
    "attachment": (corpus.pdf_with_attachment, "夹带"),
    "xfa": (corpus.pdf_with_form_of_xfa, "夹带"),
    "film": (lambda: make_pdf(objects=(corpus.make_dictionary(Type="/Annot", Subtype="/RichMedia"),)), "夹带"),
    "name in the raw bytes only": (lambda: make_pdf(objects=(corpus.make_stream(b"<< /S /JavaScript >>"),)), "自动运行"),
    "password": (lambda: make_pdf(password="x"), "密码"),
    "201 pages": (lambda: make_pdf(201), "页数太多"),
}


@pytest.mark.parametrize("what", PDFS)
async def test_pdfs_that_run_carry_or_lock_something_are_refused(what: str) -> None:
    make, told = PDFS[what]
    assert told in await why_not(make())


async def test_200_pages_are_taken() -> None:
    checked, _ = await look(make_pdf(200))
    assert checked.pages == 200


OFDS: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb": (lambda: make_ofd(more={"Doc_0/Res/x.dat": bytes(50_000_000)}), "展开后过大"),
    "directory that lies": (corpus.lying_ofd, "OFD"),
    "many members": (lambda: make_ofd(more={f"Doc_0/Res/{n}": b"" for n in range(5001)}), "展开后过大"),
    "up and out": (lambda: make_ofd(more={"../../etc/cron.d/x": b"x"}), "文件名"),
    "absolute": (lambda: make_ofd(more={"/etc/passwd": b"x"}), "文件名"),
    "backslash": (lambda: make_ofd(more={"Doc_0\\..\\x": b"x"}), "文件名"),
    "drive": (lambda: make_ofd(more={"C:x": b"x"}), "文件名"),
    "zip in zip": (lambda: make_ofd(more={"Doc_0/Attachs/a.zip": make_zip(a=b"1")}), "夹带"),
    "program inside": (lambda: make_ofd(more={"Doc_0/Res/a.bin": b"MZ" + bytes(99)}), "夹带"),
    "page inside": (lambda: make_ofd(more={"Doc_0/a.html": b"<html><script>1</script>"}), "夹带"),
    "no ofd": (lambda: make_zip(**{"word/document.xml": b"<w/>", "word/vbaProject.bin": b"x"}), "Office"),
    "ofd.xml that is none": (lambda: make_ofd(root="<x/>"), "OFD"),
    "entities": (lambda: make_ofd(root='<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>' + corpus.OFD_ROOT.partition("?>")[2]), "OFD"),
    "no pages": (lambda: make_ofd(0), "OFD"),
    "201 pages": (lambda: make_ofd(201), "页数太多"),
}


@pytest.mark.parametrize("what", OFDS)
async def test_ofds_that_swell_climb_or_carry_something_are_refused(what: str) -> None:
    make, told = OFDS[what]
    assert told in await why_not(make())


async def test_an_ofd_with_its_invoice_data_and_a_nul_name_of_zip_is_judged_by_the_directory() -> None:
    await look(make_ofd(more={"Doc_0/Attachs/original_invoice.xml": b"<?xml version='1.0'?><Invoice/>"}))
    made = make_ofd(more={"Doc_0/Res/aXb": b"x"}).replace(b"Doc_0/Res/aXb", b"Doc_0/Res/a\0b")
    assert "文件名" in await why_not(made)


async def test_the_process_that_looks_knows_no_secret_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZHANGBAN_INDEX_KEY", "canary")
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        file.write(make_jpeg(orientation=6))
        file.flush()
        async with Checker(LIMITS, str(tmp_path)).checked(file):
            assert list(tmp_path.iterdir()) == []
    from cases import file_check

    assert set(file_check._ENVIRONMENT) == {"PATH", "MALLOC_MMAP_THRESHOLD_"}


async def test_one_file_is_looked_at_at_a_time_and_each_gets_its_own_answer() -> None:
    import asyncio

    checker = Checker(LIMITS, None)

    async def one(n: int) -> int | None:
        with tempfile.TemporaryFile() as file:
            file.write(make_pdf(n))
            file.flush()
            async with checker.checked(file) as checked:
                return checked.pages

    assert await asyncio.gather(*(one(n) for n in range(1, 7))) == [1, 2, 3, 4, 5, 6]


NAMES = {
    "身份证.jpg": "身份证.pdf",
    "../../etc/passwd": "passwd.pdf",
    "C:\\Users\\me\\合同.docx": "合同.pdf",
    "a\0b\r\nSet-Cookie: x.pdf": "abSet-Cookie_ x.pdf",
    "photo\u202egpj.exe": "photogpj.pdf",
    "": "文件.pdf",
    "...": "文件.pdf",
    "/": "文件.pdf",
    ".htaccess": "htaccess.pdf",
    'a<b>:"c|d?*.pdf': "a_b___c_d__.pdf",
    "archive.tar.gz": "archive.tar.pdf",
    "x" * 300 + ".pdf": "x" * 96 + ".pdf",
}


@pytest.mark.parametrize("given", NAMES)
def test_names_are_tidied(given: str) -> None:
    assert tidy(given, ".pdf") == NAMES[given]


@given(st.text(max_size=300))
def test_no_name_can_climb_hide_or_grow(name: str) -> None:
    made = tidy(name, ".jpg")
    assert made.endswith(".jpg") and 4 < len(made) <= 100 and made == made.strip()
    assert not set(made) & set('/\\\0\r\n<>:"|?*\u202e\u200b') and not made.startswith(".")


def test_the_corpus_is_what_it_says() -> None:
    assert zipfile.is_zipfile(io.BytesIO(make_ofd())) and len(corpus.flood_png()) < 500_000
