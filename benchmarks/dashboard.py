"""How long until a browser shows something? Ucurve at 1,000 and 10,000 runs, and beside other tools' lists of runs.

`python -m benchmarks.dashboard` writes stores of 1,000 runs (5 million values) and 10,000 runs (50 million), serves
each, and opens every page in Debian's chromium: seconds from navigation until the first number, table or chart is
visible, and until everything is drawn; and from choosing a sweep, or a page in the sidebar, until all has been drawn
again. A page's first visit is that of a new browser process with an empty cache, and the first look at that data by
anybody; later ones load the page again in that tab, and are medians. A page of Streamlit's with one number and one
chart, loaded the same way, says what of it is not ours.

`--tool NAME=PYTHON` (repeatable) adds another tool by the Python of an environment that has it: mlflow, tensorboard,
aim, trackio, optuna-dashboard. Its runs are written by its own API (`benchmarks/dashboard_rivals.py`), and what is
timed is its list of runs: seconds until the name of a run is visible, in turn with the page Runs of Ucurve.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.browser_timing import USEFUL, choose_sweep, reload, switch_page, visit, watch
from benchmarks.dashboard_load import PAGES, Server
from benchmarks.many_sweeps import sweep_names, write_team_store
from docs.tools.browser import DRAWN, Chromium, Screen, start_chromium
from docs.tools.server import dashboard, free_port
from runner.reporting.browser import find_chromium

_RIVALS: Final = Path(__file__).with_name("dashboard_rivals.py")
_REPEATS: Final = 5
_START_S: Final = 180.0
_FLOOR: Final = """import plotly.graph_objects as go
import streamlit as st

st.metric("a number", 1)
st.plotly_chart(go.Figure(go.Scatter(x=[1, 2], y=[3, 4])))
"""
_FLOOR_OPTIONS: Final = ("--server.headless=true", "--browser.gatherUsageStats=false", "--server.address=127.0.0.1")
_TEXT: Final = """(() => { const of = node => (node.nodeType === 3 ? node.data : '')
 + (node.shadowRoot ? of(node.shadowRoot) : '') + [...node.childNodes].map(of).join(' ');
 return of(document.body) })()"""
"""All text of the page, that inside of components too."""


@dataclass(frozen=True)
class Tool:
    """How another tool is served: its command, where its list of runs is, and what is on it when it is there."""

    command: Callable[[Path, int], list[str]]
    page: str
    shown: str = f"/run-\\d{{5}}/.test({_TEXT})"


TOOLS: Final[Mapping[str, Tool]] = {
    "mlflow": Tool(
        lambda folder, port: ["mlflow", "ui", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
                              "--port", str(port)], "/#/experiments/1/runs"),
    "tensorboard": Tool(
        lambda folder, port: ["tensorboard", "--logdir", str(folder / "logs"), "--port", str(port)], "/#scalars"),
    "aim": Tool(lambda folder, port: ["aim", "up", "--repo", str(folder), "--port", str(port)], "/runs"),
    "trackio": Tool(lambda _folder, _port: ["trackio", "show", "--project", "team"], "/runs?selected_project=team"),
    "optuna-dashboard": Tool(
        lambda folder, port: ["optuna-dashboard", f"sqlite:///{folder / 'optuna.db'}", "--port", str(port)],
        "/dashboard/studies/1/trials", f"/Trial \\d+/.test({_TEXT})"),
}  # fmt: skip


@contextmanager
def served(name: str, python: str, folder: Path) -> Iterator[str]:
    """A tool's server, until it answers; yields the address."""
    port = free_port()
    program, *options = TOOLS[name].command(folder, port)
    environment = {**os.environ, "TRACKIO_DIR": str(folder), "GRADIO_SERVER_PORT": str(port),
                   "GRADIO_ANALYTICS_ENABLED": "False", "MLFLOW_DISABLE_TELEMETRY": "true"}  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with started([str(Path(python).with_name(program)), *options], f"{address}/", environment):
        yield address


@contextmanager
def started(command: Sequence[str], url: str, environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """A server as a process group of its own, from when it answers until the block ends."""
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait_for(url)
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own server
                return
        except urllib.error.HTTPError:
            return
        except (TimeoutError, urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise SystemExit(f"nothing answers at {url}")


def time_pages(chromium: Chromium, address: str, sweeps: Sequence[str], repeats: int) -> dict[str, object]:
    """Every page: the very first visit, later ones, and choosing sweeps nobody has looked at and some somebody has."""
    pages: dict[str, object] = {}
    for number, page in enumerate(PAGES):
        with chromium.tab(Screen()) as tab:
            watch(tab, {"useful": USEFUL, "drawn": DRAWN})
            first = visit(tab, f"{address}/{page}", "drawn")
            later = [reload(tab, "drawn") for _ in range(repeats)]
            other = "" if page else PAGES[-1]
            switches = [switch_page(tab, to) for _ in range(repeats) for to in (other, page)][1::2]
            new = choose_sweep(tab, sweeps[number % len(sweeps)])
            known = [choose_sweep(tab, sweeps[(number + step) % len(sweeps)]) for step in (1, 0)][1:]
        pages[page or "overview"] = {
            "first_visit_s": first,
            "later_s": {key: median(visited.get(key, visited["drawn"]) for visited in later) for key in first},
            "from_another_page_s": median(switches),
            "new_filter_s": new,
            "known_filter_s": median(known),
        }
    return pages


def time_list(chromium: Chromium, address: str, shown: str, repeats: int) -> dict[str, object]:
    """A tool's list of runs: the first visit by a new browser with an empty cache, then the page loaded again."""
    with chromium.tab(Screen()) as tab:
        watch(tab, {"list": shown})
        first = visit(tab, address, "list")["list"]
        later = [reload(tab, "list")["list"] for _ in range(repeats)]
    return {"first_visit_s": first, "later_s": median(later), "all": later}


def measure_ucurve(chromium: Chromium, folder: Path, n_runs: int, repeats: int) -> dict[str, object]:
    """Ucurve's pages at one size; the store is written unless it is there."""
    if not folder.exists():
        write_team_store(folder, n_runs, n_steps=1000)
    with dashboard(folder) as address:
        pages = time_pages(chromium, address, sweep_names(n_runs), repeats)
        rss = round(Server.of_this_process().rss_mb)
    return {"n_runs": n_runs, "n_values": n_runs * 5000, "pages": pages, "server_rss_mb": rss}


def measure_streamlit(chromium: Chromium, folder: Path, repeats: int) -> dict[str, float]:
    """What a page of Streamlit's costs that shows one number and one chart, loaded again: the floor of every page."""
    script, port = folder / "one_number.py", free_port()
    script.write_text(_FLOOR)
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}", *_FLOOR_OPTIONS]
    with started(command, f"http://127.0.0.1:{port}/"), chromium.tab(Screen()) as tab:
        watch(tab, {"useful": USEFUL, "drawn": DRAWN})
        visit(tab, f"http://127.0.0.1:{port}/", "drawn")
        loads = [reload(tab, "drawn") for _ in range(repeats)]
    return {key: median(load[key] for load in loads) for key in ("useful", "drawn")}


def measure_tools(chromium: Chromium, folder: Path, pythons: Mapping[str, str], sizes: Mapping[str, int],
                  repeats: int) -> dict[str, object]:  # fmt: skip
    """The lists of runs of other tools, 100 steps a run, each right beside Ucurve's of as many runs."""
    found: dict[str, object] = {}
    shown = "!!document.querySelector('[data-testid=stDataFrame] canvas td')"
    for name, python in pythons.items():
        n_runs = sizes.get(name, 1000)
        place, store = folder / f"{name}-{n_runs}", folder / f"ucurve-{n_runs}"
        if not place.exists():
            subprocess.run([python, "-P", str(_RIVALS), name, str(place), str(n_runs), "100"], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        if not store.exists():
            write_team_store(store, n_runs, n_steps=100)
        with served(name, python, place) as address:
            theirs = time_list(chromium, address + TOOLS[name].page, TOOLS[name].shown, repeats)
        with dashboard(store) as address:
            ours = time_list(chromium, f"{address}/runs", shown, repeats)
        found[name] = {"n_runs": n_runs, "theirs": theirs, "ucurve": ours, "load_average": os.getloadavg()[0]}
    return found


def main() -> None:
    """Reads the options, measures, writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--tool-runs", action="append", default=[], metavar="NAME=N", help="default 1000")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the runs here and keep them")
    parser.add_argument("--runs", type=int, nargs="*", default=[1000, 10_000], help="sizes of Ucurve's stores")
    parser.add_argument("--repeats", type=int, default=_REPEATS, metavar="N")
    options = parser.parse_args()
    binary = find_chromium()
    if binary is None:
        raise SystemExit("there is no chromium on this machine; on Debian: apt install chromium")
    pythons = dict(each.split("=", 1) for each in options.tool)
    sizes = {name: int(n) for name, n in (each.split("=", 1) for each in options.tool_runs)}
    before = os.getloadavg()
    with tempfile.TemporaryDirectory() as temporary, start_chromium(binary) as chromium:
        folder = options.keep or Path(temporary)
        figures: dict[str, object] = {
            "ucurve": [measure_ucurve(chromium, folder / f"store-{n}", n, options.repeats) for n in options.runs],
            "one_number_and_one_chart": measure_streamlit(chromium, Path(temporary), options.repeats),
            "lists_of_runs": measure_tools(chromium, folder, pythons, sizes, options.repeats),
        }
    from benchmarks.report import write_result  # loads torch: not beside the browser

    figures["load_average"] = {"before": before, "after": os.getloadavg()}
    command = "python -m benchmarks.dashboard" + "".join(f" --tool {name}=PYTHON" for name in pythons)
    write_result("dashboard", command, figures)


if __name__ == "__main__":
    main()
