"""Answers of one sentence in plain text."""

from __future__ import annotations


def sentence(text: str) -> bytes:
    """The text as a line with a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}.\n".encode()


def text_headers(body: bytes) -> list[tuple[bytes, bytes]]:
    """Headers of plain text."""
    return [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
