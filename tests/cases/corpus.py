"""Files as residents and attackers send them, made when they are needed."""

import io
import os
import struct
import zipfile
import zlib
from typing import Any

from PIL import Image
from pypdf import PdfWriter
from pypdf.annotations import Link
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, StreamObject, TextStringObject

EICAR = (
    b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
)  # harmless; in two parts, so that no scanner dislikes this file
PLACE = b"\x1f\x00\x00\x00"


def make_jpeg(width: int = 320, height: int = 200, *, orientation: int | None = None, noise: int = 0, quality: int = 90) -> bytes:
    """Left half red, right half blue, with EXIF that names a place and a phone."""
    picture = Image.new("RGB", (width, height), (220, 20, 20))
    picture.paste((20, 20, 220), (width // 2, 0, width, height))
    if noise:
        picture = Image.blend(picture, Image.effect_noise((width, height), noise).convert("RGB"), 0.9)
    exif = Image.Exif()
    exif[0x0110] = "canary-phone"
    exif[0x8825] = {1: "N", 2: (23.0, 7.0, 44.0), 3: "E", 4: (113.0, 15.0, 51.0)}
    if orientation is not None:
        exif[0x0112] = orientation
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, exif=exif, icc_profile=b"canary-profile" * 20, comment=b"canary-comment")
    return out.getvalue()


def make_png(width: int = 64, height: int = 48, mode: str = "RGBA") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, "PNG")
    return out.getvalue()


def noisy_png(width: int = 64, height: int = 48) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(out, "PNG")
    return out.getvalue()


def flood_png(width: int = 30_000, height: int = 30_000) -> bytes:
    """A real PNG of 900 megapixels in 110 KB: one bit a pixel, all white."""
    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(b"\0" + b"\xff" * (width // 8)) for _ in range(height)) + rows.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def make_pdf(pages: int = 1, *, filler: int = 0, catalog: dict[str, Any] | None = None, objects: tuple[Any, ...] = (), password: str = "") -> bytes:
    """`filler`: bytes of an incompressible stream; `catalog`: entries of the root; `objects`: that nothing refers to."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    writer.add_annotation(0, Link(rect=(50, 50, 100, 100), url="https://example.com/"))
    if filler:
        writer._add_object(make_stream(os.urandom(filler)))
    for name, value in (catalog or {}).items():
        writer.root_object[NameObject(name)] = value
    for one in objects:
        writer._add_object(one)
    if password:
        writer.encrypt(password, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def make_stream(data: bytes) -> StreamObject:
    made = StreamObject()
    made.set_data(data)
    return made


def make_dictionary(**entries: Any) -> DictionaryObject:
    """S="/Launch" becomes /S /Launch."""
    made = DictionaryObject()
    for key, value in entries.items():
        made[NameObject(f"/{key}")] = NameObject(value) if isinstance(value, str) and value.startswith("/") else value
    return made


def pdf_with_script() -> bytes:
    return make_pdf(catalog={"/OpenAction": make_dictionary(S="/JavaScript", JS=TextStringObject("app.alert(1)"))})


def pdf_with_launch_by_reference() -> bytes:
    """/S is not written where it is used."""
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    name = writer._add_object(NameObject("/Launch"))
    writer.root_object[NameObject("/OpenAction")] = make_dictionary(S=name, F=TextStringObject("cmd.exe"))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def pdf_with_attachment() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_attachment("secret.exe", b"MZ")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def pdf_with_form_of_xfa() -> bytes:
    return make_pdf(catalog={"/AcroForm": make_dictionary(XFA=TextStringObject("<xdp/>"), Fields=ArrayObject())})


OFD_ROOT = """<?xml version="1.0" encoding="UTF-8"?>
<ofd:OFD xmlns:ofd="http://www.ofdspec.org/2016" DocType="OFD" Version="1.0"><ofd:DocBody><ofd:DocInfo><ofd:DocID>1</ofd:DocID></ofd:DocInfo>
<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"""


def make_ofd(pages: int = 2, more: dict[str, bytes] | None = None, *, root: str = OFD_ROOT, compress: int = zipfile.ZIP_DEFLATED) -> bytes:
    listed = "".join(f'<ofd:Page ID="{n}" BaseLoc="Pages/Page_{n}/Content.xml"/>' for n in range(pages))
    document = f'<ofd:Document xmlns:ofd="http://www.ofdspec.org/2016"><ofd:Pages>{listed}</ofd:Pages></ofd:Document>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compress) as package:
        package.writestr("OFD.xml", root)
        package.writestr("Doc_0/Document.xml", document)
        for n in range(min(pages, 3)):
            package.writestr(f"Doc_0/Pages/Page_{n}/Content.xml", "<ofd:Page xmlns:ofd='http://www.ofdspec.org/2016'/>")
        for name, body in (more or {}).items():
            package.writestr(zipfile.ZipInfo(name), body, compress)
    return out.getvalue()


def make_zip(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, body in members.items():
            package.writestr(name, body)
    return out.getvalue()


def lying_ofd() -> bytes:
    """The directory says 100 bytes where 5 MB come out."""
    made = bytearray(make_ofd(more={"Doc_0/Res/big.dat": bytes(5_000_000)}))
    true_size, small = struct.pack("<I", 5_000_000), struct.pack("<I", 100)
    return bytes(made.replace(true_size, small))
