"""Which rules the dashboard of this process was started with; one that nobody started properly only shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runner.access.authority import Authority

_authorities: list[Authority] = []


@contextmanager
def serving_under(authority: Authority) -> Iterator[None]:
    """Inside the block this process answers for an authority; its server guards addresses and origins."""
    before = list(_authorities)
    _authorities[:] = [authority]
    try:
        yield
    finally:
        _authorities[:] = before


def served_authority() -> Authority:
    """What the server was started with; without it (`streamlit run app.py`) whoever comes may look and start nothing.

    Streamlit alone listens to every interface and to pages of other origins unless told otherwise, and nobody signs in
    there, so that it cannot know who asks.
    """
    return _authorities[0] if _authorities else Authority.viewing()
