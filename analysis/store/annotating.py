"""Annotating: what is asked for, checked against what the store holds; only what changes something is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from analysis.errors import ConfigError
from analysis.store.annotations import Annotation, Author, Kind, Subject, SubjectKind, annotation_id_of
from analysis.store.store import Store

LONGEST_TAG: Final = 100
"""Characters; our choice: a tag has to fit into a cell."""
LONGEST_NOTE: Final = 10_000
_LONGEST_VIEW: Final = 20_000
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to say, or to take back (`active` False)."""

    subject: Subject
    kind: Kind
    text: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Annotated:
    """What came of it.

    Attributes:
        written: The acts that were stored.
        n_as_before: How many wishes stood so already.
        remarks: Sentences about what did not have the effect that one may expect.
    """

    written: tuple[Annotation, ...]
    n_as_before: int = 0
    remarks: tuple[str, ...] = ()


def annotate(store: Store, wishes: Sequence[Wish], author: Author) -> Annotated:
    """Says all of it in one commit; what stands so already is not written again.

    Raises:
        ConfigError: there is no such run or sweep, or a text is none; then nothing is written.
        StoreError: the store cannot be written.
    """
    wishes = [replace(wish, text=_checked_text(wish)) for wish in dict.fromkeys(wishes)]
    snapshot = store.snapshot()
    known = {each.annotation_id: each for each in snapshot.annotations()}
    runs = _Runs(snapshot.subjects())
    for wish in wishes:
        runs.check(wish.subject)
    acts: dict[str, Annotation] = {}
    remarks: list[str] = []
    for wish in wishes:
        annotation_id = annotation_id_of(wish.subject, wish.kind, wish.text, author.author_id)
        standing = known.get(annotation_id)
        if _stands(wish, standing, runs):
            remarks += runs.why_it_stays(wish, known)
        else:
            acts[annotation_id] = _act(store, wish, annotation_id, standing, author)
    _write(store, tuple(acts.values()))
    return Annotated(tuple(acts.values()), len(wishes) - len(acts), tuple(remarks))


def take_back(store: Store, annotation_ids: Iterable[str], author: Author) -> Annotated:
    """Takes annotations back by their ids; they stay in the store, without effect.

    Raises:
        ConfigError: there is no such annotation; then nothing is written.
        StoreError: the store cannot be written.
    """
    known = {each.annotation_id: each for each in store.snapshot().annotations()}
    asked = list(dict.fromkeys(annotation_ids))
    for annotation_id in asked:
        if annotation_id not in known:
            raise ConfigError(
                f"there is no annotation {annotation_id!r}; `ucurve annotations` shows them with their ids"
            )
    acts = []
    for standing in (known[annotation_id] for annotation_id in asked):
        if standing.active:
            wish = Wish(standing.subject, standing.kind, standing.text, active=False)
            acts.append(_act(store, wish, standing.annotation_id, standing, author))
    _write(store, tuple(acts))
    return Annotated(tuple(acts), len(asked) - len(acts))


def save_view(store: Store, name: str, query: str, author: Author) -> Annotated:
    """Saves a page with its filters under a name, for everybody.

    Args:
        store: Where.
        name: What people call it.
        query: The page and what its address says: `runs?where=seed%3D0`.
        author: Who saves it.

    Raises:
        ConfigError: the name is none, or another view has it.
        StoreError: the store cannot be written.
    """
    wish = Wish(Subject("view", _one_line("the name of a view", name)), "query", query)
    if len(query) > _LONGEST_VIEW:
        raise ConfigError(f"the filters of this view take {len(query):,} characters, at most {_LONGEST_VIEW:,} fit")
    known = {each.annotation_id: each for each in store.snapshot().annotations()}
    annotation_id = annotation_id_of(wish.subject, wish.kind, wish.text, author.author_id)
    same = [each for each in known.values() if each.subject == wish.subject and each.active]
    if any(each.annotation_id == annotation_id for each in same):
        return Annotated((), 1)
    if same:
        raise ConfigError(
            f"{same[0].author} has saved another view as {wish.subject.subject_id!r}; take another name, or delete that"
        )
    acts = (_act(store, wish, annotation_id, known.get(annotation_id), author),)
    _write(store, acts)
    return Annotated(acts)


class _Runs:
    """Runs, their sweeps and the tags of their own rows."""

    def __init__(self, rows: Iterable[Mapping[str, object]]) -> None:
        self._sweep_of: dict[str, str | None] = {}
        self._tags: dict[str, Sequence[str]] = {}
        for row in rows:
            run_id, sweep_id, tags = str(row["run_id"]), row["sweep_id"], row["tags"]
            self._sweep_of[run_id] = None if sweep_id is None else str(sweep_id)
            self._tags[run_id] = tags if isinstance(tags, list) else []
        sweeps = sorted({sweep for sweep in self._sweep_of.values() if sweep is not None})
        self._known: Mapping[SubjectKind, Sequence[str]] = {"run": list(self._sweep_of), "sweep": sweeps}
        self._subjects = {Subject(kind, each) for kind, ids in self._known.items() for each in ids}

    def check(self, subject: Subject) -> None:
        if subject not in self._subjects:
            some = ", ".join(self._known.get(subject.kind, ())[:_SHOWN]) or "none"
            raise ConfigError(f"there is no {subject.kind} {subject.subject_id!r}; there are: {some}")

    def has_tag(self, subject: Subject, tag: str) -> bool:
        """Whether a run's own row has the tag."""
        return subject.kind == "run" and tag in self._tags[subject.subject_id]

    def why_it_stays(self, wish: Wish, known: Mapping[str, Annotation]) -> Iterator[str]:
        """A sentence where a run keeps a tag that was to go, because its sweep has it."""
        sweep_id = self._sweep_of.get(wish.subject.subject_id) if wish.subject.kind == "run" else None
        if wish.active or wish.kind != "tag" or sweep_id is None:
            return
        of_sweep = known.get(annotation_id_of(Subject("sweep", sweep_id), "tag", wish.text, ""))
        if of_sweep is not None and of_sweep.active:
            run_id = wish.subject.subject_id
            yield f"Run {run_id} has the tag {wish.text!r} from its sweep {sweep_id}; take it back there."


def _stands(wish: Wish, standing: Annotation | None, runs: _Runs) -> bool:
    """Whether it is so already; what nobody has said does not hold, but for the tags of a run's own row."""
    if standing is not None:
        return standing.active == wish.active
    return wish.active == (wish.kind == "tag" and runs.has_tag(wish.subject, wish.text))


def _act(store: Store, wish: Wish, annotation_id: str, standing: Annotation | None, author: Author) -> Annotation:
    return Annotation(
        annotation_id=annotation_id,
        subject=wish.subject,
        kind=wish.kind,
        text=wish.text,
        author=author.name,
        author_id=author.author_id,
        via=author.via,
        active=wish.active,
        seq=store.next_seq(after=standing.seq if standing else 0),
    )


def _write(store: Store, acts: Sequence[Annotation]) -> None:
    if acts:
        store.append(annotations=[act.to_row() for act in acts])


def _checked_text(wish: Wish) -> str:
    if wish.kind == "tag":
        return _one_line("a tag", wish.text)
    text = wish.text.strip()
    if wish.kind == "note" and not text:
        raise ConfigError("a note needs a text")
    if len(text) > LONGEST_NOTE:
        raise ConfigError(f"a note has at most {LONGEST_NOTE:,} characters, this one has {len(text):,}")
    return text


def _one_line(what: str, text: str) -> str:
    text = text.strip()
    if not text or len(text) > LONGEST_TAG or not text.isprintable():
        raise ConfigError(f"{what} is one line of 1 to {LONGEST_TAG} characters, got {text[: LONGEST_TAG + 1]!r}")
    return text
