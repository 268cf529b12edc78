"""All that the logs of one run say, as a `SourceRun`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import reduce
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.result import Verdict
from analysis.importers.source_run import SourceRun
from analysis.importers.wandb.attempts import Attempt
from analysis.importers.wandb.environment import environment_of
from analysis.importers.wandb.internal import is_fork, with_own_words, without_internal
from analysis.importers.wandb_log import LoggedRun, MetricSetting, RunFacts, RunLog
from analysis.store.schema import Direction

KIND: Final = "wandb"
HOST: Final = "local"
"""Stands in the key where a server's address stands for what came from one."""
_FROM_BAD: Final[tuple[Verdict, ...]] = ("partial", "unverified", "complete")


def label_of(run: LoggedRun) -> str:
    """Names the run in the table of imports: apart from the same run on a server, which has a line of its own."""
    return "/".join([*([run.entity] if run.entity else []), run.project or "-", run.run_id]) + " (local)"


def source_run(run: LoggedRun, attempts: Sequence[Attempt]) -> SourceRun:
    """The run; at least one of its logs says which run it is."""
    logs = [attempt.log for attempt in attempts if attempt.log.facts is not None]
    facts = [log.facts for log in logs if log.facts is not None]
    newest, last = facts[-1], logs[-1]
    tables = [attempt.values for attempt in attempts]
    history = pa.concat_tables([values.history for values in tables]).unify_dictionaries()
    verdict, reason = _verdict(attempts)
    n_rows = sum(log.n_rows for log in logs)
    config = _config(attempts)
    told = SourceRun(
        kind=KIND,
        label=label_of(run),
        key=(HOST, run.entity or "", run.project or "", run.run_id),
        marks=tuple(dict.fromkeys(mark for attempt in attempts for mark in attempt.marks)),
        status=last.state or "lost",
        status_reason=_status_reason(last),
        exit_code=last.exit_code,
        name=newest.name,
        group=newest.group,
        job_type=newest.job_type,
        tags=newest.tags,
        notes_text=newest.notes,
        sweep=newest.sweep_id,
        project=run.project,
        created_at=facts[0].start_time,
        config=without_internal(config),
        columns={"host": newest.host} if newest.host else {},
        summary=without_internal(_merged([log.summary for log in _last_curve(attempts)])),
        history=history,
        objects=pa.concat_tables([values.objects for values in tables]),
        directions=_directions(last.metrics, history),
        environment=environment_of(run, last, newest),
        verdict=verdict,
        rows_expected=n_rows,
        rows_got=n_rows,
        lost_records=_lost_records(logs),
        reason=reason,
        problems=[problem for attempt in attempts for problem in attempt.problems],
        notes=list(_notes(attempts, facts)),
    )
    return with_own_words(told)


def _last_curve(attempts: Sequence[Attempt]) -> list[RunLog]:
    """The logs that the newest attempt is made of: its own, and those that it went on from."""
    logs: list[RunLog] = []
    for attempt in attempts:
        logs = [*(logs if attempt.went_on_at is not None else []), attempt.log]
    return logs


def _config(attempts: Sequence[Attempt]) -> dict[str, object]:
    return _merged([log.config for log in _last_curve(attempts)])


def _merged(parts: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return reduce(lambda known, newer: {**known, **newer}, parts, dict[str, object]())


def _status_reason(log: RunLog) -> str | None:
    if log.exit_code:
        return f"exit code {log.exit_code}"
    return {
        "lost": "the log has no end, and nothing was written for 10 minutes",
        "unconfirmed": "exit code 0, but the client did not ask for the end: it may have been killed",
    }.get(log.state or "")


def _verdict(attempts: Sequence[Attempt]) -> tuple[Verdict, str | None]:
    """The worst of all parts, with their reasons."""
    said: list[tuple[Verdict, str]] = []
    for attempt in attempts:
        where = f"attempt {attempt.number}: " if len(attempts) > 1 else ""
        said += [(verdict, where + reason) for verdict, reason in _words(attempt)]
    worst = [verdict for verdict in _FROM_BAD if verdict in {verdict for verdict, _ in said}]
    return (worst or ["complete"])[0], "; ".join(dict.fromkeys(reason for _, reason in said)) or None


def _words(attempt: Attempt) -> Iterator[tuple[Verdict, str]]:
    """What is wrong with one part."""
    log = attempt.log
    if log.reason is not None:
        yield ("partial" if log.verdict == "quarantined" else log.verdict), log.reason
    if attempt.lacks_start:
        yield "partial", f"the log goes on at step {attempt.went_on_at}, and the log of what was before is not here"
    if attempt.problems:
        yield "partial", f"{len(attempt.problems)} of its tables are not in"


def _lost_records(logs: Sequence[RunLog]) -> int | None:
    counts = [log.damage.lost_records for log in logs if log.damage is not None]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _directions(metrics: Sequence[MetricSetting], history: pa.Table) -> dict[str, Direction]:
    """Goals by `define_metric`; one for a name goes before one for a pattern."""
    names = pc.unique(history["name"]).dictionary_decode().to_pylist() if len(history) else []
    goals: dict[str, Direction] = {}
    for setting in sorted(metrics, key=lambda setting: not setting.is_glob):
        if setting.goal is not None and setting.is_glob:
            goals |= {name: setting.goal for name in names if fnmatchcase(name, setting.name)}
        elif setting.goal is not None:
            goals[setting.name] = setting.goal
    return goals


def _notes(attempts: Sequence[Attempt], facts: Sequence[RunFacts]) -> Iterator[str]:
    for attempt in attempts:
        if attempt.went_on_at is not None and not attempt.lacks_start:
            yield (
                f"attempt {attempt.number} goes on at step {attempt.went_on_at}: it also holds what attempt "
                f"{attempt.number - 1} logged before that"
            )
    if is_fork(facts[-1]):
        yield f"forked from run {facts[-1].parent_run_id} at step {facts[-1].fork_step}: its rows are not in here"
    configs = [without_internal(attempt.log.config) for attempt in attempts]
    if any(config != configs[-1] for config in configs):
        yield "the attempts have different configurations: that of the newest is kept"
    n_replaced = sum(attempt.log.n_replaced for attempt in attempts)
    if n_replaced:
        yield f"{n_replaced} half characters that no text can hold were replaced by U+FFFD"
