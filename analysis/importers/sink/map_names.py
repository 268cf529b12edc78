"""What a map says about names of metrics, saved as agreements: names are aligned when read, never when stored."""

from __future__ import annotations

from collections.abc import Set

from analysis.importers.config_rules import RunMap
from analysis.importers.sink.commit import writing
from analysis.store import Store
from analysis.store.agreeing import agree
from analysis.store.agreements import METRIC, Agreement


def save_names(store: Store, run_map: RunMap, kinds: Set[str]) -> None:
    """Saves what the store does not say already, for runs of these kinds only.

    Raises:
        ConfigError: two names would each count as the other.
        StoreError: the store cannot be written.
    """
    names = [(metric, name) for metric, names in run_map.aliases.items() for name in names if name != metric]
    if not names:
        return
    with writing(store):
        for metric, name in names:
            for kind in sorted(kinds):
                because = "the map of an import says so"
                agree(store, Agreement(what=METRIC, value=name, counts_as=metric, source=kind, because=because))
