"""The dashboard's server, `python -m pages._server`, as `ucurve app` starts it: Streamlit behind our guard."""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import logging
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import streamlit
import uvicorn
from streamlit.runtime.pages_manager import PagesManager
from streamlit.starlette import App

from analysis.errors import UcurveError
from pages._memory import give_back, share_arenas
from pages._server_config import APP, pin_configuration
from pages._server_sign_in import UploadRight, keep_cookies_small, sign_in_secrets
from pages._warm_up import warm_up
from runner.access.authority import Authority, load_authority
from runner.access.secrets_file import SignInSecrets
from runner.access.served import serving_under
from runner.access.site import SiteSettings, load_site
from runner.serving.checks import check_serving
from runner.serving.guard import Guard
from runner.serving.patience import ImpatientProtocol
from runner.serving.rules import Rules
from runner.worker.kernel import die_with_parent

_COLLECT_EVERY_S: Final = 30.0
_SWITCH_S: Final = 0.0005
"""A rerun looks at files and sends messages hundreds of times, and after each waits for one that computes: by default
for 5 ms, so that one page being computed made every other a second slower."""
_MOST_MESSAGE_BYTES: Final = 8 * 1024 * 1024
"""Of one message from a browser: its widgets' state, 4 MB as configured, and room to spare."""


def serve(site: SiteSettings, authority: Authority, secrets: SignInSecrets | None, port: int) -> None:
    """Serve until a signal comes.

    Args:
        site: The settings, checked.
        authority: Who may do what.
        secrets: Those of the sign-in; None without one.
        port: Where to listen.
    """
    share_arenas()
    sys.setswitchinterval(_SWITCH_S)
    pin_configuration(site, port)
    PagesManager.uses_pages_directory = False  # or the first visit could run a file of pages/ without the frame's door
    auth = None
    if secrets is not None and authority.site_file is not None:
        auth = sign_in_secrets(site, secrets)
        keep_cookies_small(authority.site_file)
    app = App(APP, secrets=auth, lifespan=_collecting, on_script_error=_apologise)
    uvicorn.run(
        Guard(app, rules_of(site, authority, port)),
        host=site.dashboard.listen,
        port=port,
        ssl_certfile=site.dashboard.certificate,
        ssl_keyfile=site.dashboard.certificate_key,
        http=ImpatientProtocol,
        ws="websockets-sansio",
        ws_max_size=_MOST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",  # a proxy on this machine says whose requests it brings
        timeout_graceful_shutdown=3,
        log_level="warning",
        use_colors=False,
    )


def rules_of(site: SiteSettings, authority: Authority, port: int) -> Rules:
    """What the guard of a dashboard with these settings lets through."""
    if site.sign_in is None:
        origins = frozenset({f"http://127.0.0.1:{port}", f"http://localhost:{port}"})
        return Rules(origins=origins, script_hashes=_inline_scripts())
    return Rules(
        origins=frozenset({site.dashboard.origin}),
        signs_in=True,
        may_upload=UploadRight(authority),
        cookie_age_s=int(site.sign_in.max_age_hours * 3600),
        script_hashes=_inline_scripts(),
        most_connections=site.dashboard.connections_per_client,
    )


def _inline_scripts() -> tuple[str, ...]:
    """CSP hashes of the scripts that stand in Streamlit's own page."""
    page = Path(streamlit.__file__).parent / "static" / "index.html"
    scripts = re.findall(r"<script>(.*?)</script>", page.read_text(encoding="utf-8"), re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    return tuple(f"'sha256-{digest}'" for digest in digests)


def _apologise(_problem: Exception) -> bool:
    """Shown for a fault of ours, in place of Streamlit's own words; Streamlit has logged it by then."""
    streamlit.error(
        "This page ran into a fault of the program, and what it shows may be incomplete. Reload it; if it stays so, "
        "tell the admin of this dashboard the time: its log says what went wrong.",
        icon=":material/bug_report:",
    )
    return True


@asynccontextmanager
async def _collecting(_app: App) -> AsyncIterator[None]:
    """Get ready for the first visit, then collect garbage now and then.

    Streamlit is told not to after every rerun (`runner.postScriptGC`).
    """

    async def collect() -> None:
        await asyncio.to_thread(warm_up)
        while True:
            await asyncio.sleep(_COLLECT_EVERY_S)
            await asyncio.to_thread(give_back)

    task = asyncio.create_task(collect())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def main() -> None:
    """Serve as the command line and the environment say; a sentence and exit code 2 where that cannot be."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    parser = argparse.ArgumentParser(prog="pages._server")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--lan", action="store_true")
    chosen = parser.parse_args()
    sys.argv[1:] = []  # the page's own arguments
    if sys.platform == "linux":
        die_with_parent(signal.SIGTERM)  # or a killed `ucurve app` would leave a server behind that holds the port
    try:
        authority = load_authority(os.environ)
        site = load_site(os.environ)
        secrets = check_serving(site, authority.site_file, lan=chosen.lan)
    except UcurveError as problem:
        sys.stderr.write(f"{problem}\n")
        raise SystemExit(2) from problem
    with serving_under(authority):
        serve(site, authority, secrets, chosen.port)


if __name__ == "__main__":
    main()
