"""Where the configurations of several runs differ."""

from __future__ import annotations

import pandas as pd


def diff_configs(runs: pd.DataFrame) -> pd.DataFrame:
    """Returns the configuration keys whose values differ between runs."""
    raise NotImplementedError
