"""Makes `logs/` with MLflow itself; see `logs/README.md`. Needs mlflow (3.17) with its server."""

from __future__ import annotations

import gzip
import http.client
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

_WORK = Path("/srv/sweep/mlflow")
"""A neutral place: MLflow keeps where artifacts lie."""
_START = 1_700_000_000_000


def main(target: Path) -> None:
    """Writes `mlruns`, `mlflow.db.gz` with the same runs, and what the real server says of these in `answers.json`."""
    shutil.rmtree(_WORK, ignore_errors=True)
    _WORK.mkdir(parents=True)
    os.chdir(_WORK)
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    fill(f"file://{_WORK}/mlruns")
    fill(f"sqlite:///{_WORK}/mlflow.db")
    shutil.copytree(_WORK / "mlruns", target / "mlruns", dirs_exist_ok=True)
    answers = record_server(f"sqlite:///{_WORK}/mlflow.db")
    (target / "answers.json").write_text(json.dumps(answers, indent=0))
    with gzip.GzipFile(target / "mlflow.db.gz", "wb", mtime=0) as packed:
        packed.write((_WORK / "mlflow.db").read_bytes())


def fill(uri: str) -> None:
    """A parent run with two trials, and runs that failed, were killed, go on and were deleted."""
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    client = MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("lr für lora", artifact_location=f"{_WORK}/artifacts")
    parent = client.create_run(experiment, start_time=_START, run_name="sweep")
    client.set_terminated(parent.info.run_id, end_time=_START + 9000)
    for trial, lr in enumerate([1e-4, 3e-5]):
        tags = {"mlflow.parentRunId": parent.info.run_id, "mlflow.user": "someone", "team": "größer ☃",
                "mlflow.source.git.commit": "abc123", "mlflow.note.content": "a note"}  # fmt: skip
        run = client.create_run(experiment, start_time=_START + trial, tags=tags, run_name=f"trial {trial}")
        identity = run.info.run_id
        params = {"lr": lr, "text_lr": "1e-4", "rank": 8, "packing": True, "nothing": None, "opt/name": "adamw"}
        client.log_batch(identity, params=[Param(name, str(value)) for name, value in params.items()])
        for step in range(50):
            client.log_metric(identity, "train/loss", 3.0 / (step + 1), _START + 100 * step, step)
        for step, value in enumerate([2.0, math.nan, math.inf, -math.inf, 1.5]):
            client.log_metric(identity, "eval_loss", value, _START + 1000 * step, step * 10)
        for index in range(3):
            client.log_metric(identity, "without step", index / 4, _START + index)
            client.log_metric(identity, "again", float(index), _START + index, 7)
        client.log_metric(identity, "early", 1.0, _START, -1)
        client.log_batch(identity, metrics=[Metric("with data", 0.5, _START, 5, dataset_name="d", dataset_digest="e")])
        for name, context in (("alpaca", "training"), ("held out", "eval")):
            data = Dataset(name=name, digest=f"{len(name)}f00", source_type="local", source="{}")
            client.log_inputs(identity, [DatasetInput(data, [InputTag("mlflow.data.context", context)])])
        client.set_terminated(identity, end_time=_START + 8000)
    for status in ("FAILED", "KILLED", "RUNNING", "FINISHED"):
        run = client.create_run(experiment, start_time=_START + 10, run_name=status.lower())
        client.log_batch(run.info.run_id, metrics=[Metric("loss", 1.0, _START, 0)], tags=[RunTag("kind", "other")])
        if status != "RUNNING":
            client.set_terminated(run.info.run_id, status, end_time=_START + 20)
    client.delete_run(run.info.run_id)


def record_server(uri: str) -> dict[str, str]:
    """What `mlflow server` answers to everything that the importer asks."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        uri,
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(120):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.5)
        return _record(port)
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def _record(port: int) -> dict[str, str]:
    answers: dict[str, str] = {}

    class Recorder(BaseHTTPRequestHandler):
        """Passes requests on and keeps the answers."""

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request(self.command, self.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            answers[f"{self.command} {self.path} {body.decode()}".strip()] = f"{answer.status} {content.decode()}"
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _pass_on

        def log_message(self, *_: object) -> None:
            """Nothing."""

    from analysis.importers.mlflow import SOURCE
    from tests.analysis.importers.reading import read_all

    recorder = HTTPServer(("127.0.0.1", 0), Recorder)
    Thread(target=recorder.serve_forever, daemon=True).start()
    runs, refusals = read_all(SOURCE, f"http://127.0.0.1:{recorder.server_port}")
    recorder.shutdown()
    print(len(runs), "runs", refusals)  # noqa: T201 (a script)
    return answers


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
