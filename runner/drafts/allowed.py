"""What may be trained with from a browser, where a site file says so: no path that somebody types is used unchecked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from runner.access.authority import NotAllowed
from runner.access.site import SiteSettings
from runner.access.site_sections import CatalogueSettings
from runner.queue.order import count_runs
from runner.spec.dataset import BUILT_IN, DatasetSection
from runner.spec.schema import SweepSpec
from runner.spec.tracking import TrackSection

BUNDLED_MODELS: Final = ("smollm2-135m",)
"""As in runner.training.bundled, which needs torch."""


def check_allowed(spec: SweepSpec, site: SiteSettings) -> None:
    """Returns when a sweep may be started from a browser.

    Without sign-in the dashboard's owner is the one who asks, and may train with anything; else only with what comes
    along and what the site file lists. Limits always hold.

    Raises:
        NotAllowed: one sentence with what may be chosen.
    """
    check_size(spec, site)
    if site.sign_in is None:
        return
    catalogue = site.catalogue
    models = allowed_models(catalogue)
    if spec.model.id not in models:
        raise NotAllowed(f"the model {spec.model.id!r} is not offered here; choose one of {', '.join(models)}")
    _check_dataset(spec.dataset, catalogue)
    _check_tracking(spec.track, catalogue.wandb_projects)
    for name in spec.evaluate.benchmarks if spec.evaluate else ():
        if name.lower().endswith(".jsonl"):
            _check_path(Path(name), catalogue.data_folders)


def check_size(spec: SweepSpec, site: SiteSettings) -> None:
    """Returns when a sweep is not larger than the site file allows, whoever starts it.

    Raises:
        NotAllowed: one sentence with both numbers.
    """
    n_runs, most = count_runs(spec), site.limits.most_runs
    if most is not None and n_runs > most:
        raise NotAllowed(
            f"{spec.name!r} has {n_runs:,} runs, and limits.most_runs of the site file allows {most:,}; shorten an axis"
        )


def allowed_models(catalogue: CatalogueSettings) -> tuple[str, ...]:
    """Returns the models that a browser may name where people sign in."""
    return tuple(dict.fromkeys((*BUNDLED_MODELS, *catalogue.models)))


def allowed_datasets(catalogue: CatalogueSettings) -> tuple[str, ...]:
    """Returns the data sets that a browser may name where people sign in, files in folders aside."""
    return tuple(dict.fromkeys((*BUILT_IN, *catalogue.datasets)))


def _check_dataset(dataset: DatasetSection, catalogue: CatalogueSettings) -> None:
    known = allowed_datasets(catalogue)
    named = f"hub:{dataset.hub}" if dataset.hub else dataset.builtin
    if named is not None and named not in known and named.removeprefix("hub:") not in known:
        raise NotAllowed(f"the data set {named!r} is not offered here; choose one of {', '.join(known)}")
    for path in (dataset.path, dataset.held_out):
        if isinstance(path, Path) and str(path) not in known:
            _check_path(path, catalogue.data_folders)


def _check_tracking(track: TrackSection | None, projects: Sequence[str]) -> None:
    """Online runs are written with the worker's key, which reaches more than whoever asks."""
    if track is None or track.wandb == "offline":
        return
    named = track.project if track.entity is None else f"{track.entity}/{track.project}"
    if named not in projects:
        known = ", ".join(projects) or "none"
        raise NotAllowed(f"the W&B project {named!r} is not offered here ({known}); leave track out, or log offline")


def _check_path(path: Path, folders: Sequence[Path]) -> None:
    """The real path, links followed, lies below one of the folders."""
    try:
        real = path.resolve()
    except (OSError, RuntimeError, ValueError):
        real = None
    if real is None or not any(real.is_relative_to(folder.resolve()) for folder in folders):
        known = ", ".join(map(str, folders)) or "none"
        raise NotAllowed(f"the file {path.name!r} does not lie in a folder that is offered here ({known})")
