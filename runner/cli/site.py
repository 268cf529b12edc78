"""`ucurve site`: the file that says who may open the dashboard and what they may do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from runner.access.site import SITE_VARIABLE, SiteSettings, read_site
from runner.access.site_start import write_starting_files
from runner.cli.output import print_lines
from runner.serving.checks import callback_address, check_serving

site_app = typer.Typer(help="Say who may open the dashboard and what they may do.", no_args_is_help=True)

_FileArgument = Annotated[Path, typer.Argument(metavar="[FILE]", help="The site file.")]
_DEFAULT = Path("ucurve.toml")


@site_app.command("init")
def start_site(file: _FileArgument = _DEFAULT) -> None:
    """Write a commented site file to fill in, and its secrets file with a fresh cookie secret."""
    secrets_file = write_starting_files(file)
    print_lines(
        [
            f"Wrote {file} and {secrets_file} (readable for you only).",
            f"Fill them in, then: ucurve site check {file}",
        ]
    )


@site_app.command("check")
def check_site(file: _FileArgument = _DEFAULT) -> None:
    """Check a site file and its secrets, and say what it does."""
    site = read_site(file)
    signed = check_serving(site, file, lan=True)
    print_lines([*_describe(site), f"All there: ucurve app --lan --site {file}" if signed else ""])


def _describe(site: SiteSettings) -> list[str]:
    dashboard, roles = site.dashboard, site.roles
    counts = Counter(role.label for role in roles.users.values())
    named = ", ".join(f"{n} {label}" for label, n in sorted(counts.items())) or "nobody by name"
    claims = ", ".join(f"{claim} ({len(values)} values)" for claim, values in roles.claims.items() if values)
    encrypted = (
        "TLS by the dashboard itself" if dashboard.certificate else "no TLS there: a proxy on this machine does it"
    )
    lines = [
        f"Browsers open     {dashboard.origin}",
        f"Listens on        {dashboard.listen}:{dashboard.port} ({encrypted})",
        f"Redirect URI      {callback_address(site)} (to be registered at the provider)",
        f"Roles             {named}; claims: {claims or 'none'}; everybody else: {roles.default.label}",
    ]
    if site.sign_in is not None:
        lines.insert(2, f"Sign-in           {site.sign_in.provider}, renewed after {site.sign_in.max_age_hours:g} h")
    return [*lines, f"For the worker    export {SITE_VARIABLE}=FILE, so that it checks rights by the same file"]
