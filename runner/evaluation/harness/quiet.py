"""The harness, the Hub's libraries and their progress bars, kept from writing where others write and from waiting."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from unittest import mock

import datasets
import huggingface_hub.constants
import tqdm


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """No bars, no messages below errors, nothing on standard output, and no processes for bootstrapping."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    real = tqdm.tqdm.__init__

    def without_bar(bar: object, *args: object, **settings: object) -> None:
        real(bar, *args, **{**settings, "disable": True})

    try:
        with (
            contextlib.redirect_stdout(sys.stderr),
            mock.patch.object(tqdm.tqdm, "__init__", without_bar),
            mock.patch.dict(os.environ, {"DISABLE_MULTIPROC": "1"}),  # forks while threads run
        ):
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def offline(*, download: bool) -> Iterator[None]:
    """Data sets come from this machine only, unless `download`: the Hub's libraries try for minutes without a network.

    Their switch is read when they are imported, which other parts have done before.
    """
    with contextlib.ExitStack() as stack:
        if not download:
            stack.enter_context(mock.patch.object(huggingface_hub.constants, "HF_HUB_OFFLINE", True))
            stack.enter_context(mock.patch.object(datasets.config, "HF_HUB_OFFLINE", True))
        yield
