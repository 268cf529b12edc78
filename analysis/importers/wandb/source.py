"""W&B as one source: paths are read as local logs, projects and addresses through the API."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from analysis.errors import ConfigError
from analysis.importers.source import Item, Progress, Request, Source
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.wandb.local import READER, find_local, read_local
from analysis.importers.wandb.run import KIND
from analysis.importers.wandb.targets import is_local, is_url

_API: Final = "analysis.importers.wandb_api"
_ONLINE_ONLY: Final = ("filter", "since")
"""Options that only a server understands."""


class WandbSource:
    """The source `wandb`."""

    kind: str = KIND

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """Runs of local logs first, then those of servers.

        Raises:
            ConfigError: a target is neither a path nor a project, or an option means nothing to local logs.
        """
        places = [target for target in request.targets if is_local(target)]
        projects = [target for target in request.targets if target not in places]
        unknown = [name for name in _ONLINE_ONLY if name in request.options]
        if places and unknown:
            raise ConfigError(f"{' and '.join(unknown)} ask a server for some of its runs; {places[0]!r} is local")
        if places:
            yield from find_local(places)
        if projects:
            yield from _find_online(replace(request, targets=tuple(projects)))

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """The run of an item."""
        if item.locator.get("reader") == READER:
            yield read_local(item, now=request.now or None, progress=progress)
        else:
            yield from _api().read(item, request, progress)


def _find_online(request: Request) -> Iterator[Item | Refusal]:
    """What the API finds; a name that it does not know may have been meant as a path."""
    try:
        yield from _api().find(request)
    except ConfigError as problem:
        names = [target for target in request.targets if not is_url(target)]
        if not names:
            raise
        raise ConfigError(f"{problem} (nor is there a file or folder {' or '.join(map(repr, names))} here)") from None


def _api() -> Source:
    """Loaded only where it is needed: it brings a client."""
    source: Source = importlib.import_module(_API).SOURCE
    return source
