"""wandb's own client: its environment, its login, and the calls that this source makes, all with a limit on time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from analysis.errors import ConfigError
from analysis.importers.isolation.process import USER_HOME, USER_WANDB_CONFIG
from analysis.importers.wandb_api.patience import within
from analysis.importers.wandb_api.remote_run import Node, RemoteRun
from analysis.importers.wandb_api.trouble import Deleted, NoProject, ServerTrouble, explain

_T = TypeVar("_T")
_RUN_QUERY: Final = """
query Run($project: String!, $entity: String!, $name: String!) {
    project(name: $project, entityName: $entity) {
        run(name: $name) { projectId ...RunFragment }
    }
}
"""
WandbRuns: TypeAlias = Any
WandbFile: TypeAlias = Any
WandbApi: TypeAlias = Any
"""Of `wandb.apis.public`; what is read here of them has no types."""

_RETRIES: Final = {
    # Short: a server that is down must not cost minutes for each run. A `Retry-After` is waited for all the same.
    # In whole seconds: wandb-core takes a fraction of one for its default of 2.
    "WANDB_X_GRAPHQL_RETRY_MAX": "3",
    "WANDB_X_GRAPHQL_RETRY_WAIT_MIN_SECONDS": "1",
    "WANDB_X_GRAPHQL_RETRY_WAIT_MAX_SECONDS": "2",
    "WANDB_X_FILE_TRANSFER_RETRY_MAX": "2",
    "WANDB_X_FILE_TRANSFER_RETRY_WAIT_MIN_SECONDS": "1",
    "WANDB_X_FILE_TRANSFER_RETRY_WAIT_MAX_SECONDS": "2",
}
_QUIET: Final = {
    "WANDB_SILENT": "true",
    "WANDB_QUIET": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_ERROR_REPORTING": "false",
}
_FOLDERS: Final = ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR")
_NO_KEY: Final = (
    "there is no API key for {}: set the environment variable WANDB_API_KEY, or run `wandb login --host {}` once"
)


class Client:
    """Talks to one server. What it reads of a run is never older than the last `forget`."""

    def __init__(self, server: str, timeout_s: float) -> None:
        """Logs in.

        Raises:
            ConfigError: there is no API key for the server.
            ServerTrouble: the server cannot be read.
        """
        prepare_environment()
        self.server = server
        self.timeout_s = timeout_s
        self._api = self.ask(lambda: _log_in(server, timeout_s))

    def ask(
        self,
        call: Callable[[], _T],
        *,
        alive: Callable[[], object] = lambda: None,
        moving: Callable[[], int] | None = None,
    ) -> _T:
        """What a call of the client returns; `alive` and `moving` as in `patience.within`.

        Raises:
            Deleted: the run is gone.
            ServerTrouble: any other error of the client.
        """
        from wandb.apis.public.runs import RunNotFoundError

        try:
            return within(self.patience_s, call, alive=alive, moving=moving)
        except (ConfigError, ServerTrouble, Deleted, NoProject):
            raise
        except RunNotFoundError as error:
            raise Deleted from error
        except Exception as error:
            if "Could not find run" in str(error):
                raise Deleted from error
            raise explain(error, self.server, self.timeout_s) from error

    @property
    def patience_s(self) -> float:
        """Seconds for a call: its requests have `timeout_s` each, and may be repeated."""
        return 2 * self.timeout_s

    def forget(self) -> None:
        """Drops what the client remembers, so that the next answers are the server's."""
        self._api.flush()

    def runs(self, entity: str, project: str, filters: dict[str, object], *, per_page: int) -> WandbRuns:
        """A listing, not yet asked for: the client's `Runs`."""
        self.forget()
        return self._api.runs(
            f"{entity}/{project}", filters=filters, order="+created_at", per_page=per_page, lazy=False
        )

    def node(self, entity: str, project: str, run_id: str) -> Node:
        """The fields of one run as the server sends them, those of a listing.

        Raises:
            Deleted: the server has no such run.
            ServerTrouble: it cannot be read.
        """
        from wandb.apis.public.runs import RUN_FRAGMENT

        variables = {"entity": entity, "project": project, "name": run_id}
        answer = self.ask(lambda: self._api._service_api.execute_graphql(_RUN_QUERY + RUN_FRAGMENT, variables))
        node = ((answer or {}).get("project") or {}).get("run")
        if not isinstance(node, dict):
            raise Deleted
        return node

    def run(self, entity: str, project: str, run_id: str) -> RemoteRun:
        """One run, fresh.

        Raises:
            Deleted: the server has no such run.
            ServerTrouble: it cannot be read.
        """
        from wandb.apis.public import Run

        node = self.node(entity, project, run_id)
        handle = Run(self._api._service_api, entity, project, run_id, {"name": run_id})
        return RemoteRun(entity, project, run_id, node, handle)


@cache
def prepare_environment() -> None:
    """Sets up this process for wandb's client: short retries, silence, and folders of its own that are never reused.

    wandb's helper process reads the environment once, at its start.
    """
    folder = _private_folder()
    os.environ.pop("WANDB_SERVICE", None)  # the helper process of whoever started this one, with its own folders
    os.environ.update(_QUIET, **dict.fromkeys(_FOLDERS, folder.name))
    for name, value in _RETRIES.items():
        os.environ.setdefault(name, value)
    _PRIVATE.append(folder)
    home = os.environ.get(USER_HOME)
    if home is not None:  # a reading process has a private home; what the user set stands in the real one
        default = str(Path(home) / ".config" / "wandb")
        os.environ["WANDB_CONFIG_DIR"] = os.environ.get(USER_WANDB_CONFIG, default)


_PRIVATE: Final[list[tempfile.TemporaryDirectory[str]]] = []
"""Deleted when the process ends."""


def _private_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="ucurve-wandb-", ignore_cleanup_errors=True)


def configured_server() -> str | None:
    """The server that the environment or wandb's settings file names, else None."""
    prepare_environment()
    import wandb

    named = os.environ.get("WANDB_BASE_URL") or wandb.setup().settings.base_url
    return str(named) if named else None


def _log_in(server: str, timeout_s: float) -> WandbApi:
    import wandb
    from wandb.errors import AuthenticationError
    from wandb.sdk.lib import wbauth

    try:
        found = wbauth.authenticate_session(host=server, source="ucurve", prompt=False, update_session=False)
    except AuthenticationError as error:
        raise ConfigError(f"the API key for {server} cannot be used: {error.message}") from error
    if found is None:
        raise ConfigError(_NO_KEY.format(server, server))
    # Entity and project are always given; naming one here saves a request for the account's default.
    return wandb.Api(overrides={"base_url": server, "entity": "-"}, timeout=timeout_s)  # type: ignore[arg-type]
