"""`ucurve annotate` and `ucurve annotations`: tags, notes and stars on runs and sweeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption, open_store
from runner.cli.output import note, print_json, print_lines, print_table

if TYPE_CHECKING:
    from analysis.store import Store
    from analysis.store.annotating import Annotated as Result
    from analysis.store.annotations import Annotation, Kind, Subject

_SubjectsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SUBJECT]...", help="Ids of runs or sweeps, as `ucurve runs` names them."),
]


def annotate_subjects(
    subjects: _SubjectsArgument = None,
    store: StoreOption = Path(DEFAULT_STORE),
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="Give this tag; repeatable.")] = None,
    untag: Annotated[
        list[str] | None, typer.Option("--untag", metavar="TAG", help="Take this tag back; repeatable.")
    ] = None,
    star: Annotated[bool | None, typer.Option("--star/--unstar", help="Star it, or take the star back.")] = None,
    text: Annotated[list[str] | None, typer.Option("--note", metavar="TEXT", help="Add a note; repeatable.")] = None,
    undo: Annotated[
        list[str] | None,
        typer.Option("--undo", metavar="ID", help="Take back an annotation of `ucurve annotations`; repeatable."),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Tag, note or star runs and sweeps; everybody who uses the store sees it."""
    from analysis.errors import ConfigError
    from analysis.store.annotating import Wish, annotate, take_back
    from runner.access.local import command_line_person
    from runner.annotators import author_of

    asked: list[tuple[Kind, str, bool]] = [("tag", each, True) for each in tag or ()]
    asked += [("tag", each, False) for each in untag or ()]
    asked += [] if star is None else [("star", "", star)]
    asked += [("note", each, True) for each in text or ()]
    if bool(subjects) != bool(asked) or not (asked or undo):
        raise ConfigError("name runs or sweeps and what to say: `ucurve annotate ID --tag good`, or --undo ID alone")
    if both := sorted({*(tag or ())} & {*(untag or ())}):
        raise ConfigError(f"the tag {both[0]!r} cannot be given and taken back at once; name it once")
    author, opened = author_of(command_line_person()), open_store(store)
    wishes = [Wish(subject, *one) for subject in _find(opened, subjects or ()) for one in asked]
    results = [annotate(opened, wishes, author)] if wishes else []
    results += [take_back(opened, undo, author)] if undo else []
    _print(results, json_output)


def list_annotations(
    subjects: _SubjectsArgument = None,
    store: StoreOption = Path(DEFAULT_STORE),
    json_output: JsonOption = False,
) -> None:
    """List tags, notes and stars, with who said so; saved views too."""
    opened = open_store(store)
    wanted = set(_find(opened, subjects or ()))
    holding = [each for each in opened.snapshot().annotations() if each.active]
    shown = [each for each in holding if not wanted or each.subject in wanted]
    if json_output:
        print_json({"annotations": [_to_json(each) for each in shown]})
        return
    rows = [
        (
            each.annotation_id,
            each.subject,
            each.kind,
            each.text or None,
            each.author,
            f"{each.created_at:%Y-%m-%d %H:%M}",
        )
        for each in shown
    ]
    print_table(("id", "about", "what", "text", "by", "at (UTC)"), rows)


def _find(store: Store, ids: Iterable[str]) -> list[Subject]:
    """Runs and sweeps by their ids."""
    from analysis.errors import ConfigError
    from analysis.store.annotations import Subject

    if not (ids := list(ids)):
        return []
    rows = store.snapshot().subjects()
    runs, sweeps = ({str(row[name]) for row in rows if row[name] is not None} for name in ("run_id", "sweep_id"))
    for each in ids:
        if each not in runs | sweeps:
            raise ConfigError(f"there is no run or sweep {each!r}; `ucurve runs` shows their ids")
        if each in runs & sweeps:
            raise ConfigError(f"{each!r} is a run and a sweep; annotate it in the dashboard, which tells them apart")
    return [Subject("run" if each in runs else "sweep", each) for each in ids]


def _print(results: Sequence[Result], json_output: bool) -> None:
    written = [act for result in results for act in result.written]
    n_as_before = sum(result.n_as_before for result in results)
    remarks = [remark for result in results for remark in result.remarks]
    if json_output:
        acts = [_to_json(act) for act in written]
        print_json({"written": acts, "n_as_before": n_as_before, "remarks": remarks})
        return
    print_lines([f"{act.subject}: {_said(act)} ({act.annotation_id})." for act in written])
    if n_as_before:
        note(f"{n_as_before} as before.")
    for remark in remarks:
        note(remark)


def _said(act: Annotation) -> str:
    what = act.kind if not act.text else f"{act.kind} {act.text!r}"
    return what if act.active else f"{what} taken back"


def _to_json(each: Annotation) -> dict[str, object]:
    row = each.to_row() | ({} if each.created_at is None else {"created_at": each.created_at})
    return {key: value for key, value in row.items() if key not in ("seq", "author_id")}
