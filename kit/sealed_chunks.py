"""A file in sealed chunks: AES-256-GCM under a key of its own, written and read piece by piece, and no piece is given out unproved.

Each chunk is bound to its file, its number and whether it is the last: chunks of another file, in another order, or a file that ends early
do not open. The key is random and used for one file only, so a chunk's number is a nonce that never comes twice.
"""

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit.crypto import CannotDecrypt
from kit.pieces import Pieces, cut

CHUNK = 256 * 1024  # bytes of plain text
SEALED = CHUNK + 16  # with the tag


def new_key() -> bytes:
    """32 random bytes, for one file."""
    return secrets.token_bytes(32)


async def sealed(plain: Pieces, key: bytes, name: str) -> Pieces:
    """Pieces of exactly SEALED bytes, the last one shorter or not. `name`: the file's id."""
    cipher, number = AESGCM(key), 0
    async with aclosing(cut(plain, CHUNK)) as chunks:
        async for chunk, last in chunks:
            yield cipher.encrypt(_nonce(number), chunk, _place(name, number, last))
            number += 1


async def opened(stored: Pieces, key: bytes, name: str) -> AsyncGenerator[bytes, None]:
    """The plain text of pieces of any size. Raises CannotDecrypt at the first chunk that is not the one written there."""
    cipher, number = AESGCM(key), 0
    async with aclosing(cut(stored, SEALED)) as chunks:
        async for chunk, last in chunks:
            try:
                plain = cipher.decrypt(_nonce(number), chunk, _place(name, number, last))
            except (InvalidTag, ValueError) as exc:
                raise CannotDecrypt(f"chunk {number} is not the one that was written") from exc
            if plain:
                yield plain
            number += 1


def _nonce(number: int) -> bytes:
    return number.to_bytes(12)


def _place(name: str, number: int, last: bool) -> bytes:
    return f"{name}/{number}/{'last' if last else 'more'}".encode()
