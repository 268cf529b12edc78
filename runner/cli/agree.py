"""`ucurve agree`: say which names and values mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption, open_store
from runner.cli.output import note, print_json, print_lines, print_table

if TYPE_CHECKING:
    from analysis.store.agreeing import Agreed
    from analysis.store.agreements import Agreement

agree_app = typer.Typer(help="Say which names and values mean the same.", no_args_is_help=True)

_SourceOption = Annotated[
    str | None, typer.Option("--source", metavar="NAME", help="Only in runs of this source, such as wandb.")
]
_BecauseOption = Annotated[str | None, typer.Option("--because", metavar="TEXT", help="Why; kept with the agreement.")]


@agree_app.command("list")
def list_agreements(
    store: StoreOption = Path(DEFAULT_STORE),
    rules: Annotated[bool, typer.Option("--rules", help="Show the built-in rules for metric names too.")] = False,
    json_output: JsonOption = False,
) -> None:
    """List what was agreed to, also what was taken back."""
    agreements = [each for each in open_store(store).snapshot().agreements.all if rules or not each.is_rule]
    if json_output:
        print_json({"agreements": [_to_json(each) for each in agreements]})
        return
    rows = [
        (each.agreement_id, each.what, _value(each), each.source, each.counts_as, _state(each), each.because)
        for each in agreements
    ]
    print_table(("id", "what", "value", "source", "counts as", "state", "because"), rows)


@agree_app.command("metric")
def agree_on_metric(
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="The name as it was logged.", show_default=False)],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that it counts as.", show_default=False)],
    store: StoreOption = Path(DEFAULT_STORE),
    source: _SourceOption = None,
    because: _BecauseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Let a metric count as another one."""
    _agree(store, "metric", alias, name, source, because, json_output)


@agree_app.command("value")
def agree_on_value(
    column: Annotated[
        str,
        typer.Argument(
            metavar="COLUMN",
            help="model, tokenizer_id, dataset, eval_set_id, objective, adapter, token_budget, max_steps or epochs.",
            show_default=False,
        ),
    ],
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="VALUE COUNTS_AS",
            help="The value as stored, and what it counts as; with --missing only the latter.",
            show_default=False,
        ),
    ],
    store: StoreOption = Path(DEFAULT_STORE),
    source: _SourceOption = None,
    missing: Annotated[bool, typer.Option("--missing", help="Where runs do not state the value.")] = False,
    because: _BecauseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Let a value of a column count as another one, so that such runs share a curve."""
    from analysis.errors import ConfigError

    if len(values) != (1 if missing else 2):
        wanted = "COLUMN COUNTS_AS --missing" if missing else "COLUMN VALUE COUNTS_AS"
        raise ConfigError(f"got {len(values)} values for {column!r}; write `ucurve agree value {wanted}`")
    _agree(store, column, None if missing else values[0], values[-1], source, because, json_output)


@agree_app.command("undo")
def undo_agreement(
    agreement_id: Annotated[
        str, typer.Argument(metavar="ID", help="As `ucurve agree list` shows it.", show_default=False)
    ],
    store: StoreOption = Path(DEFAULT_STORE),
    json_output: JsonOption = False,
) -> None:
    """Take an agreement or a built-in rule back; agreeing again brings it back."""
    from analysis.store.agreeing import take_back

    _print(take_back(open_store(store), agreement_id), json_output)


def _agree(
    location: Path,
    what: str,
    value: str | None,
    counts_as: str,
    source: str | None,
    because: str | None,
    json_output: bool,
) -> None:
    from analysis.store.agreeing import agree
    from analysis.store.agreements import Agreement

    agreement = Agreement(what=what, value=value, counts_as=counts_as, source=source, because=because)
    _print(agree(open_store(location), agreement), json_output)


def _print(agreed: Agreed, json_output: bool) -> None:
    agreement = agreed.agreement
    if json_output:
        print_json(_to_json(agreement) | {"is_new": agreed.is_new, "remarks": agreed.remarks})
        return
    where = f" in runs of {agreement.source}" if agreement.source else ""
    counts = "counts as" if agreement.active else "no longer counts as"
    already = "" if agreed.is_new else ", as before"
    print_lines([f"{agreement.what} {_value(agreement)}{where} {counts} {agreement.counts_as}{already} "
                 f"({agreement.agreement_id})."])  # fmt: skip
    for remark in agreed.remarks:
        note(remark)


def _to_json(agreement: Agreement) -> dict[str, object]:
    return agreement.to_row() | {"is_rule": agreement.is_rule}


def _value(agreement: Agreement) -> str:
    return "(not stated)" if agreement.value is None else agreement.value


def _state(agreement: Agreement) -> str:
    if not agreement.active:
        return "taken back"
    return "rule" if agreement.is_rule else "agreed"
