"""`ucurve submit`: puts a sweep into the queue, for a worker to train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption
from runner.cli.queue_options import QueueOption, open_queue
from runner.cli.queue_view import show_submitted


def submit_sweep(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC.yaml", help="The sweep file (docs/sweep-spec.md).", dir_okay=False)
    ],
    store: StoreOption = Path(DEFAULT_STORE),
    queue: QueueOption = None,
    again: Annotated[
        bool, typer.Option("--again", help="A second job, also where the same sweep is queued or running.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Put a sweep into the queue; a worker trains it.

    The file is checked now and kept as it is now: later changes to it do not count. Submitting the same sweep while it
    is queued or running is the same job.
    """
    import secrets

    from runner.access.local import command_line_person
    from runner.queue.order import checked_order, read_order, require_files

    order, person = read_order(spec), command_line_person()
    require_files(checked_order(order))
    opened = open_queue(store, queue)
    key = f"again-{secrets.token_hex(16)}" if again else opened.key_by_hand(order, person)
    submitted = opened.submit(order, person, key=key)
    show_submitted(opened, submitted, store, json_output=json_output, unless="; --again makes a second one")
