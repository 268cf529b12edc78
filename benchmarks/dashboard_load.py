"""Fifty people at one dashboard: how long does a rerun take, and does a slow one hold the others up?

`python -m benchmarks.dashboard_load` writes a store of 1,000 runs, serves it, and lets 50 sessions look around: every
five seconds (exponentially distributed think time, so that they do not march in step) each opens another page, narrows
to a sweep, or changes the metric; live parts run as often as they ask to. Sessions are WebSocket clients that read
what a browser would read (`benchmarks.streamlit_client`), in one process on the same machine: its time counts.

Told apart are the first minute, in which nearly every view is computed for the first time, and what follows. Last,
one more stops reading what it asks for; the others' times show whether it slows them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import quantiles
from typing import Final

import psutil

from benchmarks.many_sweeps import sweep_names, write_team_store
from benchmarks.streamlit_client import Rerun, Session, open_session, stuck_reader
from docs.tools.server import dashboard

PAGES: Final = (
    "", "learning_rate", "batch_scaling", "best_configuration", "benchmarks", "what_matters", "runs", "compare_runs",
    "data_health", "import_runs",
)  # fmt: skip
METRICS: Final = ("eval_loss", "eval_bpb")
_FIRST_S: Final = 60.0
_OPENS_A_PAGE, _NARROWS = 0.5, 0.9
"""Below the first an action opens a page, below the second it narrows to a sweep, above it changes the metric."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One rerun: whose, at which page, and what came of it."""

    person: int
    page: str
    rerun: Rerun


@dataclass(slots=True)
class Log:
    """All that happened."""

    entries: list[Entry] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def add(self, person: int, page: str, rerun: Rerun) -> None:
        """Note one rerun."""
        self.entries.append(Entry(person, page or "overview", rerun))
        self.errors += [f"{page or 'overview'}: {problem}" for problem in rerun.problems]


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What people do: for how long, how much they think in between (the mean, in seconds), and what there is to see."""

    seconds: float
    think_s: float
    sweeps: Sequence[str]
    seed: int = 0


async def look_around(session: Session, person: int, log: Log, habits: Habits) -> None:
    """One person: acts, looks, thinks, until it is time to go."""
    chooser = random.Random(1000 * habits.seed + person)  # noqa: S311 - a repeatable load, nothing secret
    loop = asyncio.get_running_loop()
    until = loop.time() + habits.seconds
    page = chooser.choice(PAGES)
    await asyncio.sleep(chooser.uniform(0, habits.think_s))
    log.add(person, page, await session.open(page))
    while (now := loop.time()) < until:
        for rerun in await session.look(min(chooser.expovariate(1 / habits.think_s), until - now)):
            log.add(person, page, rerun)
        if loop.time() >= until:  # the end comes to all at once: nobody acts on it
            break
        dice = chooser.random()
        if dice < _OPENS_A_PAGE:
            page = chooser.choice(PAGES)
            log.add(person, page, await session.open(page, session.query))
        elif dice < _NARROWS:
            log.add(person, page, await session.choose("sweep", chooser.choice(["All sweeps", *habits.sweeps])))
        else:
            log.add(person, page, await session.choose("metric", chooser.choice(METRICS)))


async def crowd(address: str, n_people: int, habits: Habits) -> Log:
    """Some people at once."""
    log = Log()

    async def person(number: int) -> None:
        async with open_session(address) as session:
            await look_around(session, number, log, habits)

    for problem in await asyncio.gather(*map(person, range(n_people)), return_exceptions=True):
        if isinstance(problem, Exception):
            log.errors.append(f"{type(problem).__name__}: {problem}")
        elif problem is not None:
            raise problem
    return log


@dataclass
class Server:
    """The dashboard's process, seen from outside."""

    process: psutil.Process

    @classmethod
    def of_this_process(cls) -> Server:
        """The one that this process has started."""
        return cls(next(child for child in psutil.Process().children() if "pages._server" in child.cmdline()))

    @property
    def rss_mb(self) -> float:
        """Resident memory in MB."""
        return float(self.process.memory_info().rss) / 1e6

    @property
    def cpu_s(self) -> float:
        """CPU time so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def summarise(reruns: Sequence[Rerun]) -> dict[str, float]:
    """Median and tail of some reruns in seconds, and their number."""
    seconds = sorted(rerun.seconds for rerun in reruns)
    if len(seconds) < 2:
        return {"n": len(seconds)}
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {"n": len(seconds), "p50_s": round(cuts[49], 3), "p95_s": round(cuts[94], 3), "max_s": round(seconds[-1], 3)}


async def measure(address: str, server: Server, n_people: int, habits: Habits) -> dict[str, object]:
    """The crowd's figures, first while everything is new, then later; last beside somebody who does not read."""
    before = server.rss_mb
    first = await crowd(address, n_people, replace(habits, seconds=_FIRST_S))
    cpu_before = server.cpu_s
    warm = await crowd(address, n_people, replace(habits, seed=1))
    rss, cpu_s = server.rss_mb, server.cpu_s - cpu_before
    async with stuck_reader(address):
        beside = await crowd(address, n_people, replace(habits, seed=2))
    pages = sorted({entry.page for entry in warm.entries})
    logs = (first, warm, beside)
    return {
        "n_sessions": n_people,
        "think_s": habits.think_s,
        "first_minute": summarise([entry.rerun for entry in first.entries]),
        "after_it": summarise([entry.rerun for entry in warm.entries]),
        "by_page": {page: summarise([each.rerun for each in warm.entries if each.page == page]) for page in pages},
        "beside_one_who_does_not_read": summarise([entry.rerun for entry in beside.entries]),
        "n_errors": sum(len(log.errors) for log in logs),
        "errors": sorted({error for log in logs for error in log.errors})[:10],
        "server_rss_mb": {"before": round(before), "with_all_sessions": round(rss), "at_the_end": round(server.rss_mb)},
        "server_cpu_per_rerun_ms": round(1000 * cpu_s / max(len(warm.entries), 1)),
    }


def main() -> None:
    """Reads the options, measures, writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=50, metavar="N")
    parser.add_argument("--runs", type=int, default=1000, metavar="N", help="Runs in the store.")
    parser.add_argument("--seconds", type=float, default=120.0, metavar="S", help="After the first minute, twice.")
    parser.add_argument("--think", type=float, default=5.0, metavar="S", help="Mean think time.")
    options = parser.parse_args()
    load_before = os.getloadavg()
    habits = Habits(seconds=options.seconds, think_s=options.think, sweeps=sweep_names(options.runs))
    with tempfile.TemporaryDirectory() as folder:
        write_team_store(Path(folder) / "store", options.runs, n_steps=1000)
        with dashboard(Path(folder) / "store", log=Path(folder) / "log") as address:
            figures = asyncio.run(measure(address, Server.of_this_process(), options.sessions, habits))
    from benchmarks.report import write_result  # loads torch: not beside the clients

    figures |= {"n_runs": options.runs, "load_average": {"before": load_before, "after": os.getloadavg()}}
    write_result("dashboard_load", "python -m benchmarks.dashboard_load", figures)


if __name__ == "__main__":
    main()
