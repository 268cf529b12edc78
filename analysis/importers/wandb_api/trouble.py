"""What the client's errors mean, in a sentence for people; the client's own often name the wrong culprit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from analysis.errors import UcurveError
from analysis.importers.wandb_api.patience import OutOfPatience

_UNAUTHORIZED: Final = 401
_LONGEST: Final = 200
_SILENT: Final = "did not respond in time"
_GIVEN_UP: Final = re.compile(r"giving up after .*HTTP (\d{3})", re.DOTALL)
_NO_PROCESS: Final = ("service process is not running", "Failed to start")
_NOBODY: Final = ("connection refused", "no such host", "no route to host", "network is unreachable", "certificate")


class ServerTrouble(UcurveError):
    """A server that cannot be read now.

    Attributes:
        lasting: Whether the next request would end in the same way.
    """

    def __init__(self, text: str, *, lasting: bool = True) -> None:
        super().__init__(text)
        self.lasting = lasting


class WrongKey(ServerTrouble):
    """The server knows no account for the API key."""


class NoProject(Exception):
    """The server has no such project, or hides it."""


class Deleted(Exception):
    """The run is gone from the server."""


def explain(error: BaseException, server: str, timeout_s: float) -> ServerTrouble:
    """The trouble behind an error of the client; the API key is in none of its texts."""
    status = next((status for link in _chain(error) if (status := _status(link)) is not None), None)
    text = " ".join(str(error).split())
    if status == _UNAUTHORIZED:
        return WrongKey(
            f"{server} does not accept the API key; set WANDB_API_KEY to a key of that server, or run `wandb login`"
        )
    if isinstance(error, OutOfPatience) or _SILENT in text or (status is None and "timeout" in text.lower()):
        return ServerTrouble(f"{server} did not answer within {timeout_s:g} s; check the address, or try again later")
    known = None if status is None else _BY_STATUS.get(status, f"answers with HTTP {status}" if status >= 500 else None)
    if known is not None:
        return ServerTrouble(f"{server} {known}; import again later", lasting=status != 404)
    if any(words in text for words in _NO_PROCESS):
        return ServerTrouble("wandb's helper process wandb-core does not run; check the installation of wandb")
    nobody = next((words for words in _NOBODY if words in text), None)
    if nobody is not None:
        return ServerTrouble(f"{server} cannot be reached ({nobody}); check the address and the network")
    return ServerTrouble(
        f"{server} gave an answer that wandb's client does not understand: {_shorten(text)}", lasting=False
    )


_BY_STATUS: Final = {
    403: "does not let the API key's account read this",
    404: "does not have this",
    429: "asks for fewer requests (HTTP 429), for longer than an import waits",
}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it was made of."""
    while error is not None:
        yield error
        inner = getattr(error, "exc", None)
        error = inner if isinstance(inner, BaseException) else error.__cause__


def _status(error: BaseException) -> int | None:
    """HTTP status behind an error of wandb-core, which has it as a field, or only in its text."""
    status = getattr(getattr(error, "response", None), "http_status", 0)
    given_up = _GIVEN_UP.search(str(error))
    return int(status) if status else (int(given_up[1]) if given_up else None)


def _shorten(text: str) -> str:
    cleaned = json.dumps(text, ensure_ascii=False)[1:-1]
    return cleaned if len(cleaned) <= _LONGEST else cleaned[:_LONGEST] + " ..."
