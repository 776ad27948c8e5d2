"""SM4 (GB/T 32907) in ECB mode with PKCS#7 padding, as some providers prescribe. For their protocols only: equal blocks look equal, nothing is authenticated."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

BLOCK = 16  # bytes, of the key too


class CannotDecrypt(Exception):
    """Not written with this key, or damaged."""


class Sm4Ecb:
    """One key of 16 bytes. Raises ValueError for any other length."""

    def __init__(self, key: bytes) -> None:
        if len(key) != BLOCK:
            raise ValueError("an SM4 key has 16 bytes")
        self._cipher = Cipher(algorithms.SM4(key), modes.ECB())  # noqa: S305 - prescribed by the provider

    def encrypt(self, plain: bytes) -> bytes:
        padder, encryptor = PKCS7(BLOCK * 8).padder(), self._cipher.encryptor()
        return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()

    def decrypt(self, sealed: bytes) -> bytes:
        """Raises CannotDecrypt. A wrong key passes one time in 256: whoever asks still has to look at what comes out."""
        decryptor, unpadder = self._cipher.decryptor(), PKCS7(BLOCK * 8).unpadder()
        try:
            return unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()
        except ValueError as exc:
            raise CannotDecrypt("wrong key or damaged") from exc
