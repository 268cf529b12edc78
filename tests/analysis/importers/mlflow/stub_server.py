"""A server that gives the answers that MLflow's own gave, or makes up a long history; faults on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, str]


@dataclass(slots=True)
class Stub:
    """What a running stub saw."""

    address: str
    requests: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)


@contextmanager
def serve(answer: Callable[[str], Answer]) -> Iterator[Stub]:
    """Serves on a free port of the loopback; `answer` gets `METHOD path body`."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            request = f"{self.command} {self.path} {body}".strip()
            stub.requests.append(request)
            stub.authorizations.append(self.headers.get("Authorization"))
            status, text = answer(request)
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = Stub(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def recorded(answers: dict[str, str]) -> Callable[[str], Answer]:
    """The recorded answers; whatever was not asked of the real server is not known."""

    def answer(request: str) -> Answer:
        status, _, text = answers[request].partition(" ")
        return int(status), text

    return answer


def long_history(n_points: int, *, page: int | None = None, lose_from: int | None = None) -> Callable[[str], Answer]:
    """One run with one metric, in pages as MLflow's server gives them."""
    info = {"run_id": "a" * 32, "run_name": "long", "status": "FINISHED", "start_time": 0, "lifecycle_stage": "active"}
    last = {"key": "loss", "value": n_points - 1, "timestamp": n_points - 1, "step": n_points - 1}
    run = {"info": info, "data": {"metrics": [last]}}

    def answer(request: str) -> Answer:
        method, address, *body = request.split(" ", 2)
        path = urlsplit(address).path.removeprefix("/api/2.0/mlflow/")
        query = (
            json.loads(body[0]) if body else {key: value[0] for key, value in parse_qs(urlsplit(address).query).items()}
        )
        if path == "experiments/search":
            return 200, json.dumps({"experiments": [{"experiment_id": "1", "name": "e"}]})
        if path == "runs/search":
            return 200, json.dumps({"runs": [run]} if query["run_view_type"] == "ACTIVE_ONLY" else {})
        if path == "runs/get":
            return 200, json.dumps({"run": run})
        assert (method, path) == ("GET", "metrics/get-history")
        first = int(query.get("page_token", 0))
        end = min(n_points, first + min(page or 25_000, int(query["max_results"])))
        end = end if lose_from is None else min(end, lose_from)
        found = [{"key": "loss", "value": step, "timestamp": step, "step": step} for step in range(first, end)]
        more = {"next_page_token": str(end)} if end < n_points and lose_from is None else {}
        return 200, json.dumps({"metrics": found} | more)

    return answer
