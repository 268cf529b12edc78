"""Somebody who asks and never reads: the others are answered, and what waits for him does not pile up."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.dashboard_load import PAGES
from benchmarks.streamlit_client import Rerun, open_session, stuck_reader
from tests.loading.conftest import Served

N_OTHERS = 3
MOST_GROWTH_MB = 300


@pytest.mark.slow
def test_a_client_that_does_not_read_holds_nobody_up(served: Served) -> None:
    answers, n_unread = asyncio.run(_look_beside_a_stuck_reader(served.address))

    assert len(answers) == N_OTHERS * len(PAGES)
    assert [problem for rerun in answers for problem in rerun.problems] == []
    assert n_unread > 0


@pytest.mark.slow
def test_what_waits_for_a_client_that_does_not_read_is_bounded(served: Served) -> None:
    async def grow() -> tuple[float, float]:
        async with open_session(served.address) as session:
            for page in PAGES:
                await session.open(page)  # what everybody's memory holds anyway
            before = served.server.rss_mb
            async with stuck_reader(served.address, asks_every_s=0.05) as stuck:
                while stuck.n_asked < 100:
                    await session.open("runs")
            return before, served.server.rss_mb

    before, after = asyncio.run(grow())

    assert after - before < MOST_GROWTH_MB


async def _look_beside_a_stuck_reader(address: str) -> tuple[list[Rerun], int]:
    """What the others got while one had asked and read nothing, and how often he had asked by then."""

    async def visit_all() -> list[Rerun]:
        async with open_session(address) as session:
            return [await session.open(page) for page in PAGES]

    async with stuck_reader(address) as stuck:
        found = await asyncio.gather(*(visit_all() for _ in range(N_OTHERS)))
        return [rerun for reruns in found for rerun in reruns], stuck.n_asked
