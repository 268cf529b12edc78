"""Benchmarks by name: the bundled ones, short names for several of them, and users' files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from analysis.strict_yaml.explain import nearest
from runner.data.skills import SKILLS
from runner.errors import ConfigError
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.catalogue import docstrings, skills
from runner.evaluation.catalogue.own import SUFFIX, read_own_benchmark


class Bundled(NamedTuple):
    """A benchmark that comes with Ucurve."""

    name: str
    title: str
    """What it measures, in a few words."""
    load: Callable[[], Benchmark]


_BUNDLED: Final[Mapping[str, Bundled]] = {
    one.name: one
    for one in (
        *(
            Bundled(f"skills-{name}", f"{name}: choice among four", partial(skills.skill_choice, name))
            for name in SKILLS
        ),
        *(
            Bundled(f"skills-{name}-gen", f"{name}: written answers, checked", partial(skills.skill_generation, name))
            for name in SKILLS
        ),
        Bundled("docstrings-bpb", "docstrings of Python functions: bits per byte", docstrings.docstrings_bits),
        Bundled("docstrings-choice", "which of four docstrings a function has", docstrings.docstrings_choice),
    )
}
ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "skills": tuple(f"skills-{name}" for name in SKILLS),
    "skills-gen": tuple(f"skills-{name}-gen" for name in SKILLS),
    "stdlib-docstrings": ("docstrings-bpb", "docstrings-choice"),
}


def list_benchmarks() -> tuple[Bundled, ...]:
    """Returns the bundled benchmarks; none is made before its `load` is called."""
    return tuple(_BUNDLED.values())


def expand_names(names: Iterable[str]) -> tuple[str, ...]:
    """Returns bundled names and paths of files, each once, in the order given; short names are replaced.

    Raises:
        ConfigError: a name is unknown.
    """
    return tuple(dict.fromkeys(one for name in names for one in _expand(name)))


def load_benchmarks(names: Sequence[str], folder: Path = Path()) -> tuple[Benchmark, ...]:
    """Returns the benchmarks of these names.

    Args:
        names: Bundled names, short names for several, and paths of users' .jsonl files.
        folder: Where relative paths begin.

    Raises:
        ConfigError: an unknown name, a bad file, or two benchmarks of one name.
    """
    found = [_load(name, folder) for name in expand_names(names)]
    by_name: dict[str, Benchmark] = {}
    for benchmark in found:
        other = by_name.setdefault(benchmark.name, benchmark)
        if other is not benchmark:
            raise ConfigError(f"two benchmarks are named {benchmark.name!r}; rename one of the files")
    return tuple(found)


def _expand(name: str) -> Iterator[str]:
    if name in ALIASES:
        yield from ALIASES[name]
    elif name in _BUNDLED or name.lower().endswith(SUFFIX):
        yield name
    else:
        hint = nearest(name, (*_BUNDLED, *ALIASES))
        raise ConfigError(f"unknown benchmark {name[:80]!r}; {hint}, and paths of {SUFFIX} files")


def _load(name: str, folder: Path) -> Benchmark:
    if name in _BUNDLED:
        return _BUNDLED[name].load()
    benchmark = read_own_benchmark(folder / Path(name).expanduser())
    if benchmark.name in (*_BUNDLED, *ALIASES):
        raise ConfigError(f"{name}: {benchmark.name!r} is the name of a bundled benchmark; rename the file")
    return benchmark
