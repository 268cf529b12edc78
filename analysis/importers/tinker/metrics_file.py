"""The rows of `metrics.jsonl`, and which process of the run logged them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from analysis.importers.attempts import AttemptCounter
from analysis.importers.logged_rows import LoggedRows, number_of, step_of
from analysis.importers.result import RowProblem
from analysis.importers.source import Progress
from analysis.importers.table.bounded_lines import TOO_LONG, bounded_lines, is_broken
from analysis.importers.wandb_log.json_text import parse_json, replace_lone_surrogates

_ROW_START: Final = '{"step":'
"""What the tool writes first in each row."""
_TOKENS: Final = "tokens/cumulative/trained"
_PROGRESS_EVERY: Final = 1000
_SHOWN: Final = 80


class MetricsReader:
    """Reads the files of one run, the oldest process first.

    Attributes:
        rows: What was logged at a step.
        attempts: Which process logged the rows so far.
        n_broken: Lines, or halves of lines, that are no row; without a half line at the very end.
        n_without_step: Rows without a step: running totals, of which only the last value counts.
        totals: Those last values.
        first_row: The first row that was logged, as it stands there.
        ends_in_half_a_line: Whether the last line read breaks off.
    """

    def __init__(self, progress: Progress) -> None:
        self.rows = LoggedRows()
        self.attempts = AttemptCounter()
        self.n_broken = self.n_without_step = 0
        self.totals: dict[str, object] = {}
        self.first_row: Mapping[str, object] | None = None
        self.ends_in_half_a_line = False
        self._progress = progress

    def read(self, path: Path) -> None:
        """Takes one file; its first row begins an attempt.

        Raises:
            OSError: it cannot be read.
        """
        is_first = True
        for line, row in self._parsed(path):
            self.first_row = row if self.first_row is None else self.first_row
            if row.get("step") is None:
                self.n_without_step += 1
                self.totals.update(row)
                continue
            step = step_of(row["step"])
            if step is None:
                self._complain(line, str(row["step"]), "a step is a whole number from 0; the row is left out")
                continue
            if is_first:
                self.attempts.begin()
                is_first = False
            self._take(line, step, row)

    def _take(self, line: int, step: int, row: Mapping[str, object]) -> None:
        values = {name: value for name, value in row.items() if name != "step"}
        attempt = self.attempts.take(step, values)
        self.rows.add(step, values, attempt=attempt, tokens_seen=step_of(row.get(_TOKENS)), line=line)
        if line % _PROGRESS_EVERY == 0:
            self._progress(self.rows.n_rows)

    def _parsed(self, path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
        for line, text in enumerate(bounded_lines(path, "utf-8"), start=1):
            if not text.strip():
                continue
            row = _row(text)
            self.ends_in_half_a_line = row is None and not text.endswith("\n")
            if row is None and not self.ends_in_half_a_line:
                self._complain(line, text, "it is no row of JSON, or half of one; it is left out")
                # A process that was killed while writing leaves half a row in front of the next process's first one.
                row = _row(text[text.rfind(_ROW_START) :]) if text.rfind(_ROW_START) > 0 else None
            if row is not None:
                yield line, row

    def _complain(self, line: int, value: str, reason: str) -> None:
        self.n_broken += 1
        shown = "" if value == TOO_LONG else value.strip()[:_SHOWN].encode(errors="replace").decode()
        self.rows.problems.append(RowProblem(line, None, shown, reason))


def _row(text: str) -> Mapping[str, object] | None:
    """The object of a line, or None where there is none."""
    if text == TOO_LONG or is_broken(text):
        return None
    try:
        value = parse_json(replace_lone_surrogates(text)[0])
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def has_timing(row: Mapping[str, object]) -> bool:
    """Whether a row holds measured seconds, which no two processes share to the last digit."""
    return any(
        name.startswith("time/") and isinstance(value, float) and number_of(value) not in (None, 0.0)
        for name, value in row.items()
    )
