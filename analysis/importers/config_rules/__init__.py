"""Rules that turn the configuration of a run, as any tool logs it, into the store's typed columns."""

from analysis.importers.config_rules.run_map import NO_MAP, RunMap, read_run_map
from analysis.importers.config_rules.trial import trial_key_for
from analysis.importers.config_rules.typed import TypedColumns, typed_columns

__all__ = ["NO_MAP", "RunMap", "TypedColumns", "read_run_map", "trial_key_for", "typed_columns"]
