"""SM4-ECB against the standard's own example and against what is sealed wrongly."""

import pytest

from kit.sm4 import CannotDecrypt, Sm4Ecb

KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")


def test_the_example_of_the_standard_comes_out() -> None:
    """GB/T 32907-2016, appendix A.1: one block, which the padding follows."""
    assert Sm4Ecb(KEY).encrypt(KEY)[:16].hex() == "681edf34d206965e86b3e94f536e4246"


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 1000])
def test_what_is_encrypted_opens_again(length: int) -> None:
    cipher, plain = Sm4Ecb(KEY), bytes(range(256)) * 4
    sealed = cipher.encrypt(plain[:length])
    assert cipher.decrypt(sealed) == plain[:length] and len(sealed) == (length // 16 + 1) * 16


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(16), bytes(17)])
def test_what_was_not_written_with_the_key_does_not_open(sealed: bytes) -> None:
    with pytest.raises(CannotDecrypt):
        Sm4Ecb(KEY).decrypt(sealed)


@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_a_key_has_sixteen_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Sm4Ecb(bytes(length))
