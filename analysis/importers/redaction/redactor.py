"""Takes secrets out of everything that a source says about a run, and counts them."""

from __future__ import annotations

import json
import netrc
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.redaction.names import Holds, is_mask, looks_random, may_be_number, what_holds
from analysis.importers.redaction.shapes import MAY_HOLD
from analysis.importers.redaction.text import MARKER, TextCleaner
from analysis.importers.result import RowProblem
from analysis.importers.source_run import SourceRun

_SHORTEST: Final = 8
_SHORTEST_WORD: Final = 16
"""Shorter values of the environment could be any text, and those of letters only any word; our choice."""
_FLAG_NAME: Final = re.compile(r"--?([A-Za-z][\w.-]*)")
_SMALLEST_PIN: Final = 1000
Names = tuple[str, ...]


class Redactor:
    """Replaces secrets by `[redacted]`: by the name they stand under, by their shape, and by values that are known.

    What is clean stays as it is; cleaning twice changes nothing.

    Args:
        known: Secrets that are replaced wherever they stand, such as the API key that reads the source.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._text = TextCleaner()
        values = sorted({value for value in known if _is_worth_hiding(value)}, key=len, reverse=True)
        self._values = values
        self._known = re.compile("|".join(map(re.escape, values))) if values else None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Redactor:
        """A redactor that knows the secrets of an environment (this process's) and of the user's netrc file."""
        variables = os.environ if environment is None else environment
        named = [value for name, value in variables.items() if _is_secret(what_holds(name), value)]
        return cls([*named, *_netrc_passwords(variables)])

    @property
    def n_redacted(self) -> int:
        """Secrets replaced so far."""
        return self._text.n_redacted

    def clean_text(self, text: str, names: Names = ()) -> str:
        """The text without secrets; `names` are the nested names that it stands under."""
        if self._known is not None:
            text = self._known.sub(lambda _found: self._text.hide(), text)
        return self._text.clean(text, names)

    def clean(self, value: object, names: Names = (), *, is_secret: bool = False) -> object:
        """The value without secrets, of the same form.

        Args:
            value: Text, number, mapping or list, nested as may be.
            names: The nested names that it stands under.
            is_secret: Whether a name above says that every text in it is secret.
        """
        if isinstance(value, str):
            return self._clean_named(value, names, is_secret=is_secret)
        if isinstance(value, Mapping):
            return self._clean_mapping(value, names, is_secret=is_secret)
        if isinstance(value, list | tuple):
            items = self._clean_list(value, names, is_secret=is_secret)
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, set | frozenset):
            return type(value)(self.clean(item, names, is_secret=is_secret) for item in value)
        is_pin = is_secret and type(value) is int and value >= _SMALLEST_PIN and may_be_number(names[-1])
        return self._text.hide() if is_pin else value

    def clean_run(self, run: SourceRun) -> SourceRun:
        """The run without secrets: configuration, summary, environment, names, notes, logged objects and metric names.

        Its key and marks lose only known secrets: they are what tells it from others.
        """
        return replace(
            run,
            label=self.clean_text(run.label),
            key=tuple(map(self._without_known, run.key)),
            marks=tuple(map(self._without_known, run.marks)),
            status_reason=self._optional(run.status_reason),
            name=self._optional(run.name),
            group=self._optional(run.group),
            job_type=self._optional(run.job_type),
            tags=tuple(map(self.clean_text, run.tags)),
            notes_text=self._optional(run.notes_text),
            sweep=self._optional(run.sweep),
            project=self._optional(run.project),
            config=self._mapping(run.config),
            columns=self._mapping(run.columns),
            summary=self._mapping(run.summary),
            history=self._clean_history(run.history),
            objects=self._clean_objects(run.objects),
            directions={self.clean_text(name): direction for name, direction in run.directions.items()},
            environment=self._mapping(run.environment),
            reason=self._optional(run.reason),
            problems=[self._clean_problem(problem) for problem in run.problems],
            notes=[self.clean_text(note) for note in run.notes],
        )

    def _clean_named(self, text: str, names: Names, *, is_secret: bool) -> str:
        holds = what_holds(names[-1]) if names else "nothing"
        if not is_mask(text) and (is_secret or _is_secret(holds, text)):
            return self._text.hide()
        return self.clean_text(text, names)

    def _clean_mapping(self, mapping: Mapping[Any, object], names: Names, *, is_secret: bool) -> dict[Any, object]:
        cleaned: dict[Any, object] = {}
        for key, value in mapping.items():
            new_key = self.clean_text(key) if isinstance(key, str) else key
            while new_key != key and (new_key in cleaned or new_key in mapping):
                new_key = f"{new_key}'"
            inner = (*names, str(key))
            secret = is_secret or what_holds(str(key)) == "secret"
            cleaned[new_key] = self.clean(value, inner, is_secret=secret)
        return cleaned

    def _clean_list(self, items: Sequence[object], names: Names, *, is_secret: bool) -> list[object]:
        """A list; in a command line the word after `--api-key` is secret."""
        cleaned: list[object] = []
        flagged = False
        for item in items:
            cleaned.append(self.clean(item, names, is_secret=is_secret or (flagged and _is_value(item))))
            flag = _FLAG_NAME.fullmatch(item) if isinstance(item, str) else None
            flagged = flag is not None and what_holds(flag[1]) == "secret"
        return cleaned

    def _mapping(self, mapping: Mapping[str, object]) -> dict[str, object]:
        return self._clean_mapping(mapping, (), is_secret=False)

    def _optional(self, text: str | None) -> str | None:
        return None if text is None else self.clean_text(text)

    def _without_known(self, text: str) -> str:
        return text if self._known is None else self._known.sub(MARKER, text)

    def _clean_problem(self, problem: RowProblem) -> RowProblem:
        value = None if problem.value is None else str(self.clean(problem.value, (problem.column or "",)))
        return replace(
            problem, column=self._optional(problem.column), value=value, reason=self.clean_text(problem.reason)
        )

    def _clean_history(self, history: pa.Table) -> pa.Table:
        """Metric names without secrets; only the different names are looked at."""
        names = pc.unique(history["name"].unify_dictionaries()).to_pylist() if history.num_rows else []
        renamed = {name: new for name in names if name is not None and (new := self.clean_text(name)) != name}
        if not renamed:
            return history
        column = pa.array([renamed.get(name, name) for name in history["name"].to_pylist()], pa.string())
        index = history.schema.get_field_index("name")
        return history.set_column(index, history.schema.field(index), column.dictionary_encode())

    def _clean_objects(self, objects: pa.Table) -> pa.Table:
        """The JSON and the names of logged objects; Python sees only the texts that may hold a secret."""
        for column in ("name", "json"):
            may_hold = self._may_hold(objects, column)
            rows = pc.indices_nonzero(may_hold).to_pylist()
            if not rows:
                continue
            texts, names = objects[column].to_pylist(), objects["name"].to_pylist()
            for row in rows:
                texts[row] = (
                    self.clean_text(texts[row]) if column == "name" else self._clean_json(texts[row], names[row])
                )
            index = objects.schema.get_field_index(column)
            objects = objects.set_column(index, objects.schema.field(index), pa.array(texts, pa.string()))
        return objects

    def _may_hold(self, objects: pa.Table, column: str) -> pa.ChunkedArray:
        """Which rows to look at closely: a rough and fast test, also of the name that the JSON stands under."""
        found = pc.match_substring_regex(objects[column], MAY_HOLD)
        if column == "json":
            found = pc.or_(found, pc.match_substring_regex(objects["name"], MAY_HOLD))
        for value in self._values:
            found = pc.or_(found, pc.match_substring(objects[column], value))
        return pc.fill_null(found, False)

    def _clean_json(self, text: str, name: str) -> str:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return self.clean_text(text)
        before = self.n_redacted
        cleaned = self.clean(value, (name,), is_secret=what_holds(name) == "secret")
        return text if self.n_redacted == before else json.dumps(cleaned, ensure_ascii=False)


def _is_secret(holds: Holds, text: str) -> bool:
    return holds == "secret" or (holds == "perhaps" and looks_random(text))


def _is_worth_hiding(value: str) -> bool:
    return len(value) >= (_SHORTEST_WORD if value.isalpha() else _SHORTEST) and not is_mask(value)


def _is_value(item: object) -> bool:
    return isinstance(item, str) and not item.startswith("-")


def _netrc_passwords(variables: Mapping[str, str]) -> list[str]:
    """Passwords in the user's netrc file, where the W&B client keeps its API key; none when it cannot be read."""
    path = Path(variables.get("NETRC") or Path(variables.get("HOME") or Path.home()) / ".netrc")
    try:
        hosts = netrc.netrc(path).hosts.values()
    except (OSError, ValueError, netrc.NetrcParseError):
        return []
    return [password for _, _, password in hosts if password]
