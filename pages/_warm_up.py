"""Doing before the first visit what would make it wait: loading the program, and reading what every page reads."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path

from analysis.errors import UcurveError

_log = logging.getLogger(__name__)


def warm_up() -> None:
    """Load all that pages import, and read the runs with their usual metric; on a thread beside the server's."""
    for module in sorted(Path(__file__).parent.glob("_[!_]*.py")):
        importlib.import_module(f"{__package__}.{module.stem}")
    try:
        _read()
    except UcurveError as problem:  # every page says so
        _log.info("nothing was read ahead: %s", problem)


def _read() -> None:
    # Not above: the server is to answer before all this is loaded.
    from pages._data import (
        digest_results,
        load_metric_directions,
        load_metric_names,
        load_sweep_ids,
        load_sweep_looks,
        open_store,
    )
    from pages._filters import DEFAULT_METRIC
    from pages._location import store_location

    snapshot = open_store(store_location()).snapshot()
    for load in (load_metric_names, load_metric_directions, load_sweep_ids, load_sweep_looks):
        load(snapshot)
    digest_results(snapshot, DEFAULT_METRIC)
