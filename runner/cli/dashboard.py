"""`ucurve app`: the dashboard, on this machine only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from runner.cli.options import DEFAULT_STORE, StoreOption
from runner.errors import EnvironmentProblem
from runner.import_places import ImportPlaces, places_from

ADDRESS: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8501
APP: Final = Path(__file__).resolve().parents[2] / "app.py"

PortOption = Annotated[
    int | None,
    typer.Option("--port", min=1, max=65_535, metavar="N", help=f"Port; default {DEFAULT_PORT}, or the next free one."),
]
ImportRootOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--import-root",
        metavar="DIR",
        help="Folder whose runs the page Import may bring in; repeatable; default the current one.",
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


def serve_app(
    store: StoreOption = Path(DEFAULT_STORE),
    port: PortOption = None,
    import_root: ImportRootOption = None,
    wandb_server: WandbServerOption = None,
) -> None:
    """Open the dashboard on 127.0.0.1, until Ctrl-C."""
    places = places_from(import_root or (), wandb_server or (), os.environ)
    with running_dashboard(store, port, places) as (process, address):
        typer.echo(f"Dashboard: {address} (Ctrl-C ends it)")
        wait_for_end(process)


def wait_for_end(process: subprocess.Popen[bytes]) -> None:
    """Returns when the dashboard ends, the user presses Ctrl-C, or SIGTERM comes (which would orphan the child)."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        process.wait()
    except KeyboardInterrupt:
        typer.echo("")
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def running_dashboard(
    store: Path, port: int | None, places: ImportPlaces | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The dashboard as a child process, with its address; it ends with the block.

    Args:
        store: Folder of the store.
        port: Where it listens; None: the first free port from the default on.
        places: What the page Import may read; None: the current folder and W&B's cloud.

    Raises:
        EnvironmentProblem: the port is taken, or the server does not come up.
    """
    number = _free_port(port)
    places = places or places_from((), (), os.environ)
    options = [f"--server.address={ADDRESS}", f"--server.port={number}", "--server.headless=true"]
    # Also in .streamlit/config.toml, which an environment variable would override.
    options += ["--server.enableAgentApi=false", "--browser.gatherUsageStats=false"]
    command = [sys.executable, "-m", "streamlit", "run", str(APP), *options, "--", "--store", str(store.resolve())]
    process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
        command,
        cwd=APP.parent,  # where .streamlit/config.toml lies
        stdout=subprocess.DEVNULL,
        env={**os.environ, "UCURVE_STORE": str(store.resolve()), **places.to_environment()},
        start_new_session=True,  # Ctrl-C is ours to handle
    )
    try:
        _wait_until_up(process, number)
        yield process, f"http://{ADDRESS}:{number}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def _free_port(wanted: int | None) -> int:
    candidates = [wanted] if wanted is not None else range(DEFAULT_PORT, DEFAULT_PORT + 100)
    for number in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, number))
            except OSError:
                continue
            return number
    raise EnvironmentProblem(f"port {wanted or DEFAULT_PORT} is taken on {ADDRESS}; choose another with --port")


def _wait_until_up(process: subprocess.Popen[bytes], port: int, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EnvironmentProblem(
                f"the dashboard ended at once with code {process.returncode}; "
                f"run `python -m streamlit run {APP}` to see why"
            )
        with socket.socket() as probe:
            if probe.connect_ex((ADDRESS, port)) == 0:
                return
        time.sleep(0.1)
    raise EnvironmentProblem(f"the dashboard did not answer on {ADDRESS}:{port} within {timeout_s:.0f} s")
