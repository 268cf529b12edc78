"""The site file that `ucurve site init` writes for somebody to fill in."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from analysis.errors import ConfigError

SITE_TEXT: Final = """\
# Who may open this dashboard, and what they may do. docs/deploy.md explains every key.
# Roles are read again before every action; what stands under [dashboard] and [sign_in] needs a restart.

[dashboard]
origin = "https://ucurve.example.org"  # as browsers write it; a proxy there hands requests to the address below
listen = "127.0.0.1"
port = 8501
# certificate = "cert.pem"             # without a proxy: TLS by the dashboard itself, needed to listen elsewhere
# certificate_key = "key.pem"

[sign_in]                              # OpenID Connect; redirect URI at the provider: ORIGIN/oauth2callback
provider = "https://login.example.org/.well-known/openid-configuration"
client_id = "ucurve"
secrets_file = "{secrets_name}"
max_age_hours = 12                     # then people sign in again
# trust_emails = true                  # when all addresses are the provider's own and it does not say email_verified

[roles]
default = "nobody"                     # of those that nothing below names: nobody or viewer
deny = []                              # `sub`s that are not let in, whatever else stands here

[roles.users]                          # by `sub` or verified e-mail: viewer, launcher or admin
# "ada@example.org" = "admin"

[roles.claims.groups]                  # by value of the claim `groups`; the highest counts
# "ml-team" = "launcher"
# "everybody" = "viewer"

[limits]                               # of one sweep, whoever starts it from a browser
# most_runs = 500
# most_hours = 48
# least_free_bytes = 2147483648

[catalogue]                            # what a browser may choose to train with, beside what is bundled
# models = ["HuggingFaceTB/SmolLM2-135M"]
# datasets = []
# data_folders = ["/srv/data"]
# wandb_projects = ["team/sweeps"]      # where `track: {{wandb: online}}` may write with the key of the worker

[alerts]                               # docs/alerts.md; `ucurve alerts test` sends one
# webhook = "https://chat.example.org/hooks/abc"
# secrets_file = "{secrets_name}"      # signs the messages with its webhook_key
"""
SECRETS_TEXT: Final = """\
# Readable for its owner only (mode 600).
client_secret = ""  # from the provider
cookie_secret = "{cookie_secret}"  # signs who is signed in; a new one signs everybody out
webhook_key = "{webhook_key}"  # signs alerts, for whoever receives them
"""


def write_starting_files(site_file: Path) -> Path:
    """Writes a site file and, with a fresh cookie secret, the secrets file beside it.

    Args:
        site_file: Where; neither it nor its secrets file may be there.

    Returns:
        The secrets file.

    Raises:
        ConfigError: one of them is there, or cannot be written.
    """
    secrets_file = site_file.with_name(f"{site_file.stem}.secrets.toml")
    for path in (site_file, secrets_file):
        if path.exists():
            raise ConfigError(f"{str(path)!r} is there already; name another file, or move it away")
    _write(
        secrets_file,
        SECRETS_TEXT.format(cookie_secret=secrets.token_hex(32), webhook_key=secrets.token_hex(32)),
        mode=0o600,
    )
    _write(site_file, SITE_TEXT.format(secrets_name=secrets_file.name), mode=0o644)
    return secrets_file


def _write(path: Path, text: str, *, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be written ({error.strerror})") from error
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(text)
