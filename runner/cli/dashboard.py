"""`ucurve app`: the dashboard, on this machine only unless people sign in."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from runner.access.site import SITE_VARIABLE
from runner.cli.options import DEFAULT_STORE, StoreOption
from runner.cli.output import note
from runner.import_places import places_from
from runner.serving.process import DEFAULT_PORT, running_dashboard, wait_for_end

PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=1,
        max=65_535,
        metavar="N",
        help=f"Port; default that of the site file, without one {DEFAULT_PORT} or the next free one.",
    ),
]
LanOption = Annotated[
    bool,
    typer.Option("--lan", help="Let other machines in, as the site file says; only with sign-in."),
]
SiteOption = Annotated[
    Path | None,
    typer.Option(
        "--site",
        envvar=SITE_VARIABLE,
        show_envvar=False,
        metavar="FILE",
        help=f"Site file (`ucurve site init`): address, sign-in, roles, limits; also from {SITE_VARIABLE}.",
    ),
]
ImportRootOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--import-root",
        metavar="DIR",
        help="Folder whose runs the page Import may bring in; repeatable; default the current one, with --lan none.",
    ),
]
WandbServerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--wandb-server",
        metavar="URL",
        help="Further W&B server that the page Import may ask, beside W&B's cloud and WANDB_BASE_URL; repeatable.",
    ),
]
NoWorkerOption = Annotated[bool, typer.Option("--no-worker", help="Start no worker beside the dashboard.")]


def serve_app(
    store: StoreOption = Path(DEFAULT_STORE),
    port: PortOption = None,
    site: SiteOption = None,
    lan: LanOption = False,
    import_root: ImportRootOption = None,
    wandb_server: WandbServerOption = None,
    no_worker: NoWorkerOption = False,
) -> None:
    """Open the dashboard, until Ctrl-C: on 127.0.0.1 with all rights, or for those who sign in (--lan).

    A worker that does the jobs of the queue starts with it, unless one runs. It ends its job after the dashboard, too.
    """
    from analysis.store.marker import local_folder
    from runner.worker.beside import worker_beside

    local_folder(store)  # what can be no store is refused before anything is served
    places = places_from(import_root or (), wandb_server or (), os.environ)
    if lan and not import_root:
        places = replace(places, roots=())  # other people read only what was named
    beside = nullcontext() if no_worker else worker_beside(store, note, site_file=site)
    dashboard = running_dashboard(store, port, places, site_file=site, lan=lan)
    with dashboard as (process, address), beside:  # in this order: a dashboard that is refused starts no training
        wait_for_end(process, address)
