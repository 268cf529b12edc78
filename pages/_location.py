"""Where the dashboard finds its store: the argument after `--`, else UCURVE_STORE, else ./ucurve-store."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

DEFAULT_LOCATION: Final = "./ucurve-store"


def store_location(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> str:
    """The store's directory or URL.

    Args:
        arguments: The script's own arguments, as in `streamlit run app.py -- --store DIR`; default `sys.argv`.
        environment: Environment variables; default the process's.

    >>> store_location(["--store", "a"], {"UCURVE_STORE": "b"}), store_location([], {"UCURVE_STORE": "b"})
    ('a', 'b')
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    known = os.environ if environment is None else environment
    for index, argument in enumerate(given):
        if argument == "--store" and index + 1 < len(given):
            return given[index + 1]
        if argument.startswith("--store="):
            return argument.removeprefix("--store=")
    return known.get("UCURVE_STORE") or DEFAULT_LOCATION
