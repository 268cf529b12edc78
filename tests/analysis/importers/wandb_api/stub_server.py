"""A strict W&B server of the tests' own on loopback: what the real client of wandb 0.31 asks for, and nothing else.

An operation or a path that it does not know is answered with HTTP 400 and stands in `StubServer.unknown`.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

from tests.analysis.importers.wandb_api.stub_runs import StubRun

API_KEY = "k" * 36 + "0f5a"
_OPERATION = re.compile(r"\bquery\s+(\w+)")


@dataclass(frozen=True)
class Fault:
    """What happens instead of an answer: a status after a while, and what it does to the server before."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "{}"
    delay_s: float = 0.0
    before: Callable[[], object] | None = None


class StubServer:
    """Holds runs and answers.

    Attributes:
        runs: By entity, project and id; the order is that of their creation.
        counts: Requests by operation, or `export` and `file`.
        authorized: `Authorization` headers by the same names.
        file_url: Where files and exports are, for whoever asks.
        unknown: What was asked and is not known; a test that ends with something in it fails.
    """

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str, str], StubRun] = {}
        self.counts: Counter[str] = Counter()
        self.authorized: defaultdict[str, list[str | None]] = defaultdict(list)
        self.unknown: list[str] = []
        self.variables: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.stub = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.file_url = self.url

    def add(self, *runs: StubRun) -> None:
        for run in runs:
            self.runs[run.entity, run.project, run.name] = run

    def delete(self, *runs: StubRun) -> None:
        for run in runs:
            self.runs.pop((run.entity, run.project, run.name), None)

    def fault(self, name: str, fault: Fault, *, times: int = 1) -> None:
        """The next requests of an operation get the fault."""
        self._faults[name] += [fault] * times

    @contextmanager
    def serving(self) -> Iterator[StubServer]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._http.shutdown()
            self._http.server_close()

    def take_fault(self, name: str) -> Fault | None:
        """Counts a request and returns what is to go wrong with it."""
        with self._lock:
            self.counts[name] += 1
            return self._faults[name].pop(0) if self._faults[name] else None

    def graphql(self, operation: str, asked: dict[str, Any], query: str) -> dict[str, Any] | None:
        """The `data` of an answer, None where the operation is not known."""
        if operation == "Viewer":
            return {"viewer": {"id": "u1", "entity": "team", "username": "ada", "email": "", "flags": "{}",
                               "teams": {"edges": []}}}  # fmt: skip
        if operation == "ServerFeaturesQuery":
            return {"serverInfo": {"features": []}}
        if operation == "GetDefaultEntity":
            return {"viewer": {"id": "u1", "entity": "team"}}
        if operation == "Runs":
            return self._list(asked, query)
        run = self.runs.get(
            (asked["entity"], asked["project"], asked.get("name") or asked.get("runName") or asked["run"])
        )
        answer = _ANSWERS.get(operation)
        if answer is None:
            return None
        return {
            "project": {"internalId": "7", "run": None if run is None else _named_in(query, answer(self, run, asked))}
        }

    def _list(self, asked: dict[str, Any], query: str) -> dict[str, Any]:
        place = (asked["entity"], asked["project"])
        if not any(key[:2] == place for key in self.runs):
            return {"project": None}
        matching = [
            run for key, run in self.runs.items() if key[:2] == place and _matches(run, json.loads(asked["filters"]))
        ]
        first = int(asked["cursor"] or 0)  # an offset, as on the real server
        page = matching[first : first + asked["perPage"]]
        edges = [{"node": _named_in(query, run.node()), "cursor": str(first + i + 1)} for i, run in enumerate(page)]
        more = first + len(page) < len(matching)
        info = {"endCursor": edges[-1]["cursor"] if edges else None, "hasNextPage": more}
        return {
            "project": {
                "internalId": "7", "runCount": len(matching), "readOnly": False,
                "runs": {"edges": edges, "pageInfo": info},
            }
        }  # fmt: skip

    def run_address(self, kind: str, run: StubRun, name: str) -> str:
        return f"{self.file_url}/{kind}/{run.entity}/{run.project}/{run.name}/{quote(name)}"

    def content(self, path: str) -> tuple[int, bytes] | None:
        """Status and body of a file's address."""
        kind, *place, name = unquote(path).lstrip("/").split("/", 4)
        run = self.runs.get((place[0], place[1], place[2])) if len(place) == 3 else None
        if run is None:
            return None
        if kind == "export":
            body = run.export(int(name)) if run.export_status == 200 else b"<Error>AccessDenied</Error>"
            return run.export_status, body
        return (200, run.files[name]) if kind == "file" and name in run.files else None


def _named_in(query: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The fields that were asked for."""
    words = set(re.findall(r"\w+", query))
    return {field: value for field, value in answer.items() if field in words}


def _matches(run: StubRun, wanted: dict[str, Any]) -> bool:
    """The few filters that the tests use."""
    return all(_FILTERS[key](run, value) for key, value in wanted.items())


_FILTERS: dict[str, Callable[[StubRun, Any], bool]] = {
    "$and": lambda run, parts: all(_matches(run, part) for part in parts),
    "$or": lambda run, parts: any(_matches(run, part) for part in parts),
    "createdAt": lambda run, value: run.created_at >= value["$gte"].removesuffix("Z"),
    "state": lambda run, value: run.state == value,
    "tags": lambda run, value: value in run.tags,
}


def _files(server: StubServer, run: StubRun, asked: dict[str, Any]) -> dict[str, Any]:
    pattern = re.escape(asked["pattern"]).replace("%", ".*") if asked.get("pattern") else None
    names = [name for name in run.files if not asked["fileNames"] or name in asked["fileNames"]]
    names = [name for name in names if pattern is None or re.fullmatch(pattern, name)]
    first = int(asked.get("fileCursor") or 0)
    page = names[first : first + asked["fileLimit"]]
    edges = [
        {
            "cursor": str(first + i + 1),
            "node": {
                "id": name, "name": name, "url": server.run_address("file", run, name), "directUrl": None,
                "sizeBytes": len(run.files[name]), "mimetype": "application/json", "updatedAt": None, "md5": None,
            },
        }
        for i, name in enumerate(page)
    ]  # fmt: skip
    info = {"endCursor": None, "hasNextPage": first + len(page) < len(names)}
    return {"fileCount": len(names), "files": {"edges": edges, "pageInfo": info}}


def _parquet(server: StubServer, run: StubRun, _: dict[str, Any]) -> dict[str, Any]:
    urls = [server.run_address("export", run, str(i)) for i in range(len(run.exports))]
    return {"parquetHistory": {"parquetUrls": urls, "liveData": run.live_data()}}


def _sampled(_: StubServer, run: StubRun, asked: dict[str, Any]) -> dict[str, Any]:
    return {"history": run.page(0, run.last_step + 1, asked["samples"])}


_ANSWERS: dict[str, Callable[[StubServer, StubRun, dict[str, Any]], dict[str, Any]]] = {
    "Run": lambda _, run, __: run.node(),
    "RunHistoryKeys": lambda _, run, __: {"historyKeys": run.history_keys()},
    "RunParquetHistory": _parquet,
    "HistoryPage": lambda _, run, asked: {"history": run.page(asked["minStep"], asked["maxStep"], asked["pageSize"])},
    "RunFullHistory": _sampled,
    "RunFiles": _files,
}


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    stub: StubServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        stub = self.server.stub
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = _OPERATION.search(asked.get("query", ""))
        name = found[1] if found else f"unnamed {asked.get('query', '')[:60]}"
        variables = asked.get("variables") or {}
        stub.variables[name].append(variables)
        if self._goes_wrong(name):
            return
        if not self._is_authorized():
            self._send(401, b'{"errors": [{"message": "invalid API key"}]}')
            return
        answer = stub.graphql(name, variables, asked["query"]) if self.path == "/graphql" else None
        if answer is None:
            stub.unknown.append(f"{self.path} {name}")
            self._send(400, b'{"errors": [{"message": "unknown operation"}]}')
        else:
            self._send(200, json.dumps({"data": answer}).encode())

    def do_GET(self) -> None:
        stub = self.server.stub
        name = self.path.split("/")[1]
        if self._goes_wrong(name):
            return
        content = stub.content(self.path) if name in ("export", "file") else None
        if content is None:
            stub.unknown.append(f"GET {self.path}")
        self._send(*(content or (400, b"unknown path")))

    def _is_authorized(self) -> bool:
        wanted = base64.b64encode(f"api:{API_KEY}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {wanted}"

    def _goes_wrong(self, name: str) -> bool:
        stub = self.server.stub
        stub.authorized[name].append(self.headers.get("Authorization"))
        fault = stub.take_fault(name)
        if fault is None:
            return False
        if fault.before is not None:
            fault.before()
        stub.closing.wait(fault.delay_s)
        if fault.status is None:
            return False
        self._send(fault.status, fault.body.encode(), fault.headers)
        return True

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        try:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
