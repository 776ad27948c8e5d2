"""The process that opens what strangers sent: `python -I -m cases.file_child` with the file as its standard input. It ends with its one file.

It knows no key and no address, may use little memory and time, and says one JSON object: {"kind", "pages"?, "width"?, "height"?}, {"refused": reason} or {"full"}.
A decoder that crashes, hangs or eats memory ends this process and no other.
"""

import json
import os
import resource
import sys
from contextlib import suppress
from types import ModuleType
from typing import IO, cast

from cases.file_kinds import HEAD, DiskFull, Refusal, kind_of

MEMORY = 1 << 30  # bytes of address space: 50 megapixels with transparency are 200 MB
SECONDS = 20  # of processor time
LARGEST = 256 << 20  # bytes of any file it writes: 50 megapixels as they are, while they are turned


def main() -> None:
    """Arguments: the number of the descriptor a picture is written to, most pixels, most pages."""
    target, most_pixels, most_pages = (int(one) for one in sys.argv[1:4])
    _bounds()
    try:
        told = _look(os.fdopen(0, "rb"), os.fdopen(target, "wb"), most_pixels, most_pages)
    except Refusal as exc:
        told = {"refused": exc.reason}
    except DiskFull:
        told = {"full": True}
    except (MemoryError, RecursionError):
        told = {"refused": "complicated"}
    sys.stdout.write(json.dumps(told))


def _look(source: IO[bytes], target: IO[bytes], most_pixels: int, most_pages: int) -> dict[str, object]:
    """A library is loaded only by whoever needs it: each costs 10 to 30 MB."""
    source.seek(0)
    kind = kind_of(source.read(HEAD))
    source.seek(0)
    if kind == "pdf":
        for spared in ("fontTools", "PIL", "cryptography"):  # pypdf can do without: 11 MB and a quarter of its start
            sys.modules[spared] = cast("ModuleType", None)
        from cases import file_pdf

        return {"kind": kind, "pages": file_pdf.look(source, most_pages)}
    if kind == "ofd":
        from cases import file_ofd

        return {"kind": kind, "pages": file_ofd.look(source, most_pages)}
    from cases import file_image

    width, height = file_image.draw_anew(kind, source, target, most_pixels)
    return {"kind": kind, "width": width, "height": height}


def _bounds() -> None:
    """Where the system knows them (macOS has no bound of address space)."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, LARGEST),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
