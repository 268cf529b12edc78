"""`ucurve eval --harness lm-eval`: its options, and what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analysis.store import Store
    from runner.evaluation.harness.settings import HarnessSettings
    from runner.evaluation.outcome import EvaluationOutcome
    from runner.evaluation.selection import Selection
    from runner.evaluation.settings import Precision

HarnessOption: TypeAlias = Annotated[
    Literal["ucurve", "lm-eval"],
    typer.Option("--harness", help="What asks: Ucurve itself, or lm-evaluation-harness (extra `lm-eval`)."),
]
_PANEL = "With --harness lm-eval"
TasksOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--tasks",
        metavar="A,B",
        help="Tasks, groups and tags by name, separated by commas; repeat it for more.",
        rich_help_panel=_PANEL,
    ),
]
IncludeOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option("--include-path", metavar="DIR", help="Folder with task files of your own.", rich_help_panel=_PANEL),
]
FewshotOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--num-fewshot",
        min=0,
        help="Examples before each question; default: as the task has it.",
        rich_help_panel=_PANEL,
    ),
]
ChatOption: TypeAlias = Annotated[
    bool,
    typer.Option("--chat-template", help="Put prompts into the model's chat template.", rich_help_panel=_PANEL),
]
CodeOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Run Python beside task files of your own, and programs that the model writes.",
        rich_help_panel=_PANEL,
    ),
]
DownloadOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--download", help="Fetch data sets that are not here from the Hugging Face Hub.", rich_help_panel=_PANEL
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessRequest:
    """The options that only the harness understands, as given."""

    tasks: tuple[str, ...]
    include_paths: tuple[Path, ...]
    num_fewshot: int | None
    chat_template: bool
    allow_code: bool
    download: bool

    def settings(self, *, limit: int | None, seed: int | None, precision: Precision) -> HarnessSettings:
        """What is asked of the harness; one seed is for all that it draws."""
        from runner.evaluation.harness.settings import HarnessSettings, Seeds

        return HarnessSettings(
            include_paths=self.include_paths,
            num_fewshot=self.num_fewshot,
            limit=limit,
            chat_template=self.chat_template,
            seeds=Seeds() if seed is None else Seeds(seed, seed, seed, seed),
            allow_code=self.allow_code,
            download=self.download,
            precision=precision,
        )


def check_harness(harness: str, request: HarnessRequest, own: Mapping[str, object]) -> None:
    """Refuses options of the other harness, which would be passed over in silence.

    Args:
        harness: Who asks.
        request: Options of the harness.
        own: Options of our own way of asking; None where not given.

    Raises:
        ConfigError: one of the other's was given.
    """
    from analysis.errors import ConfigError

    if harness == "lm-eval":
        wrong = [name for name, given in own.items() if given is not None]
        if wrong:
            raise ConfigError(
                f"{wrong[0]} has no meaning with --harness lm-eval: its task files say that; leave it out"
            )
        if not request.tasks:
            raise ConfigError("say which tasks, such as --tasks hellaswag,arc_easy; `lm-eval ls tasks` shows them")
        return
    theirs = {
        "--tasks": request.tasks,
        "--include-path": request.include_paths,
        "--num-fewshot": request.num_fewshot is not None,
        "--chat-template": request.chat_template,
        "--allow-code": request.allow_code,
        "--download": request.download,
    }
    given = [name for name, value in theirs.items() if value]
    if given:
        raise ConfigError(f"{given[0]} needs --harness lm-eval; add that or leave it out")


def evaluate_with_harness(
    store: Store,
    selection: Selection,
    tasks: tuple[str, ...],
    settings: HarnessSettings,
    *,
    after: str,
    again: bool,
    dry_run: bool,
) -> EvaluationOutcome:
    """Scores runs on tasks of the harness.

    Raises:
        UcurveError: the harness is not installed, or scoring fails.
    """
    from runner.cli.progress_view import make_view
    from runner.cli.stopping import clean_stop
    from runner.evaluation.harness.settings import harness_version

    harness_version()
    from runner.evaluation.harness.evaluate import score_with_lm_eval

    with make_view() as view, clean_stop(view.say, after) as should_stop:
        return score_with_lm_eval(
            store, selection, tasks, settings, view=view, should_stop=should_stop, again=again, dry_run=dry_run
        )
