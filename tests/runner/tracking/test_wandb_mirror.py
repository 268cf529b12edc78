"""The mirror without W&B: what it hands over, and that nothing on the other side reaches the training."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.errors import ConfigError
from runner.spec import parse_sweep_spec
from runner.tracking.messages import Begin, End, Message, Values
from runner.tracking.wandb_mirror import WandbMirror, mirrored_config

ROW = {
    "run_id": "abc-s1", "sweep_id": "s", "trial_key": "0123", "name": "lr 1", "tokenizer_id": "t", "max_steps": 7,
    "warmup_steps": None, "config_json": json.dumps({"learning_rate": 1e-3, "max_steps": None, "seed": 1}),
}  # fmt: skip


@dataclass
class Taker:
    """Stands for W&B: keeps what it gets, or does what a test wants."""

    does: Callable[[Message], None] = lambda _message: None
    got: list[Message] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def take(self, message: Message) -> None:
        self.does(message)
        self.got.append(message)

    def drop(self, run_id: str) -> None:
        self.dropped.append(run_id)


def mirror_of(taker: Taker, said: list[str], **options: Any) -> WandbMirror:  # noqa: ANN401
    rows = {run_id: {**ROW, "run_id": run_id} for run_id in ("a", "b")}
    return WandbMirror(taker, rows=rows, attempts={"a": 1, "b": 2}, say=said.append, **options)


def state(run_id: str, step: int = 0) -> Any:  # noqa: ANN401
    return SimpleNamespace(run_id=run_id, step=step, tokens_seen=10 * step, wall_s=2.5)


def step_result(loss: float) -> Any:  # noqa: ANN401
    return SimpleNamespace(train_loss=loss, lr_now=0.1, grad_norm=1.0)


def evaluation(loss: float) -> Any:  # noqa: ANN401
    return SimpleNamespace(eval_loss=loss, eval_bpb=2 * loss)


def without_clock(message: Message) -> Message:
    if not isinstance(message, Values):
        return message
    return Values(message.run_id, message.step, {k: v for k, v in message.values.items() if k != "_timestamp"})


def test_everything_is_handed_over_in_its_order() -> None:
    taker, said = Taker(), list[str]()
    mirror = mirror_of(taker, said)
    mirror.started(state("b"))
    for step, loss in enumerate([3.0, 2.0, math.nan]):
        mirror.evaluated(state("b", step), evaluation(loss))
        mirror.stepped(state("b", step + 1), step, step_result(loss))
    mirror.ended(state("b", 3), "diverged", "non-finite loss at step 2")
    mirror.close()
    begin, *values, end = map(without_clock, taker.got)
    assert isinstance(begin, Begin)
    assert (begin.run_id, begin.name, begin.attempt) == ("b", "lr 1", 2)
    assert values[0] == Values("b", 0, {"eval_loss": 3.0, "eval_bpb": 6.0})
    assert values[3] == Values("b", 1, {"train_loss": 2.0, "lr_now": 0.1, "grad_norm": 1.0, "tokens_seen": 20})
    assert len(values) == 6
    summary = {"status": "diverged", "status_reason": "non-finite loss at step 2", "best_eval_loss": 2.0}
    assert end == End("b", "diverged", summary | {"best_eval_step": 1, "wall_s": 2.5})
    assert said == []


def test_a_broken_pack_fails_every_run_that_is_open() -> None:
    taker, said = Taker(), list[str]()
    mirror = mirror_of(taker, said)
    mirror.started(state("b"))
    mirror.started(state("a"))
    mirror.ended(state("b"), "finished", None)
    mirror.failed("MemoryError: x")
    mirror.close()
    ends = [message for message in taker.got if isinstance(message, End)]
    assert ends[0] == End("b", "finished", {"status": "finished", "wall_s": 2.5})
    assert ends[1:] == [End("a", "failed", {"status": "failed", "status_reason": "MemoryError: x"})]


def test_a_failing_tracker_is_said_once_and_the_other_runs_go_on() -> None:
    def fail(message: Message) -> None:
        if message.run_id == "a":
            raise RuntimeError("no such project")

    taker, said = Taker(fail), list[str]()
    mirror = mirror_of(taker, said)
    for run_id in ("a", "b", "a", "b"):
        mirror.stepped(state(run_id), 0, step_result(1.0))
    mirror.close()
    assert [message.run_id for message in taker.got] == ["b", "b"]
    assert taker.dropped == ["a", "a"]
    assert said == ["W&B: RuntimeError: no such project; training goes on, and the store has everything"]


def test_runs_that_cannot_begin_end_the_copy() -> None:
    def fail(_message: Message) -> None:
        raise ConnectionError("no server\nthere")

    taker, said = Taker(fail), list[str]()
    mirror = mirror_of(taker, said)
    for run_id in ("a", "b", "a", "b"):
        mirror.started(state(run_id))
    mirror.close()
    assert taker.dropped == ["a", "b"]
    assert said == ["W&B: ConnectionError: no server there; training goes on, and the store has everything"]


def test_a_slow_tracker_is_waited_for_as_long_as_it_takes_something() -> None:
    taker, said = Taker(lambda _message: time.sleep(0.02)), list[str]()
    mirror = mirror_of(taker, said, finish_timeout_s=0.1)
    for step in range(20):
        mirror.stepped(state("a", step), step, step_result(1.0))
    mirror.close()
    assert len(taker.got) == 20
    assert said == []


def test_a_hanging_tracker_holds_up_neither_the_steps_nor_the_end() -> None:
    release = threading.Event()
    taker, said = Taker(lambda _message: assert_released(release)), list[str]()
    mirror = mirror_of(taker, said, finish_timeout_s=0.05)
    for step in range(1000):
        mirror.stepped(state("a", step), step, step_result(1.0))
    mirror.close()
    assert taker.got == []
    assert said == [
        "W&B: it had not taken everything when the sweep ended; training goes on, and the store has everything"
    ]
    release.set()


def assert_released(release: threading.Event) -> None:
    assert release.wait(60)


def test_a_full_queue_leaves_values_out_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.tracking.wandb_mirror._MOST_WAITING", 5)
    release = threading.Event()
    taker, said = Taker(lambda _message: assert_released(release)), list[str]()
    mirror = mirror_of(taker, said)
    for step in range(20):
        mirror.stepped(state("a", step), step, step_result(1.0))
    assert said == ["W&B: it is too slow, so that values are left out; training goes on, and the store has everything"]
    release.set()
    mirror.close()
    assert 5 <= len(taker.got) <= 6
    assert len(said) == 1


def test_the_configuration_says_which_run_of_ucurve_it_is() -> None:
    assert mirrored_config(ROW, 2) == {
        "learning_rate": 1e-3, "max_steps": 7, "seed": 1, "tokenizer_id": "t",
        "ucurve": {"run_id": "abc-s1", "sweep_id": "s", "trial_key": "0123", "attempt": 2},
    }  # fmt: skip


SPEC = "model: smollm2-135m\ndataset: skills\naxes: {{learning_rate: [1e-3]}}\nbudget: {{steps: 1}}\ntrack: {}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{wandb: offline}", "track.project: is missing; add project: ..."),
        ("{project: p}", "track.wandb: is missing"),
        ("{wandb: on, project: p}", "track.wandb: must be one of offline, online, got 'on'"),
        ("{wandb: offline, project: ''}", "track.project: must not be empty"),
        ("{wandb: offline, project: p, grp: x}", "unknown key 'grp'; did you mean 'group'? valid are entity, group"),
        ("{wandb: offline, project: p, tags: x}", "track.tags: must be a list"),
        ("{wandb: offline, project: p, api_key: x}", "unknown key 'api_key'"),
        ("wandb", "track: must be a mapping"),
    ],
)
def test_a_mistake_in_the_file_is_said_in_one_sentence_with_its_line(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_sweep_spec(SPEC.format(text))
    assert words in str(error.value)
    assert str(error.value).startswith("sweep.yaml:5: ")
    assert "\n" not in str(error.value)


def test_tracking_is_off_unless_asked_for() -> None:
    assert parse_sweep_spec(SPEC.format("")).track is None
    track = parse_sweep_spec(SPEC.format("{wandb: online, project: p, entity: e, group: g, tags: [a, b]}")).track
    assert track is not None
    assert (track.wandb, track.project, track.entity, track.group, track.tags) == ("online", "p", "e", "g", ("a", "b"))


def test_a_run_that_goes_on_from_a_checkpoint_has_its_whole_curve() -> None:
    taker = Taker()
    mirror = mirror_of(taker, [])
    mirror.logged_before("b", [(0, {"train_loss": 3.0, "tokens_seen": 10}), (1, {"eval_loss": 2.0, "eval_bpb": 1.0})])
    mirror.started(state("b", step=1))
    mirror.stepped(state("b", step=2), 1, step_result(2.5))
    mirror.ended(state("b", step=2), "finished", None)
    mirror.close()
    begin, first, second, third, end = taker.got
    assert isinstance(begin, Begin)
    values = [each for each in (first, second, third) if isinstance(each, Values)]
    assert [(each.step, each.values.get("train_loss")) for each in values] == [(0, 3.0), (1, None), (1, 2.5)]
    assert isinstance(end, End)
    assert (end.summary["best_eval_loss"], end.summary["best_eval_step"]) == (2.0, 1)
