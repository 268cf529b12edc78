"""Which runs belong on one curve: what is comparable, what varies, and what merely follows from something else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.errors import FilterError
from analysis.runs.configuration import (
    AGREED_ON,
    COMPARABLE,
    DERIVED,
    GROUP_KEYS,
    HYPERPARAMETERS,
    OWN_AXES,
    PROJECT,
    VERSION_NAMES,
    Group,
    GroupValue,
)

Columns = Mapping[str, Sequence[GroupValue]]

# Below three different values a coincidence is no sign that a hyperparameter follows from the learning rate.
_MIN_TIED_VALUES: Final = 3
# Keys that are no known hyperparameter (names, folders, minimum learning rates) are believed to follow sooner.
_MIN_TIED_EXTRA_VALUES: Final = 2
# Numbers that are different in more than this share of the runs were measured, not chosen (our choice).
_MEASURED_SHARE: Final = 0.5
_MIN_MEASURED_VALUES: Final = 3
_MAX_LABEL_VALUE: Final = 32
# Runs of different sources that do not state these may have nothing to do with each other.
_MUST_AGREE: Final = ("model", "tokenizer_id", "eval_set_id")


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Rows of one curve.

    Attributes:
        group: What tells it from the other groups.
        label: The same as text.
        rows: Positions of its rows in the table.
        warnings: What is mixed inside it.
    """

    group: Group
    label: str
    rows: tuple[int, ...]
    warnings: tuple[str, ...] = ()


def split_comparable(columns: Columns, rows: Sequence[int]) -> list[RunGroup]:
    """Returns the groups inside which losses can be compared at all; every hyperparameter is folded."""
    columns = _without_what_follows(columns)
    return _make_groups(columns, rows, _add_comparable_keys(columns, rows, []), ())


def split_curves(columns: Columns, rows: Sequence[int], group_by: Sequence[str] | None) -> list[RunGroup]:
    """Returns the groups that are one U-curve each, in the order of their values.

    Args:
        columns: Configuration keys, as `read_configurations` gives them.
        rows: Positions of the rows that count.
        group_by: Keys to split by besides the comparable ones; None splits by every hyperparameter that varies.

    Raises:
        FilterError: `group_by` names an unknown key, or the learning rate itself.
    """
    columns = _without_what_follows(columns)
    candidates = _candidates(columns)
    if group_by is None:
        keys, tied = _automatic_keys(columns, rows, candidates)
        return _make_groups(columns, rows, keys, tied)
    _check_keys(columns, group_by)
    keys = _add_comparable_keys(columns, rows, list(dict.fromkeys(group_by)))
    return _make_groups(columns, rows, keys, [key for key in candidates if key not in keys])


def group_label(group: Group) -> str:
    """Returns a group as text: `batch_size 8, lora_rank 16`; `all runs` when nothing varies."""
    return ", ".join(f"{key} {_short(value)}" for key, value in group.items()) or "all runs"


def _without_what_follows(columns: Columns) -> Columns:
    """The columns without values that tell nothing of their own.

    With a token budget a run's steps and epochs follow from its batch size. Beside model and data the project that a
    run was kept in says nothing; without them it is all that tells it from runs of another purpose.
    """
    has_token_budget = [value is not None for value in columns["token_budget"]]
    own = {
        key: [None if derived else value for value, derived in zip(columns[key], has_token_budget, strict=True)]
        for key in ("max_steps", "epochs")
    }
    stated = zip(columns[PROJECT], columns["model"], columns["dataset"], strict=True)
    projects = [project if model is None or dataset is None else None for project, model, dataset in stated]
    return {**columns, **own, PROJECT: projects}


def _candidates(columns: Columns) -> list[str]:
    """Returns the keys that may make groups of their own: the typed ones, then every other key of the configuration."""
    follows = {*OWN_AXES, *DERIVED}
    return [key for key in dict.fromkeys([*GROUP_KEYS, *columns]) if key not in follows]


def _check_keys(columns: Columns, group_by: Sequence[str]) -> None:
    for key in group_by:
        if key == "learning_rate":
            raise FilterError("Curves cannot be grouped by 'learning_rate': it is their x axis; leave it out.")
        if key not in columns:
            known = ", ".join(sorted(set(columns) - {"learning_rate", AGREED_ON}))
            raise FilterError(f"There is no configuration key '{key}' to group by; these runs have: {known}.")


def _automatic_keys(
    columns: Columns, rows: Sequence[int], candidates: Sequence[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Returns the keys to split by, and those left folded because they move with the learning rate."""
    keys: list[str] = []
    tied: list[str] = []
    parts = [list(rows)]
    for key in candidates:
        mixed = [part for part in parts if _varies(columns[key], part)]
        if not mixed:
            continue
        if _is_comparable_key(columns, key, rows):
            splits = True
        elif _is_measured(columns, key, mixed):
            splits = False
        elif all(_is_tied(columns, key, part) for part in mixed):
            tied.append(key)
            splits = False
        else:
            splits = True
        if splits:
            keys.append(key)
            parts = [finer for part in parts for finer in _partition(columns, part, [key])]
    return keys, tuple(tied)


def _add_comparable_keys(columns: Columns, rows: Sequence[int], keys: list[str]) -> list[str]:
    """Returns the keys and after them the comparable ones that split further, so that no curve mixes what cannot be."""
    keys = list(keys)
    parts = _partition(columns, rows, keys)
    for key in _candidates(columns):
        if _is_comparable_key(columns, key, rows) and any(_varies(columns[key], part) for part in parts):
            keys.append(key)
            parts = [finer for part in parts for finer in _partition(columns, part, [key])]
    return keys


def _is_comparable_key(columns: Columns, key: str, rows: Sequence[int]) -> bool:
    """Whether losses compare only inside one value of a key: a typed one, or one that names a wave or a version.

    A version that every run has for itself is a folder or a name.
    """
    if key in COMPARABLE or key == PROJECT or key.rpartition(".")[2].lower() not in VERSION_NAMES:
        return key in COMPARABLE or key == PROJECT
    return len({columns[key][row] for row in rows}) < max(len(rows), _MIN_MEASURED_VALUES)


def _is_measured(columns: Columns, key: str, parts: Sequence[Sequence[int]]) -> bool:
    """Whether an untyped key holds numbers that are different in most runs of the groups, such as a second loss."""
    if key in GROUP_KEYS:
        return False
    known = [[value for row in part if (value := columns[key][row]) is not None] for part in parts]
    if any(isinstance(value, str | bool) for values in known for value in values):
        return False
    n_known, n_different = sum(map(len, known)), sum(len(set(values)) for values in known)
    return n_different >= _MIN_MEASURED_VALUES and n_different > _MEASURED_SHARE * n_known


def _is_tied(columns: Columns, key: str, rows: Sequence[int]) -> bool:
    """Whether a key's values in a group only follow from the learning rate (or, for untyped keys, name the run)."""
    is_extra = key not in HYPERPARAMETERS
    pairs = {(columns["learning_rate"][row], columns[key][row]) for row in rows}
    values = {value for _, value in pairs}
    rates = {rate for rate, _ in pairs}
    enough = _MIN_TIED_EXTRA_VALUES if is_extra else _MIN_TIED_VALUES
    follows_lr = len(pairs) == len(values) == len(rates) >= enough
    if follows_lr or not is_extra:
        return follows_lr
    follows_seed = len({(columns["seed"][row], columns[key][row]) for row in rows}) == len(
        {columns["seed"][row] for row in rows}
    )
    names_the_run = len(values) == len(rows)
    return follows_seed or names_the_run


def _partition(columns: Columns, rows: Sequence[int], keys: Sequence[str]) -> list[list[int]]:
    parts: dict[Hashable, list[int]] = defaultdict(list)
    for row in rows:
        parts[tuple(columns[key][row] for key in keys)].append(row)
    return list(parts.values())


def _make_groups(columns: Columns, rows: Sequence[int], keys: Sequence[str], folded: Sequence[str]) -> list[RunGroup]:
    groups = []
    for part in _partition(columns, rows, keys):
        group = {key: columns[key][part[0]] for key in keys}
        mixed = [key for key in folded if key not in keys and _is_mixed(columns, key, part)]
        warnings = (*(_mixed_warning(columns, key, part) for key in mixed), *_source_warnings(columns, part))
        groups.append(RunGroup(group, group_label(group), tuple(part), warnings))
    return sorted(groups, key=lambda item: [sort_key(value) for value in item.group.values()])


def _is_mixed(columns: Columns, key: str, rows: Sequence[int]) -> bool:
    if not _varies(columns[key], rows) or _is_measured(columns, key, [rows]):
        return False
    return key in HYPERPARAMETERS or not _is_tied(columns, key, rows)


def _mixed_warning(columns: Columns, key: str, rows: Sequence[int]) -> str:
    values = sorted({columns[key][row] for row in rows}, key=sort_key)
    shown = ", ".join(_short(value) for value in values[:4]) + (", ..." if len(values) > 4 else "")
    return f"The curve mixes several values of {key} ({shown}): its effect cannot be told from the learning rate's."


def _source_warnings(columns: Columns, rows: Sequence[int]) -> list[str]:
    """What a curve with runs of several sources rests on: what was agreed, and what nobody has stated."""
    sources = sorted({str(value) for row in rows if (value := columns["source"][row]) is not None})
    if len(sources) < 2:
        return []
    agreed_on = columns.get(AGREED_ON, [None] * len(columns["source"]))
    texts = [str(agreed_on[row]) for row in rows if agreed_on[row] is not None]
    agreed = list(dict.fromkeys(name for text in texts for name in text.split(", ")))
    unknown = [key for key in _MUST_AGREE if all(columns[key][row] is None for row in rows)]
    warnings = []
    if agreed:
        warnings.append(
            f"Runs of {_listed(sources)} share this curve because it was agreed what counts as the same "
            f"{_listed(agreed)} (`ucurve agree list`)."
        )
    if unknown:
        warnings.append(f"Runs of {_listed(sources)} share this curve, and none states its {_listed(unknown)}.")
    return warnings


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _varies(values: Sequence[GroupValue], rows: Sequence[int]) -> bool:
    first = values[rows[0]] if rows else None
    return any(values[row] != first for row in rows)


def sort_key(value: GroupValue) -> tuple[int, float, str]:
    """Returns what configuration values are sorted by: missing ones first, then numbers, then texts."""
    if value is None:
        return (0, 0.0, "")
    return (1, float(value), "") if isinstance(value, int | float) else (2, 0.0, value)


def _short(value: GroupValue) -> str:
    text = f"{value:g}" if isinstance(value, float) else str("none" if value is None else value)
    return text if len(text) <= _MAX_LABEL_VALUE else f"{text[: _MAX_LABEL_VALUE - 1]}…"
