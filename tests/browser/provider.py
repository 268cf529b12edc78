"""A sign-in provider on this machine, `python -m tests.browser.provider USERS.json`: whoever asks is who they say."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path


def main() -> None:
    """Serve until a signal comes; the first line on stdout is the port."""
    warnings.simplefilter("ignore")  # the library's own: it uses a module that Authlib retires
    from oidc_provider_mock import User, app
    from werkzeug.serving import make_server

    claims = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    users = [User(sub=each["sub"], claims={key: each[key] for key in each if key != "sub"}) for each in claims]
    server = make_server("localhost", 0, app(user_claims=users), threaded=True)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
