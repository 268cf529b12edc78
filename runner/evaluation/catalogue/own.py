"""A user's own benchmark: one JSONL file with items and, in its first line if wanted, how they are scored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from analysis.strict_yaml.explain import nearest
from runner.data.examples import content_hash
from runner.data.rows import Row, read_rows
from runner.errors import ConfigError
from runner.evaluation.benchmark import Benchmark, Excluded, Form, Item
from runner.evaluation.catalogue.identity import EXACT, make_benchmark, metric_names
from runner.evaluation.catalogue.own_items import BadItem, form_of, read_item, require_text
from runner.evaluation.catalogue.rules import Rule, find_rule

SUFFIX: Final = ".jsonl"
MAX_FILE_BYTES: Final = 256 * 1024 * 1024  # our choice
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEADER: Final = "benchmark"
FORMS: Final[tuple[Form, ...]] = ("choice", "text", "generation")
_KEYS: Final = ("form", "rule", "metric", "source")


class _Header(NamedTuple):
    """What the file says about itself."""

    form: Form | None = None
    rule: str = ""
    metric: str = ""
    source: str = ""


def read_own_benchmark(path: Path) -> Benchmark:
    """Returns the benchmark in a file, named after it; lines that are no good items are listed in `excluded`.

    Raises:
        ConfigError: the file cannot be read, its first line asks for something unknown, or not one item is good.
    """
    name = _name_of(path)
    rows = _rows(path)
    header, rows = _split_header(rows, path)
    form = header.form or next((form for row in rows if (form := form_of(row.values))), None)
    if form is None:
        reason = f"line 1 is {rows[0].problem}" if rows and rows[0].problem else "no line has one of them"
        raise ConfigError(
            f"{path}: items need choices and gold, an answer, or a text, but {reason}; see docs/benchmarks/your-own.md"
        )
    rule, metric = _scoring(header, form, path)
    read = [_read(row, form, rule) for row in rows]
    items, excluded = _without_repeats([(row.place, item) for row, item in zip(rows, read, strict=True)])
    if not items:
        raise ConfigError(
            f"{path}: not one of {len(rows)} lines is a good item ({excluded[0].place}: {excluded[0].reason}); "
            "correct the file"
            if excluded
            else f"{path}: holds no items; add some below its first line"
        )
    return make_benchmark(
        name,
        form,
        items,
        rule=rule.name if rule else "",
        source=header.source or path.name,
        excluded=excluded,
        main_metric=metric,
    )


def _name_of(path: Path) -> str:
    if not _NAME.fullmatch(path.stem):
        raise ConfigError(
            f"{path}: the file's name is the benchmark's, which takes letters, digits, '.', '_' and '-', at most 64 of "
            "them; rename the file"
        )
    return path.stem


def _rows(path: Path) -> list[Row]:
    if path.suffix.lower() != SUFFIX:
        raise ConfigError(f"{path}: a benchmark of your own must be a {SUFFIX} file")
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; give the path of a {SUFFIX} file")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_FILE_BYTES // 2**20} MiB; cut it down")
    return read_rows(path, ())


def _split_header(rows: Sequence[Row], path: Path) -> tuple[_Header, list[Row]]:
    if not rows or _HEADER not in rows[0].values:
        return _Header(), list(rows)
    said = rows[0].values[_HEADER]
    if not isinstance(said, dict):
        raise ConfigError(f'{path}: {rows[0].place}: benchmark must be an object such as {{"rule": "number"}}')
    unknown = sorted(set(said) - set(_KEYS))
    if unknown:
        raise ConfigError(f"{path}: {rows[0].place}: unknown setting {unknown[0][:40]!r}; {nearest(unknown[0], _KEYS)}")
    try:
        said = {name: require_text(value, name) for name, value in said.items()}
    except BadItem as error:
        raise ConfigError(f"{path}: {rows[0].place}: {error}; correct it") from error
    form = next((one for one in FORMS if one == said.get("form")), None)
    if form is None and "form" in said:
        raise ConfigError(
            f"{path}: {rows[0].place}: unknown form {said['form'][:40]!r}; {nearest(said['form'], FORMS)}"
        )
    return _Header(form, said.get("rule", ""), said.get("metric", ""), said.get("source", "")), list(rows[1:])


def _scoring(header: _Header, form: Form, path: Path) -> tuple[Rule | None, str]:
    """The rule of a generation benchmark, and the main metric of any."""
    if header.rule and form != "generation":
        raise ConfigError(f"{path}: a rule is for answers that are written, this benchmark's form is {form}; remove it")
    try:
        rule = find_rule(header.rule or EXACT) if form == "generation" else None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    known = metric_names(form, rule.name if rule else "")
    if header.metric and header.metric not in known:
        raise ConfigError(f"{path}: unknown metric {header.metric[:40]!r}; {nearest(header.metric, known)}")
    return rule, header.metric


def _read(row: Row, form: Form, rule: Rule | None) -> Item | str:
    """An item or the reason why it is none."""
    if row.problem:
        return row.problem
    try:
        return read_item(row.values, form, rule)
    except BadItem as reason:
        return str(reason)


def _without_repeats(read: Sequence[tuple[str, Item | str]]) -> tuple[list[Item], list[Excluded]]:
    """Items that ask something new, and what is left out.

    The second of two equal items counts for nothing. Of two that ask the same but want different answers, nobody knows
    which is wrong: both are left out.
    """
    askers: dict[str, list[tuple[str, Item]]] = {}
    for place, item in read:
        if not isinstance(item, str):
            askers.setdefault(_question(item), []).append((place, item))
    items: list[Item] = []
    excluded: list[Excluded] = []
    for place, item in read:
        reason = item if isinstance(item, str) else _repeats(place, item, askers[_question(item)])
        if reason:
            excluded.append(Excluded(place=place, reason=reason))
        elif not isinstance(item, str):
            items.append(item)
    return items, excluded


def _repeats(place: str, item: Item, same: Sequence[tuple[str, Item]]) -> str:
    other = next((at for at, one in same if _wanted(one) != _wanted(item)), "")
    if other:
        return f"asks the same as {other}, with another answer"
    return "" if same[0][0] == place else f"the same as {same[0][0]}"


def _question(item: Item) -> str:
    """What is asked, whatever the order of choices."""
    prompt = item.prompt if isinstance(item.prompt, str) else [[one.role, one.content] for one in item.prompt]
    return content_hash([prompt, sorted(item.choices)])


def _wanted(item: Item) -> str:
    return item.choices[item.gold] if item.choices else item.answer


def describe_excluded(benchmark: Benchmark) -> Iterator[str]:
    """Yields one sentence for each line that was left out."""
    return (f"{benchmark.name}: {one.place} is left out: {one.reason}" for one in benchmark.excluded)
