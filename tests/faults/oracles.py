"""What must hold after every fault."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from runner.access.authority import Authority
from runner.access.served import serving_under
from tests.faults.bench import Bench
from tests.faults.warm import Warm
from tests.pages.conftest import APP, PAGES, shown_text
from tests.runner.run_tables import check_same, tables


class Reference:
    """A sweep that nobody disturbed.

    Args:
        bench: Where it is trained.
    """

    def __init__(self, bench: Bench) -> None:
        bench.set_size(tokens=700)
        process = Warm(bench.sweep(), bench.output(), bench.environment)
        assert process.wait() == 0, process.said()
        self._tables = tables(bench.opened())

    def check(self, bench: Bench) -> None:
        """A sweep that was disturbed has come to the same, bit by bit."""
        check_same(bench.opened(), self._tables)


def go_on(bench: Bench) -> None:
    """Trains what is left, undisturbed."""
    last = Warm(bench.sweep(), bench.output(), bench.environment)
    assert last.wait() == 0, last.said()


def check_sentence(said: str, *parts: str) -> None:
    """What a process said holds these words and no traceback of ours.

    The tables' library is written in Rust and may say that a thread of its own gave up, before our sentence.
    """
    assert "Traceback" not in said, said
    for part in parts:
        assert part in said, said


def check_queue_file(store: Path) -> None:
    """The queue's file is whole."""
    with closing(sqlite3.connect(store / "queue" / "queue.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def read_pages(store: Path, *titles: str) -> str:
    """What these pages say, all of which come up."""
    texts, main = [], sys.modules["__main__"]  # whose place a page takes; processes that start later would run it
    with serving_under(Authority.local()), pytest.MonkeyPatch.context() as patch:
        patch.setenv("UCURVE_STORE", str(store))
        for title in titles or tuple(PAGES):
            app = AppTest.from_file(str(APP), default_timeout=60).run()
            app.switch_page(PAGES[title]).run()
            assert not app.exception, (title, app.exception)
            texts.append(shown_text(app))
            sys.modules["__main__"] = main
    return "\n".join(texts)
