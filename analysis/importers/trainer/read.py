"""An output folder as the runs of the contract."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from analysis.importers.logged_rows import number_of
from analysis.importers.result import RowProblem, Verdict
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.trainer.ending import Ending, ending_of
from analysis.importers.trainer.log_rows import LoggedTables, tables_of
from analysis.importers.trainer.output_folder import STATE_FILE, OutputFolder
from analysis.importers.trainer.settings import columns_of, config_of
from analysis.importers.trainer.states import Damage, Entry, load_states, with_later_entries
from analysis.importers.trainer.training import Training, trainings_in
from analysis.store.schema import Direction

NO_TRIAL_KEYS: Final = (
    "disable_tqdm", "logging_steps", "logging_first_step", "save_steps", "save_total_limit", "dataloader_num_workers",
    "overwrite_output_dir", "model_config.transformers_version", "peft_config.peft_version",
)  # fmt: skip
"""Settings that change nothing about what is learnt; the general rules know names and folders."""
_OF_STATE: Final = ("epoch", "best_metric", "best_global_step", "total_flos", "num_input_tokens_seen")
_KEPT: Final = 100
"""Entries that were logged again, in the summary at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What a tool that is built on the Trainer says beside it.

    Attributes:
        kind: Kind of the source.
        config: Its own configuration; stands before the Trainer's arguments where both have a key.
        columns: Columns that it states.
        environment: More for the provenance.
        log: Entries in the form of a state's log that the tool itself wrote, some perhaps after the newest state.
        notes: Sentences about what was decided.
        no_trial_keys: As in `SourceRun`.
    """

    kind: str = "trainer"
    config: Mapping[str, object] = field(default_factory=dict)
    columns: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, object] = field(default_factory=dict)
    log: Sequence[Entry] = ()
    notes: Sequence[str] = ()
    no_trial_keys: Sequence[str] = ()


def read_folder(folder: OutputFolder, extras: Extras, now: float) -> Iterator[SourceRun | Refusal]:
    """The runs of an output folder."""
    found, damage = load_states(folder)
    if damage and not found:
        yield _refusal(folder, extras, f"no {STATE_FILE} can be read: {damage[0].reason}; copy the folder again")
        return
    if found:
        found[0] = with_later_entries(found[0], extras.log)
    quiet_s = now - folder.last_write()
    by_identity: dict[str, list[Training]] = {}
    for training in trainings_in(folder, found):
        by_identity.setdefault(training.identity, []).append(training)
    for index, attempts in enumerate(by_identity.values()):
        if not attempts[0].has_begun:
            yield _refusal(folder, extras, "nothing has been logged yet; import it again later")
        elif index == 0:
            yield _Assembly(str(folder.path), attempts, extras, quiet_s, damage).run()
        else:  # another training overwrote what came after it
            label = str(attempts[0].states[0].place)
            yield _Assembly(label, attempts, extras, math.inf, []).run()


def _refusal(folder: OutputFolder, extras: Extras, reason: str) -> Refusal:
    return Refusal(kind=extras.kind, label=str(folder.path), reason=reason)


@dataclass(frozen=True, slots=True)
class _Assembly:
    """What one run is put together from; the newest attempt stands first and speaks for the run."""

    label: str
    attempts: Sequence[Training]
    extras: Extras
    quiet_s: float
    damage: Sequence[Damage]

    def run(self) -> SourceRun:
        newest, extras = self.attempts[0], self.extras
        tables = tables_of([training.log for training in reversed(self.attempts)])
        ending = ending_of(newest.newest, has_returned=newest.has_returned, quiet_s=self.quiet_s)
        config = {**config_of(newest.settings, newest.newest), **extras.config}
        columns = {**columns_of(newest.settings, newest.newest), **extras.columns}
        verdict, reason = self._verdict(ending, tables)
        return SourceRun(
            kind=extras.kind,
            label=self.label,
            key=(newest.identity,),
            marks=(f"trainer:{newest.identity}",),
            status=ending.status,
            status_reason=ending.reason,
            name=self._name(config),
            config=config,
            columns=columns,
            summary=self._summary(tables),
            history=tables.history,
            objects=tables.objects,
            directions=_directions(config),
            environment={**_environment(newest), **extras.environment},
            verdict=verdict,
            reason=reason,
            rows_expected=tables.n_rows + tables.n_lost,
            rows_got=tables.n_rows,
            problems=(*tables.problems, *(RowProblem(None, None, None, text) for text in newest.settings.problems)),
            notes=tuple(self._notes(config, columns, tables)),
            no_trial_keys=(*NO_TRIAL_KEYS, *extras.no_trial_keys),
        )

    def _verdict(self, ending: Ending, tables: LoggedTables) -> tuple[Verdict, str | None]:
        reasons = [f"{_shown(damage)}: {damage.reason}" for damage in self.damage if self._is_newer(damage)]
        if tables.n_lost:
            reasons.append(f"{tables.n_lost} entries of the log say no step")
        if self.attempts[0].settings.is_short:
            reasons += self.attempts[0].settings.problems
        if reasons:
            return "partial", "; ".join(reasons)
        if self.attempts[0].newest is None:
            return "unverified", f"there is no {STATE_FILE}: what was logged is in none of its files"
        if not ending.is_over:
            return "unverified", f"{ending.reason}; what was logged after that is in none of its files"
        return "complete", None

    def _is_newer(self, damage: Damage) -> bool:
        """Whether a damaged state can have said more than the newest sound one."""
        newest = self.attempts[0].newest
        return newest is None or damage.number is None or damage.number > newest.step

    def _name(self, config: Mapping[str, object]) -> str:
        stated = (config.get(key) for key in ("run_name", "output_dir"))
        return next((name for text in stated if isinstance(text, str) and (name := PurePath(text).name)), "") or (
            PurePath(self.label).name
        )

    def _summary(self, tables: LoggedTables) -> dict[str, object]:
        newest = self.attempts[0].newest
        of_state = {} if newest is None else {name: newest.content.get(name) for name in _OF_STATE}
        again = {"logged_again": list(tables.again[-_KEPT:])} if tables.again else {}
        stated = {name: value for name, value in of_state.items() if value is not None}
        return stated | dict(self.attempts[0].results) | again

    def _notes(
        self, config: Mapping[str, object], columns: Mapping[str, object], tables: LoggedTables
    ) -> Iterator[str]:
        yield from self.extras.notes
        yield from (
            f"{_shown(damage)}: {damage.reason}; a newer state says the same"
            for damage in self.damage
            if not self._is_newer(damage)
        )
        if tables.again:
            n_values = sum(len(entry) - 1 for entry in tables.again)
            yield f"{n_values} values were logged again at the same step: the first counts, the summary has the others"
        if len(self.attempts) > 1:
            yield f"{len(self.attempts)} states contradict each other: each is an attempt of its own"
        if config.get("learning_rate") is None and "learning_rate" not in columns:
            yield _unknown_rate(self.attempts[0])


def _unknown_rate(training: Training) -> str:
    rates = [rate for entry in training.log if (rate := number_of(entry.get("learning_rate"))) is not None]
    logged = f" (the largest that the schedule reached in the log is {max(rates):g})" if rates else ""
    return (
        f"no file states the configured learning rate{logged}; say it with `constants: {{learning_rate: ...}}` in a map"
    )


def _shown(damage: Damage) -> str:
    return STATE_FILE if damage.number is None else f"{damage.place.name}/{STATE_FILE}"


def _directions(config: Mapping[str, object]) -> dict[str, Direction]:
    """The metric that chose the best checkpoint, where the arguments say which way is better."""
    metric, is_greater = config.get("metric_for_best_model"), config.get("greater_is_better")
    if not isinstance(metric, str) or not isinstance(is_greater, bool):
        return {}
    return {metric if metric.startswith("eval_") else f"eval_{metric}": "max" if is_greater else "min"}


def _environment(training: Training) -> dict[str, object]:
    settings = training.settings
    found = {
        "arguments_class": settings.arguments.class_name,
        "n_processes": settings.arguments.n_processes,
        "versions": dict(settings.card.versions) or None,
        "peft_version": settings.adapter.get("peft_version"),
        "transformers_version": settings.model.get("transformers_version"),
    }
    return {name: value for name, value in found.items() if value is not None}
