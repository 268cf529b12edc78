"""`ucurve alerts`: tells a webhook what became of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import DEFAULT_STORE, StoreOption
from runner.cli.output import print_lines
from runner.cli.queue_options import JobArgument, QueueOption, find_job, open_queue

if TYPE_CHECKING:
    from runner.alerts.delivery import Delivery

alerts_app = typer.Typer(help="Tell a webhook what became of jobs.", no_args_is_help=True)
PARTIAL = 1


SiteFile = Annotated[
    Path | None,
    typer.Option(
        "--site",
        envvar="UCURVE_SITE",
        metavar="FILE",
        help="The site file whose [alerts] name the webhook.",
        show_default=False,
    ),
]


@alerts_app.command("test")
def send_trial(site: SiteFile = None) -> None:
    """Send a message that says nothing but that messages arrive."""
    from runner.access.site import SiteSettings, read_site
    from runner.alerts.tell import tell_for_trial

    settings = SiteSettings() if site is None else read_site(site)
    found = tell_for_trial(settings)
    _show(found, is_signed=settings.alerts.secrets_file is not None)


@alerts_app.command("send")
def send_alert(
    job: JobArgument, store: StoreOption = Path(DEFAULT_STORE), queue: QueueOption = None, site: SiteFile = None
) -> None:
    """Send the message about an ended job, as its worker did when it ended; the audit log notes what came of it."""
    from analysis.store.marker import local_folder
    from runner.access.site import SiteSettings, read_site
    from runner.alerts.tell import tell_of_job

    opened = open_queue(store, queue)
    settings = SiteSettings() if site is None else read_site(site)
    found = tell_of_job(opened, find_job(opened, job), local_folder(store), settings)
    _show(found, is_signed=settings.alerts.secrets_file is not None)


def _show(found: Delivery, *, is_signed: bool) -> None:
    signed = "" if is_signed or not found.is_sent else " It is not signed: alerts.secrets_file names no key."
    print_lines([f"{'Sent' if found.is_sent else 'Not sent'}: {found.detail}.{signed}"])
    if not found.is_sent:
        raise typer.Exit(PARTIAL)
