"""`ucurve eval`: scores runs on benchmarks, or says which benchmarks there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args

import typer

from runner.cli.evaluate_harness import (
    ChatOption,
    CodeOption,
    DownloadOption,
    FewshotOption,
    HarnessOption,
    HarnessRequest,
    IncludeOption,
    TasksOption,
    check_harness,
    evaluate_with_harness,
)
from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption, WhereOption, open_store
from runner.cli.output import note, print_json, print_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.store import Store
    from runner.evaluation.benchmark import Benchmark, Normalisation
    from runner.evaluation.outcome import EvaluationOutcome
    from runner.evaluation.selection import Selection
    from runner.evaluation.settings import Precision, Settings

PARTIAL: Final = 1
USUAL: Final = "sum,token,byte"
_AFTER: Final = "the pass under way; benchmarks that are done stay"


def score_runs(
    run_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN_ID]...", help="Runs to score; default: all that fit.")
    ] = None,
    benchmarks: Annotated[
        list[str] | None,
        typer.Option(
            "--benchmarks",
            metavar="A,B",
            help="Bundled names (see --list) and paths of .jsonl files, separated by commas; repeat it for more.",
        ),
    ] = None,
    sweep: Annotated[str | None, typer.Option("--sweep", metavar="ID", help="The runs of this sweep.")] = None,
    best: Annotated[
        bool, typer.Option("--best", help="The runs of the best configuration, as `ucurve best` names it.")
    ] = False,
    metric: Annotated[
        str, typer.Option("--metric", metavar="NAME", help="By which logged metric --best chooses.")
    ] = "eval_loss",
    where: WhereOption = None,
    store: StoreOption = Path(DEFAULT_STORE),
    max_items: Annotated[
        int | None, typer.Option("--max-items", min=1, help="Ask only the first N items of each benchmark.")
    ] = None,
    too_long: Annotated[
        Literal["truncate", "refuse"],
        typer.Option("--too-long", help="Items that do not fit into the context: cut on the left, or not asked."),
    ] = "truncate",
    normalisation: Annotated[
        str,
        typer.Option(
            "--normalisation",
            metavar="A,B",
            help="How choices are compared, one score each: sum, token, byte, unconditional.",
        ),
    ] = USUAL,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0.0, help="Of drawn tokens; 0 is greedy (default: greedy).")
    ] = None,
    top_k: Annotated[int | None, typer.Option("--top-k", min=1, help="Draw among the K likeliest tokens.")] = None,
    top_p: Annotated[
        float | None, typer.Option("--top-p", min=0.0, max=1.0, help="Draw among tokens with this much probability.")
    ] = None,
    beams: Annotated[int | None, typer.Option("--beams", min=1, help="Width of a beam search.")] = None,
    stop: Annotated[
        list[str] | None, typer.Option("--stop", metavar="TEXT", help="Writing ends here; repeat it for more.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of drawn tokens (default: 0).")] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option("--max-new-tokens", min=1, help="Most tokens of a written answer.")
    ] = None,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        typer.Option("--precision", help="Of the base model; auto takes what this machine is fast at."),
    ] = "auto",
    list_only: Annotated[bool, typer.Option("--list", help="Show the bundled benchmarks and score nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be scored; load no model.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Score anew what the store has already.")] = False,
    harness: HarnessOption = "ucurve",
    tasks: TasksOption = None,
    include_path: IncludeOption = None,
    num_fewshot: FewshotOption = None,
    chat_template: ChatOption = False,
    allow_code: CodeOption = False,
    download: DownloadOption = False,
    json_output: JsonOption = False,
) -> None:
    """Score runs and their base model on benchmarks, all adapters at once.

    What the store has already is skipped, so the same command goes on after a stop. Ctrl-C stops cleanly. Exit code 1
    says that something could not be scored.
    """
    if list_only:
        _show_benchmarks(json_output=json_output)
        return
    decoding = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "n_beams": beams,
        "stop": tuple(stop) if stop else None,
        "seed": seed,
        "max_new_tokens": max_new_tokens,
    }
    request = HarnessRequest(
        tasks=tuple(_split(tasks or [])),
        include_paths=tuple(include_path or ()),
        num_fewshot=num_fewshot,
        chat_template=chat_template,
        allow_code=allow_code,
        download=download,
    )
    own = {
        "--benchmarks": benchmarks,
        "--too-long": None if too_long == "truncate" else too_long,
        "--normalisation": None if normalisation == USUAL else normalisation,
        "--temperature": temperature,
        "--top-k": top_k,
        "--top-p": top_p,
        "--beams": beams,
        "--stop": stop,
        "--max-new-tokens": max_new_tokens,
    }
    check_harness(harness, request, own)
    settings = _settings(too_long, normalisation, decoding, max_items, precision)
    chosen = _benchmarks(benchmarks, settings) if harness == "ucurve" else ()
    opened = open_store(store)
    selection = _select(opened, run_ids or [], sweep, where or [], metric if best else None)
    if harness == "ucurve":
        outcome = _evaluate(opened, selection, chosen, settings, again=again, dry_run=dry_run)
    else:
        outcome = evaluate_with_harness(
            opened,
            selection,
            request.tasks,
            request.settings(limit=max_items, seed=seed, precision=precision),
            after=_AFTER,
            again=again,
            dry_run=dry_run,
        )
    _show(outcome, selection, json_output=json_output, dry_run=dry_run)
    if not dry_run and not outcome.is_complete:
        raise typer.Exit(PARTIAL)


def _settings(
    too_long: Literal["truncate", "refuse"],
    normalisation: str,
    decoding: dict[str, Any],
    max_items: int | None,
    precision: Precision,
) -> Settings:
    from runner.evaluation.settings import Settings

    return Settings(
        too_long=too_long,
        normalisations=_normalisations(normalisation),
        decoding={name: value for name, value in decoding.items() if value is not None},
        max_items=max_items,
        precision=precision,
    )


def _normalisations(text: str) -> tuple[Normalisation, ...]:
    from analysis.errors import ConfigError
    from analysis.strict_yaml.explain import nearest
    from runner.evaluation.benchmark import Normalisation

    known: dict[str, Normalisation] = {name: name for name in get_args(Normalisation)}
    names = _split([text])
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        wrong = unknown[0] if unknown else text
        raise ConfigError(f"--normalisation: unknown {wrong!r}; {nearest(wrong, known)}")
    return tuple(known[name] for name in dict.fromkeys(names))


def _benchmarks(names: Sequence[str] | None, settings: Settings) -> tuple[Benchmark, ...]:
    from analysis.errors import ConfigError
    from runner.evaluation.catalogue import describe_excluded, load_benchmarks

    wanted = _split(names or [])
    if not wanted:
        raise ConfigError("say which benchmarks, such as --benchmarks skills; `ucurve eval --list` shows them")
    found = load_benchmarks(wanted)
    for benchmark in found:
        for sentence in describe_excluded(benchmark):
            note(sentence)
    return tuple(settings.cut(benchmark) for benchmark in found)


def _select(
    store: Store, run_ids: Sequence[str], sweep: str | None, where: Sequence[str], best_by: str | None
) -> Selection:
    from analysis.errors import ConfigError
    from analysis.runs.filters import parse_conditions
    from runner.evaluation.selection import select_best, select_runs, select_where

    conditions = [*where, *([f"sweep_id={sweep}"] if sweep else [])]
    if run_ids and (conditions or best_by):
        raise ConfigError("give either run ids, or --sweep, --best and --where")
    if run_ids:
        return select_runs(store, run_ids)
    parsed = parse_conditions(conditions)
    return select_best(store, parsed, best_by) if best_by else select_where(store, parsed)


def _evaluate(
    store: Store,
    selection: Selection,
    benchmarks: Sequence[Benchmark],
    settings: Settings,
    *,
    again: bool,
    dry_run: bool,
) -> EvaluationOutcome:
    from runner.cli.progress_view import make_view
    from runner.cli.stopping import clean_stop
    from runner.evaluation.evaluate import count_to_do, evaluate

    if dry_run:
        return count_to_do(store, selection, benchmarks, settings, again=again)
    with make_view() as view, clean_stop(view.say, _AFTER) as should_stop:
        return evaluate(store, selection, benchmarks, settings, view=view, should_stop=should_stop, again=again)


def _show(outcome: EvaluationOutcome, selection: Selection, *, json_output: bool, dry_run: bool) -> None:
    from runner.cli.evaluate_view import print_outcome, print_to_do

    for sentence in selection.notes:
        note(sentence)
    if json_output:
        print_json(outcome.to_json())
    elif dry_run:
        print_to_do(outcome)
    else:
        print_outcome(outcome)


def _show_benchmarks(*, json_output: bool) -> None:
    from runner.cli.evaluate_view import print_benchmarks
    from runner.evaluation.catalogue import list_benchmarks
    from runner.evaluation.outcome import benchmark_json

    listed = [{"title": one.title, **benchmark_json(one.load())} for one in list_benchmarks()]
    if json_output:
        print_json(listed)
        return
    print_benchmarks(listed)
    print_lines(["", "Short names: skills, skills-gen and stdlib-docstrings stand for all of theirs."])


def _split(texts: Sequence[str]) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]
