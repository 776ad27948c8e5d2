"""Random identifiers: never guessable, never carrying a meaning."""

import base64
import secrets


def new_id(prefix: str) -> str:
    """`prefix_` and 128 random bits as 26 lower-case base32 characters, e.g. `case_h5r…`."""
    return f"{prefix}_{base64.b32encode(secrets.token_bytes(16)).decode().rstrip('=').lower()}"


def new_number(letter: str) -> str:
    """`letter` and 128 random bits as 26 upper-case base32 characters: what payment gateways take as a number of ours."""
    return letter + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=")


def new_token() -> str:
    """A bearer secret of 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def new_nonce() -> str:
    """24 hexadecimal characters for signed calls."""
    return secrets.token_hex(12)
