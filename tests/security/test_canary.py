"""Secrets given in every way that there is, and then looked for in everything that is written or sent."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from docs.tools.server import dashboard
from tests.browser.wire import WireBrowser
from tests.tiny_model import save_tiny_model

pytestmark = pytest.mark.slow

BY_ENVIRONMENT = {
    "WANDB_API_KEY": "c0ffee5ec7e7" * 3 + "1a2b",
    "HF_TOKEN": "hf_" + "Canary1Env2" * 4,
    "TEAM_PASSWORD": "canary-in-the-c0al-mine",
}
IN_CONFIG = {"api_key": "canary-c0nfig-key", "url": "canary-url-passw0rd", "argv": "canary-arg-t0ken"}
SECRETS = {**BY_ENVIRONMENT, **IN_CONFIG}
SPEC = """name: canary
# api_key: {api_key}
model: {model}
dataset: {{path: {data}, held_out: 4}}
axes: {{learning_rate: [1e-3]}}
budget: {{steps: 2}}
training: {{max_length: 64}}
track: {{wandb: offline, project: p}}
"""
PAGES = ("runs", "queue", "audit")


def ucurve(*arguments: str, **environment: str) -> str:
    """What a verb says on both streams."""
    done = subprocess.run(
        [sys.executable, "-m", "runner.cli", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1", **BY_ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def write_inputs(folder: Path) -> tuple[Path, Path]:
    """A sweep file and a table of runs, with secrets in them."""
    data = folder / "rows.jsonl"
    data.write_text("".join(f'{{"prompt": "Say {n}.", "completion": "It is {n}."}}\n' for n in range(20)))
    model = save_tiny_model(folder / "model")
    spec = folder / "canary.yaml"
    spec.write_text(SPEC.format(model=model, data=data, api_key=IN_CONFIG["api_key"]))
    table = folder / "table.jsonl"
    row = {
        "run_id": "r1",
        "learning_rate": 1e-3,
        "eval_loss": 2.5,
        "api_key": IN_CONFIG["api_key"],
        "tracker": f"https://ada:{IN_CONFIG['url']}@tracker.example.org/x",
        "command": f"train.py --api-key {IN_CONFIG['argv']} --lr 1e-3",
    }
    table.write_text(json.dumps(row) + "\n")
    return spec, table


def contents(path: Path) -> Iterator[bytes]:
    """What a file says, packed or not."""
    content = path.read_bytes()
    yield content
    if path.suffix == ".parquet":
        yield pq.read_table(path).to_pandas().to_csv().encode()
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif path.suffix == ".gz":
        yield gzip.decompress(content)


def secrets_in(content: bytes) -> list[str]:
    return [name for name, secret in SECRETS.items() if secret.encode() in content]


def test_no_secret_is_written_or_sent(tmp_path: Path) -> None:
    spec, table = write_inputs(tmp_path)
    store, out = tmp_path / "store", tmp_path / "out"
    out.mkdir()
    site = tmp_path / "ucurve.toml"
    site.write_text("[limits]\nleast_free_bytes = 0\n")
    said = [
        ucurve("import", "table", str(table), f"--store={store}"),
        ucurve("submit", str(spec), f"--store={store}"),
        ucurve("worker", "--until-idle", f"--store={store}", UCURVE_SITE=str(site)),
        ucurve("report", f"--store={store}", *(f"--output={out / f'r.{kind}'}" for kind in ("html", "md", "csv"))),
    ]
    sent = []
    with dashboard(store, out / "server.log", port=None, host="127.0.0.1", **BY_ENVIRONMENT) as address:
        browser = WireBrowser(address)
        for page in PAGES:
            with browser.session(path=page) as session:
                sent.append(session.text)

    written = [path for root in (store, out) for path in sorted(root.rglob("*")) if path.is_file()]
    assert any("canary" in text for text in sent), "or nothing was looked at"
    assert any(path.name == "queue.db" for path in written)
    leaks = {
        str(path.relative_to(tmp_path)): found
        for path in written
        for part in contents(path)
        if (found := secrets_in(part))
    }
    leaks |= {f"verb {place}": found for place, text in enumerate(said) if (found := secrets_in(text.encode()))}
    leaks |= {f"page {PAGES[place]}": found for place, text in enumerate(sent) if (found := secrets_in(text.encode()))}
    assert leaks == {}
