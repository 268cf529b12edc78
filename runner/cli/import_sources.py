"""`ucurve import KIND`: one command for each kind of source, all alike."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import typer

from analysis.importers.registry import KINDS, SourceKind
from runner.cli.import_options import (
    WATCHDOG_S,
    BaseUrlOption,
    DryRunOption,
    FilterOption,
    MapOption,
    PathsArgument,
    ProgressOption,
    SinceOption,
    TargetsArgument,
    TimeoutOption,
    WatchdogOption,
)
from runner.cli.import_view import events_to, print_preview, print_report
from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption
from runner.cli.output import note, print_json

if TYPE_CHECKING:
    from analysis.importers.sink import ImportReport

PARTIAL: Final = 1
NOTHING: Final = 2
_TARGET_SHOWN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What all these commands are asked."""

    kinds: Sequence[SourceKind]
    targets: Sequence[str]
    store: Path
    map_file: Path | None
    dry_run: bool
    json_output: bool
    progress_file: Path | None
    watchdog_s: float
    is_auto: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


def add_sources(app: typer.Typer) -> None:
    """Adds `auto`, `wandb` and a command for every other kind of the registry."""
    app.command("auto")(import_auto)
    for kind in KINDS:
        app.command(kind.name)(import_wandb if kind.name == "wandb" else _command(kind))


def import_auto(
    targets: PathsArgument,
    store: StoreOption = Path(DEFAULT_STORE),
    map_file: MapOption = None,
    dry_run: DryRunOption = False,
    json_output: JsonOption = False,
    progress_file: ProgressOption = None,
    watchdog: WatchdogOption = WATCHDOG_S,
) -> None:
    """Recognise what lies at a path and import it; the same again changes nothing."""
    _run(
        _Order(
            kinds=KINDS,
            targets=targets,
            store=store,
            map_file=map_file,
            dry_run=dry_run,
            json_output=json_output,
            progress_file=progress_file,
            watchdog_s=watchdog,
            is_auto=True,
        )
    )


def import_wandb(
    targets: TargetsArgument,
    store: StoreOption = Path(DEFAULT_STORE),
    map_file: MapOption = None,
    base_url: BaseUrlOption = None,
    wanted: FilterOption = None,
    since: SinceOption = None,
    timeout: TimeoutOption = None,
    dry_run: DryRunOption = False,
    json_output: JsonOption = False,
    progress_file: ProgressOption = None,
    watchdog: WatchdogOption = WATCHDOG_S,
) -> None:
    """Import W&B projects (ENTITY/PROJECT), wandb folders and .wandb files; the same again changes nothing."""
    given = {"base_url": base_url, "filter": wanted, "since": since, "timeout_s": None if timeout is None else timeout}
    _run(
        _Order(
            kinds=[kind for kind in KINDS if kind.name == "wandb"],
            targets=targets,
            store=store,
            map_file=map_file,
            dry_run=dry_run,
            json_output=json_output,
            progress_file=progress_file,
            watchdog_s=watchdog,
            options={name: str(value) for name, value in given.items() if value is not None},
        )
    )


def _command(kind: SourceKind) -> Callable[..., None]:
    def import_kind(
        targets: TargetsArgument,
        store: StoreOption = Path(DEFAULT_STORE),
        map_file: MapOption = None,
        dry_run: DryRunOption = False,
        json_output: JsonOption = False,
        progress_file: ProgressOption = None,
        watchdog: WatchdogOption = WATCHDOG_S,
    ) -> None:
        _run(
            _Order(
                kinds=[kind],
                targets=targets,
                store=store,
                map_file=map_file,
                dry_run=dry_run,
                json_output=json_output,
                progress_file=progress_file,
                watchdog_s=watchdog,
            )
        )

    import_kind.__doc__ = f"Import {kind.reads}; the same again changes nothing."
    return import_kind


def _run(order: _Order) -> None:
    with _interruptible(), events_to(order.progress_file) as tell:
        report = _import(order, tell)
        tell({"event": "stopped"} if report.stopped else {"event": "end", **_counts(report)})
    if report.stopped:
        note("Stopped. What was read whole is in the store; the same import again goes on from there.")
        raise typer.Exit(PARTIAL)
    if order.json_output:
        print_json(report.to_json())
    elif order.dry_run:
        print_preview(report)
    else:
        print_report(report)
    _exit(report)


def _import(order: _Order, tell: Callable[[Mapping[str, object]], None]) -> ImportReport:
    from analysis.importers import auto
    from analysis.importers.config_rules import NO_MAP, read_run_map
    from analysis.importers.isolation import Limits
    from analysis.importers.sink import import_from
    from analysis.importers.source import Request

    _check_written(order.targets)
    if order.is_auto:
        auto.check_targets(order.targets)
    return import_from(
        order.kinds,
        Request(targets=tuple(order.targets), options=order.options, now=time.time()),
        order.store,
        run_map=NO_MAP if order.map_file is None else read_run_map(order.map_file),
        dry_run=order.dry_run,
        on_event=tell,
        limits=Limits(silent_s=order.watchdog_s),
        choose=auto.choose if order.is_auto else None,
    )


def _check_written(targets: Sequence[str]) -> None:
    """Makes sure that each target can be looked at, if it is a path at all.

    Raises:
        ConfigError: one is empty, of an unknown user, too long, or in a folder that may not be looked into.
    """
    from analysis.errors import ConfigError

    for target in targets:
        if not target.strip():
            raise ConfigError("a target is empty; name a file, a folder or a project ('.' is the current folder)")
        shown = repr(target if len(target) <= _TARGET_SHOWN else f"{target[:_TARGET_SHOWN]}...")
        try:
            Path(target).expanduser().exists()
        except RuntimeError as problem:
            raise ConfigError(f"there is no home of such a user: {shown}") from problem
        except (OSError, ValueError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else problem
            raise ConfigError(f"{shown} cannot be looked at: {why}") from problem


def _counts(report: ImportReport) -> dict[str, object]:
    return {name: value for name, value in report.to_json().items() if name not in ("sources", "items")}


def _exit(report: ImportReport) -> None:
    if report.dry_run:
        return
    if report.has_nothing:
        note("Nothing could be imported.")
        raise typer.Exit(NOTHING)
    if not report.is_complete:
        raise typer.Exit(PARTIAL)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Lets SIGTERM end an import as cleanly as Ctrl-C."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
