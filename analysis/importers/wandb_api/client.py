"""wandb's own client: its login, and the calls that this source makes, all with a limit on time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

from analysis.errors import ConfigError
from analysis.importers.wandb_api.environment import prepare_environment
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
        except Exception as error:  # the client raises errors of many libraries; `explain` says which it was
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
        return self.ask(lambda: self._ask_for_node({"entity": entity, "project": project, "name": run_id}))

    def _ask_for_node(self, place: dict[str, str]) -> Node:
        from wandb.apis.public.runs import RUN_FRAGMENT

        return _run_of(self._api._service_api.execute_graphql(_RUN_QUERY + RUN_FRAGMENT, place))

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


def _run_of(answer: Node) -> Node:
    node = ((answer or {}).get("project") or {}).get("run")
    if node is None:
        raise Deleted
    return {**node, "name": node["name"]}  # a run without a name is none


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
