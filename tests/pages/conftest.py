"""Opens pages as a reader would, on stores in every state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from runner.access.authority import Authority
from runner.access.served import serving_under
from tests.pages.stores import STATES, write_store

APP = Path(__file__).parents[2] / "app.py"
PAGES = {
    "Overview": "pages/overview.py",
    "Learning rate": "pages/learning_rate.py",
    "Batch scaling": "pages/batch_scaling.py",
    "Best configuration": "pages/best_configuration.py",
    "What matters": "pages/what_matters.py",
    "Benchmarks": "pages/benchmarks.py",
    "Runs": "pages/runs.py",
    "Data health": "pages/data_health.py",
    "Import": "pages/import_runs.py",
    "Report": "pages/report.py",
    "Compare runs": "pages/compare_runs.py",
    "Launch": "pages/launch.py",
    "Queue": "pages/queue.py",
    "Audit": "pages/audit.py",
}
OpenPage = Callable[..., AppTest]


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder per state; `missing` does not exist."""
    root = tmp_path_factory.mktemp("stores")
    made = {name: write_store(root / name, make_runs()) for name, make_runs in STATES.items()}
    return {**made, "missing": root / "missing"}


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def _started_by_its_owner() -> Iterator[None]:
    """As `ucurve app` starts it on one machine: whoever looks may do everything."""
    with serving_under(Authority.local()):
        yield


@pytest.fixture
def open_page(stores: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """Opens `open_page("mixed", "Runs", sweep="demo-a")`: a state, a page's title, and what the link says."""

    def run(state: str, title: str, **query: str | list[str]) -> AppTest:
        monkeypatch.setenv("UCURVE_STORE", str(stores[state]))
        app = AppTest.from_file(str(APP), default_timeout=60)
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        app.switch_page(PAGES[title])
        for key, value in query.items():
            app.query_params[key] = value
        return app.run()

    return run


def shown_text(app: AppTest) -> str:
    """Everything that the page says in words."""
    kinds = (
        "title",
        "header",
        "subheader",
        "markdown",
        "caption",
        "text",
        "info",
        "warning",
        "error",
        "code",
        "metric",
    )
    elements = [element for kind in kinds for element in getattr(app, kind)]
    labels = [metric.label for metric in app.metric] + [metric.delta for metric in app.metric]
    labels += [progress.text for progress in app.progress]
    return "\n".join(str(value) for value in [*(element.value for element in elements), *labels])
