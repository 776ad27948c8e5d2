"""Pictures, drawn anew: what is stored holds pixels and nothing else (no EXIF, no place, no colour profile, no comment, nothing after the end).

Runs in the child process (cases/file_child.py), which pays for a decoder's memory and dies of its faults.
"""

import errno
import mmap
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from PIL import Image, JpegImagePlugin

from cases.file_kinds import DiskFull, Refusal

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112  # EXIF tag
_STRIP = 64  # rows turned at a time
_HIDDEN = re.compile(rb"<!doctype|<html|<script|<svg|<\?php|%PDF-", re.IGNORECASE)
_MODES = {"jpeg": ("L", "RGB"), "png": ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16")}
_QUALITY = 92  # where the picture has no tables of its own to keep


def draw_anew(kind: str, source: IO[bytes], target: IO[bytes], most_pixels: int) -> tuple[int, int]:
    """(width, height) of what was written to `target`. Raises Refusal."""
    _nothing_behind(kind, source)
    Image.MAX_IMAGE_PIXELS = None  # ours is stricter and comes before any decoding
    try:
        with Image.open(source, formats=(kind.upper(),)) as picture:
            if picture.width * picture.height > most_pixels:
                raise Refusal("pixels")
            options = _options(kind, picture)
            turn = _turn(picture)
            picture.load()
            drawn = picture if picture.mode in _MODES[kind] else picture.convert("RGB")
            if turn is not None:
                drawn = _turned(drawn, turn)
            transparency = drawn.info.get("transparency")
            drawn.info = {"transparency": transparency} if kind == "png" and transparency is not None else {}
            with _room():
                drawn.save(target, kind.upper(), **options)
                target.flush()
            return drawn.width, drawn.height
    except Refusal:
        raise
    except MemoryError:
        raise Refusal("pixels") from None
    except DiskFull:
        raise
    except Exception as exc:  # decoders raise OSError, SyntaxError, ValueError, struct.error …: for all of them it is no picture
        raise Refusal("damaged_picture") from exc


def _options(kind: str, picture: Any) -> dict[str, Any]:
    """A JPEG keeps its own tables and sampling, so that drawing it anew takes next to nothing away and it does not grow."""
    if kind == "png":
        return {"compress_level": 4}
    tables = getattr(picture, "quantization", None)
    if picture.mode not in ("L", "RGB") or not tables or max(tables) > 3:
        return {"quality": _QUALITY}
    sampling = JpegImagePlugin.get_sampling(picture)
    return {"qtables": tables, **({"subsampling": sampling} if sampling >= 0 else {})}


def _turn(picture: Image.Image) -> Image.Transpose | None:
    """How a phone held sideways wants it turned. EXIF that cannot be read says nothing."""
    try:
        return _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:
        return None


def _turned(picture: Image.Image, turn: Image.Transpose) -> Image.Image:
    """Through a scratch file, strip by strip: two pictures of 12 megapixels side by side would be 96 MB."""
    width, height, mode, info = picture.width, picture.height, picture.mode, picture.info
    palette = picture.getpalette("RGBA") if mode in ("P", "PA") else None
    with _room(), tempfile.TemporaryFile() as scratch:
        strips = []
        for top in range(0, height, _STRIP):
            strip = picture.crop((0, top, width, min(top + _STRIP, height)))
            raw = strip.tobytes()
            scratch.write(raw)
            strips.append((top, strip.height, len(raw)))
        picture.close()
        sideways = turn in (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270, Image.Transpose.TRANSPOSE, Image.Transpose.TRANSVERSE)
        turned = Image.new(mode, (height, width) if sideways else (width, height))
        scratch.seek(0)
        for top, rows, length in strips:
            strip = Image.frombytes(mode, (width, rows), scratch.read(length)).transpose(turn)
            turned.paste(strip, _where(turn, top, rows, height))
    if palette is not None:
        turned.putpalette(palette, "RGBA")
    turned.info = info
    return turned


@contextmanager
def _room() -> Iterator[None]:
    """No room to write is not the picture's fault."""
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull from exc
        raise


def _where(turn: Image.Transpose, top: int, rows: int, height: int) -> tuple[int, int]:
    """Where the strip of these rows lies after the turn."""
    bottom = height - top - rows
    return {
        Image.Transpose.FLIP_LEFT_RIGHT: (0, top),
        Image.Transpose.ROTATE_180: (0, bottom),
        Image.Transpose.FLIP_TOP_BOTTOM: (0, bottom),
        Image.Transpose.TRANSPOSE: (top, 0),
        Image.Transpose.ROTATE_90: (top, 0),
        Image.Transpose.ROTATE_270: (bottom, 0),
        Image.Transpose.TRANSVERSE: (bottom, 0),
    }[turn]


def _nothing_behind(kind: str, source: IO[bytes]) -> None:
    """A page, script, PDF or archive behind the picture's end is meant for somebody. What cameras put there (thumbnails, films) is only dropped."""
    with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        last = whole.rfind(b"\xff\xd9" if kind == "jpeg" else b"IEND")
        if last >= 0 and _HIDDEN.search(whole, last) is not None:
            raise Refusal("two_in_one")
    source.seek(0)
    if zipfile.is_zipfile(source):
        raise Refusal("two_in_one")
    source.seek(0)
