"""The runs of W&B servers as a source; `analysis.importers.wandb` asks it for every target that is no path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analysis.errors import ConfigError
from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.wandb_api.client import Client
from analysis.importers.wandb_api.environment import configured_server
from analysis.importers.wandb_api.listing import Listed, Listing, listed
from analysis.importers.wandb_api.options import Options, read_options
from analysis.importers.wandb_api.server_run import KIND, read_run
from analysis.importers.wandb_api.targets import Target, choose_server, parse_target
from analysis.importers.wandb_api.trouble import Deleted, NoProject, ServerTrouble, WrongKey

_MOST_TROUBLES: Final = 2
"""Runs in a row that a server may fail over; then the others are not tried: each would wait for its whole time."""


class WandbApiSource:
    """Runs on W&B servers. One login serves all runs of a request."""

    kind: str = KIND

    def __init__(self) -> None:
        self._client: Client | None = None
        self._troubles = 0

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """The runs of each target in the order of their creation, each once.

        Raises:
            ConfigError: a target or an option is wrong, there is no such project, or no API key for the server.
        """
        options = read_options(request)
        seen: set[str] = set()
        for target in map(parse_target, request.targets):
            server = choose_server(target, options.base_url or configured_server())
            for found in self._find_target(target, server, options):
                if found.label not in seen:
                    seen.add(found.label)
                    yield found

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """The run of an item, or why it cannot be read."""
        place = item.locator
        progress(0)
        if self._troubles >= _MOST_TROUBLES:
            reason = f"not tried: {place['server']} failed over {self._troubles} runs in a row before it; import again"
            yield Refusal(kind=KIND, label=item.label, reason=reason)
            return
        try:
            client = self._login(place["server"], read_options(request).timeout_s)
            run = client.run(place["entity"], place["project"], place["run_id"])
            found = read_run(client, run, progress)
            self._troubles = 0
            yield found
        except Deleted:
            yield Refusal(kind=KIND, label=item.label, reason="deleted at the source after it was listed")
        except ServerTrouble as trouble:
            self._troubles += trouble.lasting
            yield Refusal(kind=KIND, label=item.label, reason=str(trouble))

    def _find_target(self, target: Target, server: str, options: Options) -> Iterator[Item | Refusal]:
        place = f"{target.entity}/{target.project}"
        try:
            self._client, self._troubles = None, 0  # what the client remembers must not be older than this import
            client = self._login(server, options.timeout_s)
            yield from _items(client, target, options)
        except WrongKey as trouble:
            raise ConfigError(str(trouble)) from trouble
        except NoProject as trouble:
            raise ConfigError(
                f"{server} has no project {place} that the API key's account may read; check the spelling"
            ) from trouble
        except ServerTrouble as trouble:
            yield Refusal(kind=KIND, label=place, reason=str(trouble), hides_others=True)

    def _login(self, server: str, timeout_s: float) -> Client:
        if self._client is None or (self._client.server, self._client.timeout_s) != (server, timeout_s):
            self._client = Client(server, timeout_s)
        return self._client


def _items(client: Client, target: Target, options: Options) -> Iterator[Item | Refusal]:
    if target.run_id is not None:
        yield _find_one(client, target, target.run_id)
        return
    listing = Listing(client, target.entity, target.project, dict(options.filters))
    n_runs = 0
    for run in listing.runs():
        n_runs += 1
        yield _item(client, target, run)
    if listing.n_missing:
        n_all = n_runs + listing.n_missing
        reason = f"{client.server} says that there are {n_all:,} runs, and lists {n_runs:,}; import again"
        yield Refusal(kind=KIND, label=f"{target.entity}/{target.project}", reason=reason, hides_others=True)


def _find_one(client: Client, target: Target, run_id: str) -> Item:
    try:
        run = listed(client.node(target.entity, target.project, run_id))
    except Deleted as error:
        raise ConfigError(
            f"{client.server} has no run {target.entity}/{target.project}/{run_id}; check the spelling, and that the "
            "API key's account may read it"
        ) from error
    return _item(client, target, run)


def _item(client: Client, target: Target, run: Listed) -> Item:
    return Item(
        kind=KIND,
        label=f"{target.entity}/{target.project}/{run.run_id}",
        digest=run.digest,
        locator={
            "server": client.server,
            "entity": target.entity,
            "project": target.project,
            "run_id": run.run_id,
        },
        n_rows=run.n_rows,
    )


SOURCE: Final = WandbApiSource()
