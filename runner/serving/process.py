"""The dashboard as a child process of a verb."""

from __future__ import annotations

import os
import signal
import socket
import subprocess  # our own server, no shell
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from runner.access.site import SITE_VARIABLE, SiteSettings, read_site
from runner.errors import EnvironmentProblem
from runner.import_places import ImportPlaces, places_from
from runner.serving.checks import check_serving

ADDRESS: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8501
_ROOT: Final = Path(__file__).resolve().parents[2]
_N_PORTS: Final = 100


@contextmanager
def running_dashboard(
    store: Path,
    port: int | None,
    places: ImportPlaces | None = None,
    *,
    site_file: Path | None = None,
    lan: bool = False,
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The dashboard as a child process, with the address that browsers use; it ends with the block.

    Args:
        store: Folder of the store.
        port: Where it listens; None: the site file's, without one the first free port from the default on.
        places: What the page Import may read; None: the current folder and W&B's cloud.
        site_file: Who may come and what they may do; None: this machine only, one user, all rights.
        lan: Whether the site file may open it to other machines.

    Raises:
        ConfigError: the site file is wrong, or lacks what opening the dashboard needs.
        EnvironmentProblem: the port is taken, or the server does not come up.
    """
    site = SiteSettings() if site_file is None else read_site(site_file)
    check_serving(site, site_file, lan=lan)
    number = _free_port(site.dashboard.listen, port if site_file is None else port or site.dashboard.port)
    process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
        [sys.executable, "-m", "pages._server", f"--port={number}", *(["--lan"] if lan else [])],
        cwd=_ROOT,  # where app.py and .streamlit/config.toml lie
        stdout=subprocess.DEVNULL,
        env=_environment(store, site_file, places or places_from((), (), os.environ)),
        start_new_session=True,  # Ctrl-C is ours to handle
    )
    try:
        _wait_until_up(process, site.dashboard.listen, number)
        yield process, site.dashboard.origin if site.sign_in is not None else f"http://{ADDRESS}:{number}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_end(process: subprocess.Popen[bytes], address: str) -> None:
    """Says the address and returns when the dashboard ends, the user presses Ctrl-C, or SIGTERM comes.

    SIGTERM would orphan the child. Whoever reads the address may press Ctrl-C at once, so it is said inside.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.stdout.write(f"Dashboard: {address} (Ctrl-C ends it)\n")
        sys.stdout.flush()
        process.wait()
    except KeyboardInterrupt:
        sys.stdout.write("\n")
    finally:
        signal.signal(signal.SIGTERM, before)


def _environment(store: Path, site_file: Path | None, places: ImportPlaces) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != SITE_VARIABLE}
    named = {} if site_file is None else {SITE_VARIABLE: str(site_file.absolute())}
    return {**kept, **named, "UCURVE_STORE": str(store.resolve()), **places.to_environment()}


def _free_port(address: str, wanted: int | None) -> int:
    candidates = [wanted] if wanted is not None else range(DEFAULT_PORT, DEFAULT_PORT + _N_PORTS)
    for number in candidates:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, number))
            except OSError:
                continue
            return number
    raise EnvironmentProblem(f"port {wanted or DEFAULT_PORT} is taken on {address}; choose another with --port")


def _wait_until_up(process: subprocess.Popen[bytes], address: str, port: int, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EnvironmentProblem(
                f"the dashboard ended at once with code {process.returncode}; what it said stands above"
            )
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.1)
    raise EnvironmentProblem(f"the dashboard did not answer on {address}:{port} within {timeout_s:.0f} s")
