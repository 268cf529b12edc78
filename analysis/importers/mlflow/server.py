"""The runs of a tracking server, through MLflow's REST API (version 2.0, the same since MLflow 1).

Not through MLflow's client: its light form brings 15 packages, reports its use to its makers unless told not to, and
waits for minutes on a server that does not answer.
Source: mlflow.org, REST API; mlflow 3.17, `store/tracking/rest_store.py`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3
from urllib3.util import Retry, Timeout, make_headers

from analysis.errors import StoreError
from analysis.importers.mlflow.record import Dataset, Point, RunRecord

PAGE: Final = 1000
HISTORY_PAGE: Final = 25_000
"""The most that a server gives at once."""

_API: Final = "api/2.0/mlflow"
_CONTEXT: Final = "mlflow.data.context"
_SCHEMES: Final = ("http", "https")
_IN_PAGE: Final = re.compile(r"experiments/(\d+)(?:/runs/([0-9a-f]{32}))?")
_RETRIES: Final = Retry(
    total=3,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,  # all are reading, also by POST
    raise_on_status=False,
    retry_after_max=20,
)
_TIMEOUT: Final = Timeout(connect=10, read=60)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and what of it is meant.

    Attributes:
        base: Its address without credentials.
        experiment: Id of the only experiment meant, from an address copied out of a browser.
        run_id: Id of the only run meant.
        headers: With the credentials.
    """

    base: str
    experiment: str | None
    run_id: str | None
    headers: Mapping[str, str]


class GoneError(StoreError):
    """What was asked for is not there."""


def read_address(target: str) -> Address | None:
    """The server that a target names; None where it names none.

    Credentials come from the address, else from MLflow's own environment variables.
    """
    parts = urlsplit(target)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        return None
    host = parts.netloc.rpartition("@")[2]
    meant = _IN_PAGE.search(parts.fragment)
    return Address(
        base=urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", "")),
        experiment=meant[1] if meant else None,
        run_id=meant[2] if meant else None,
        headers=_headers(parts.username, parts.password),
    )


def _headers(user: str | None, password: str | None) -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if user is None and token:
        return {"Authorization": f"Bearer {token}"}
    user = unquote(user) if user is not None else os.environ.get("MLFLOW_TRACKING_USERNAME")
    secret = unquote(password) if password is not None else os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    return dict(make_headers(basic_auth=f"{user}:{secret}")) if user else {}


class Server:
    """Reads from one tracking server; every wait has an end."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._pool = urllib3.PoolManager(retries=_RETRIES, timeout=_TIMEOUT, headers=dict(address.headers))

    def experiments(self) -> Iterator[tuple[str, str]]:
        """Id and name of every experiment that is not deleted.

        Raises:
            StoreError: the server cannot be reached or refuses.
        """
        if self._address.experiment is not None:
            found = self._ask("GET", "experiments/get", {"experiment_id": self._address.experiment})["experiment"]
            yield str(found["experiment_id"]), str(found["name"])
            return
        for answer in self._pages("POST", "experiments/search", {"max_results": PAGE, "view_type": "ACTIVE_ONLY"}):
            for found in answer.get("experiments", ()):
                yield str(found["experiment_id"]), str(found["name"])

    def runs(self, experiment_id: str, *, deleted: bool = False) -> Iterator[dict[str, Any]]:
        """The runs of an experiment as the server describes them.

        Raises:
            StoreError: the server cannot be reached or refuses.
        """
        body = {
            "experiment_ids": [experiment_id],
            "max_results": PAGE,
            "run_view_type": "DELETED_ONLY" if deleted else "ACTIVE_ONLY",
            "order_by": ["attributes.start_time ASC", "attributes.run_id ASC"],
        }
        for answer in self._pages("POST", "runs/search", body):
            for found in answer.get("runs", ()):
                if self._address.run_id in (None, found["info"].get("run_id")):
                    yield found

    def run(self, run_id: str) -> dict[str, Any]:
        """One run.

        Raises:
            GoneError: it is not there any more.
            StoreError: the server cannot be reached or refuses.
        """
        found: dict[str, Any] = self._ask("GET", "runs/get", {"run_id": run_id})["run"]
        return found

    def history(self, run_id: str, key: str) -> Iterator[Point]:
        """All values of a metric.

        Raises:
            StoreError: the server cannot be reached or refuses.
        """
        query = {"run_id": run_id, "metric_key": key, "max_results": HISTORY_PAGE}
        for answer in self._pages("GET", "metrics/get-history", query):
            for found in answer.get("metrics", ()):
                yield _point(found)

    def _pages(self, method: str, path: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        while True:
            answer = self._ask(method, path, query)
            yield answer
            token = answer.get("next_page_token")
            if not token:
                return
            if token in seen:
                raise StoreError(f"{self._address.base} gives the same page of {path} again and again")
            seen.add(token)
            query = {**query, "page_token": token}

    def _ask(self, method: str, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
        address = f"{self._address.base}/{_API}/{path}"
        try:
            if method == "GET":
                answer = self._pool.request("GET", address, fields=dict(query))
            else:
                answer = self._pool.request("POST", address, json=dict(query))
        except urllib3.exceptions.HTTPError as error:
            raise StoreError(
                f"{self._address.base} does not answer ({_cause(error)}); check the address and that the server runs"
            ) from None
        if answer.status != 200:
            raise _refused(self._address.base, path, answer)
        try:
            found = json.loads(answer.data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise StoreError(f"{self._address.base} is no MLflow server: its answer to {path} is not its JSON")
        return found


def record_of(found: Mapping[str, Any], experiment: str) -> RunRecord:
    """A run as the server describes it."""
    info, logged, inputs = found["info"], found.get("data", {}), found.get("inputs", {})
    return RunRecord(
        run_id=str(info.get("run_id") or info.get("run_uuid")),
        experiment=experiment,
        status=str(info.get("status")),
        name=info.get("run_name") or None,
        start_time=_integer(info.get("start_time")),
        end_time=_integer(info.get("end_time")) or None,
        is_deleted=info.get("lifecycle_stage") == "deleted",
        params=_pairs(logged.get("params", ())),
        tags=_pairs(logged.get("tags", ())),
        latest={str(metric["key"]): _point(metric) for metric in logged.get("metrics", ())},
        datasets=tuple(
            Dataset(
                name=str(one["dataset"].get("name")),
                digest=str(one["dataset"].get("digest")),
                context=_pairs(one.get("tags", ())).get(_CONTEXT),
            )
            for one in inputs.get("dataset_inputs", ())
        ),
    )


def _pairs(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(pair["key"]): str(pair.get("value", "")) for pair in found}


def _point(found: Mapping[str, Any]) -> Point:
    """NaN and infinities come as text or as bare tokens; what is 0 may be left out."""
    timestamp, step = int(found.get("timestamp", 0)), int(found.get("step", 0))
    return Point(str(found["key"]), timestamp, step, float(found.get("value", 0.0)))


def _integer(value: object) -> int | None:
    return int(value) if isinstance(value, int | str) else None


def _refused(base: str, path: str, answer: urllib3.BaseHTTPResponse) -> StoreError:
    if answer.status in (401, 403):
        return StoreError(
            f"{base} refuses the credentials (HTTP {answer.status}); set MLFLOW_TRACKING_TOKEN, or "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    try:
        code = str(json.loads(answer.data).get("error_code", ""))
    except (ValueError, AttributeError):
        code = ""
    if code == "RESOURCE_DOES_NOT_EXIST":
        return GoneError(f"{base} has it no more")
    return StoreError(f"{base} answers {path} with HTTP {answer.status}{' ' + code if code else ''}")


def _cause(error: urllib3.exceptions.HTTPError) -> str:
    """The kind of failure; the text may hold the address."""
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, BaseException) else error).__name__.removesuffix("Error")
