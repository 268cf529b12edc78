"""People, orders and processes for the tests of the queue."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache

from runner.access.person import Person
from runner.queue.identity import this_process
from runner.queue.job import ProcessIdentity, SweepOrder
from runner.queue.order import order_of
from runner.spec import parse_sweep_spec

OWNER = Person(user_id="owner", name="Owner", via="command line")


def signed_in(user_id: str, age_s: float = 60.0) -> Person:
    """Somebody who signed in at the dashboard."""
    name = f"{user_id.title()} <b>\n=1+1 | \x00"
    return Person(user_id=user_id, name=name, via="dashboard", signed_in_at=time.time() - age_s)


@cache
def order(name: str = "tiny") -> SweepOrder:
    """Three runs."""
    return order_of(
        parse_sweep_spec(
            f"name: {name}\nmodel: smollm2-135m\ndataset: skills\naxes: {{learning_rate: [1e-4, 1e-3, 1e-2]}}\n"
            "budget: {steps: 10}\n"
        )
    )


def dead_process() -> ProcessIdentity:
    """This very process number, but of a process that began earlier."""
    me = this_process()
    return replace(me, started_ticks=me.started_ticks - 1)


def elsewhere() -> ProcessIdentity:
    """A process of another host."""
    return replace(this_process(), host="another", boot_id="another boot")
