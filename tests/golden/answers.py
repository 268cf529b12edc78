"""What every analysis verb says of the real sweep: `python -m tests.golden.answers` writes it anew."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Final

from runner.cli import main

TABLE: Final = Path(__file__).parents[1] / "real" / "batch-and-seeds.csv"
VERBS: Final = ("lr-curve", "regret", "batch-scaling", "best", "importance", "pareto")
_OPTIONS: Final = {"pareto": ["--objective", "eval_loss", "--objective", "tokens_seen"]}


def ask(verb: str, store: Path) -> object:
    """What `ucurve VERB --json` says of a store; search progress goes by the clock, and is left out."""
    answer = json.loads(_run(verb, "--store", str(store), "--json", *_OPTIONS.get(verb, [])))
    return {key: value for key, value in answer.items() if key != "search"}


def import_sweep(store: Path) -> None:
    """Brings the real sweep into a new store."""
    _run("import", "table", str(TABLE), "--store", str(store))


def answer_file(verb: str) -> Path:
    """Where the answer of a verb is kept."""
    return Path(__file__).with_name(f"{verb}.json")


def _run(*arguments: str) -> str:
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
        main(arguments)
    return output.getvalue()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        import_sweep(Path(folder) / "store")
        for name in VERBS:
            text = json.dumps(ask(name, Path(folder) / "store"), indent=1, ensure_ascii=False)
            answer_file(name).write_text(f"{text}\n")
