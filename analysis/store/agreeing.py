"""Saying that names or values mean the same, and taking it back: checked against what the store holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.errors import ConfigError
from analysis.store.agreed_sql import read_value
from analysis.store.agreements import AGREEABLE, METRIC, Agreement, Agreements
from analysis.store.snapshot import Snapshot
from analysis.store.store import Store

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Agreed:
    """What came of it.

    Attributes:
        agreement: As it stands now.
        is_new: Whether anything was written; False where it stood so already.
        remarks: Sentences about what looks odd: a value that no run has.
    """

    agreement: Agreement
    is_new: bool
    remarks: tuple[str, ...] = ()


def agree(store: Store, agreement: Agreement) -> Agreed:
    """Saves an agreement; one about the same name or value is replaced.

    Raises:
        ConfigError: it makes no sense; the message says why.
        StoreError: the store cannot be written.
    """
    snapshot = store.snapshot()
    _check_words(agreement)
    _check_no_circle(snapshot.agreements, agreement)
    known = _find(snapshot.agreements, agreement.agreement_id)
    if known and known.active and (known.counts_as, known.because) == (agreement.counts_as, agreement.because):
        return Agreed(known, is_new=False)
    remarks = tuple(_odd(snapshot, agreement))
    _write(store, snapshot, agreement)
    return Agreed(agreement, is_new=True, remarks=remarks)


def take_back(store: Store, agreement_id: str) -> Agreed:
    """Takes an agreement or a built-in rule back; it stays in the store, without effect.

    Raises:
        ConfigError: there is no such agreement.
        StoreError: the store cannot be written.
    """
    snapshot = store.snapshot()
    known = _find(snapshot.agreements, agreement_id)
    if known is None:
        raise ConfigError(
            f"there is no agreement {agreement_id!r}; `ucurve agree list --rules` shows them with their ids"
        )
    if not known.active:
        return Agreed(known, is_new=False)
    ended = replace(known, active=False)
    _write(store, snapshot, ended)
    return Agreed(ended, is_new=True)


def _write(store: Store, snapshot: Snapshot, agreement: Agreement) -> None:
    last = snapshot.agreement_seqs().get(agreement.agreement_id, 0)
    store.append(agreements=[agreement.to_row() | {"seq": store.next_seq(after=last)}])


def _find(agreements: Agreements, agreement_id: str) -> Agreement | None:
    return next((each for each in agreements.all if each.agreement_id == agreement_id), None)


def _check_words(agreement: Agreement) -> None:
    what, value, counts_as = agreement.what, agreement.value, agreement.counts_as
    if what not in (METRIC, *AGREEABLE):
        raise ConfigError(f"values of {what!r} cannot be agreed on; those of these columns can: {', '.join(AGREEABLE)}")
    if value == counts_as:
        raise ConfigError(f"{what} {value!r} counts as itself already; name another value")
    if what == METRIC and value is None:
        raise ConfigError("a metric's name cannot be missing; name the metric as it was logged")
    for text in (counts_as, value):
        if text is not None:
            _check_word(what, text)


def _check_word(what: str, text: str) -> None:
    if not text.strip():
        raise ConfigError(f"{what} has an empty name; for runs that do not state the value, use --missing")
    try:
        _ = text if what == METRIC else read_value(what, text)
    except ValueError:
        kind = "number" if what == "epochs" else "whole number"
        raise ConfigError(f"{what} is a {kind}, got {text!r}") from None


def _check_no_circle(agreements: Agreements, agreement: Agreement) -> None:
    """Whether what it counts as counts as the value in turn, for any source."""
    others = Agreements(tuple(each for each in agreements.all if each.agreement_id != agreement.agreement_id))
    sources = (agreement.source,) if agreement.source else (*others.sources_of(agreement.what), None)
    for source in sources:
        if others.resolve(agreement.what, agreement.counts_as, source) == agreement.value:
            raise ConfigError(
                f"{agreement.what} {agreement.counts_as!r} counts as {agreement.value!r} already, so that it cannot be "
                "the other way round; take that back first (`ucurve agree list --rules` shows its id)"
            )


def _odd(snapshot: Snapshot, agreement: Agreement) -> Sequence[str]:
    """What suggests a slip of the pen: nothing in the store fits yet."""
    values = snapshot.stored_values(agreement.what if agreement.what != METRIC else "source")
    if agreement.source is not None:
        sources = sorted(values["source"].dropna().unique())
        if agreement.source not in sources:
            return [f"No run is of the source {agreement.source!r} so far; there are: {_some(sources)}."]
        values = values[values["source"] == agreement.source]
    if agreement.what == METRIC:
        names = snapshot.logged_names()
        fits = agreement.value in names
    elif agreement.value is None:
        is_missing = bool(values["value"].isna().any())
        return [] if is_missing else [f"Every run states its {agreement.what}, so that nothing changes so far."]
    else:
        names = sorted(str(each) for each in values["value"].dropna().unique())
        fits = bool((values["value"] == read_value(agreement.what, agreement.value)).any())
    return [] if fits else [f"No run has the {agreement.what} {agreement.value!r} so far; there are: {_some(names)}."]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "") if names else "none"
