"""The sign-in of our server: Streamlit's own, told its secrets in memory and kept from writing more than it needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.responses import Response
from streamlit.web.server.starlette import starlette_auth_routes, starlette_websocket
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from runner.access.authority import Authority, NotAllowed
from runner.access.claims import needed_claims, person_from_claims
from runner.access.person import Role
from runner.access.secrets_file import SignInSecrets
from runner.access.site import SiteSettings, read_site
from runner.serving.checks import callback_address
from runner.serving.rules import Cookies


def sign_in_secrets(site: SiteSettings, secrets: SignInSecrets) -> dict[str, Any]:
    """What `st.login` looks up in `st.secrets`; it is written into no file."""
    if site.sign_in is None:
        raise ValueError("these settings have no sign-in")
    return {
        "auth": {
            "redirect_uri": callback_address(site),
            "cookie_secret": secrets.cookie_secret,
            "client_id": site.sign_in.client_id,
            "client_secret": secrets.client_secret,
            "server_metadata_url": site.sign_in.provider,
        }
    }


def keep_cookies_small(site_file: Path) -> None:
    """Let Streamlit's cookies carry the claims that rights depend on as the site file says then, and no tokens.

    They are signed but readable, and somebody in ten thousand groups could not send them: a server takes 64 kB.
    """
    keep = starlette_auth_routes._set_auth_cookie
    marks = ("origin", "is_logged_in", "provider")

    async def keep_less(response: Response, user_info: Mapping[str, object], tokens: Mapping[str, object]) -> None:  # noqa: ARG001
        site = read_site(site_file)
        marked = {key: user_info[key] for key in marks if key in user_info}
        await keep(response, {**needed_claims(user_info, site), **marked}, {})

    starlette_auth_routes._set_auth_cookie = keep_less


class UploadRight:
    """Whether somebody may send files: those who may import them.

    Args:
        authority: The rules of this dashboard.
    """

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def __call__(self, cookies: Cookies) -> bool:
        """Whether the browser with these cookies is one of theirs."""
        try:
            site = self._authority.settings()
            if site.sign_in is None:
                return True
            signed = starlette_websocket._get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE_NAME)
            claims = json.loads(signed or b"{}")
            self._authority.check(person_from_claims(claims, site), Role.LAUNCHER)
        except (NotAllowed, ValueError):
            return False
        return True
