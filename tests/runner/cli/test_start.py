"""Starting: what it imports, how it answers mistakes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from analysis.store import Store
from runner.cli import app as app_module
from runner.errors import EnvironmentProblem
from tests.runner.cli.calling import Caller

_HEAVY = ("torch", "transformers", "peft", "streamlit", "pandas", "scipy", "plotly", "duckdb", "deltalake")


@pytest.mark.parametrize("arguments", [["--help"], ["lr-curve", "--help"], ["recommend-lr", "meta-llama/Llama-3.1-8B"]])
def test_nothing_heavy_is_imported_for_a_small_answer(arguments: list[str]) -> None:
    program = (
        "import sys; from runner.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as end: code = end.code\n"
        f"print(*[name for name in {_HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == ""


def test_the_known_recommendation_is_printed_offline_and_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runner.cli", "recommend-lr", "meta-llama/Llama-3.1-8B"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "HF_HUB_OFFLINE": "1"},
    )
    assert (done.returncode, done.stdout) == (0, "0.0002856415043086949\n")


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["runs", "--nonsense"], ["runs", "--limit", "0"], ["recommend-lr"]]
)
def test_unknown_verbs_options_and_values_are_bad_input(ucurve: Caller, arguments: list[str]) -> None:
    answer = ucurve(*arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err


def test_ctrl_c_while_python_loads_ends_quietly() -> None:
    program = """if True:
        import sys
        class Interrupting:
            def find_spec(self, name, *_):
                if name == "typer":
                    raise KeyboardInterrupt
        sys.meta_path.insert(0, Interrupting())
        from runner.cli import main
        main(["--version"])
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_version_is_told(ucurve: Caller) -> None:
    answer = ucurve("--version")
    assert (answer.code, answer.out[:7]) == (0, "ucurve ")


@pytest.mark.parametrize("verb", [["runs"], ["lr-curve"], ["best"], ["store", "info"], ["store", "check"]])
def test_a_missing_store_is_one_sentence_and_exit_code_2(ucurve: Caller, tmp_path: Path, verb: list[str]) -> None:
    answer = ucurve(*verb, "--store", tmp_path / "nothing")
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    assert "nothing" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("verb", ["runs", "lr-curve", "best"])
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--where", "lora_rank", "cannot read the filter"),
        ("--where", "rank=8", "there is no column 'rank'"),
        ("--metric", "eval_los", "No run has logged the metric 'eval_los'; --metric can be: eval_loss"),
    ],
)
def test_mistakes_name_what_is_possible(
    ucurve: Caller, sweep_store: Store, verb: str, option: str, value: str, message: str
) -> None:
    answer = ucurve(verb, "--store", sweep_store.location, option, value)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1


def test_the_store_can_come_from_the_environment(
    ucurve: Caller, sweep_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UCURVE_STORE", sweep_store.location)
    assert ucurve("store", "check").out == "No problems.\n"


def test_a_problem_of_the_machine_is_exit_code_3(
    ucurve: Caller, sweep_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EnvironmentProblem("there is no memory left; close something")

    monkeypatch.setattr(Store, "snapshot", fail)
    answer = ucurve("runs", "--store", sweep_store.location)
    assert (answer.code, answer.err) == (3, "there is no memory left; close something\n")


def test_a_mistake_of_ours_is_not_hidden(ucurve: Caller, sweep_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Store, "snapshot", fail)
    with pytest.raises(ZeroDivisionError):
        app_module.main(["runs", "--store", sweep_store.location])
    assert ucurve("--version").code == 0
