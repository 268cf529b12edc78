"""What the packed trainer does when memory runs out, when it is stopped, and with dropout."""

import pytest
import torch

from runner.errors import EnvironmentProblem
from runner.training.packed_model import PackedModel
from runner.training.tokenized import TokenizedData
from runner.training.trainer import Guidance, PackedTrainer
from tests.runner.training.conftest import make_llama, make_plan
from tests.runner.training.test_equivalence import Recorder, train_packed, with_prefix

PLANS = (make_plan(4, learning_rate=3e-3), make_plan(4, learning_rate=1e-2, seed=1, batch_size=5, lora_dropout=0.2))


class SmallMemory(PackedModel):
    """A model that runs out of memory above a number of tokens, part of the way into its backward pass."""

    most_tokens = 10**9

    def loss(self, micro, adapters, *, token_weights=None, worker=0):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        result = super().loss(micro, adapters, token_weights=token_weights, worker=worker)
        if len(micro.token_ids_T) > self.most_tokens:
            raise torch.OutOfMemoryError("CUDA out of memory (made by a test)")
        return result


def train(data: TokenizedData, most_tokens: int) -> Recorder:
    recorder = Recorder()
    model = SmallMemory(make_llama())
    model.most_tokens = most_tokens
    trainer = PackedTrainer(model, lambda _plan: data, recorder, n_slots=2, micro_batch_tokens=4096)
    trainer.run(PLANS)
    return recorder


def test_out_of_memory_halves_the_micro_batch_and_keeps_the_batch(tiny_data: TokenizedData) -> None:
    """Gradients and dropout masks of the failed attempt leave no trace: the losses are those of a run with memory."""
    plenty, little = train(tiny_data, 10**9), train(tiny_data, 64)
    assert plenty.halved == []
    assert [n for _, n in little.halved] == [2048, 1024, 512, 256, 128, 64]
    run_id = PLANS[0].trial.run_id
    assert [s.train_loss for s in little.steps[run_id]] == pytest.approx(
        [s.train_loss for s in plenty.steps[run_id]], rel=1e-5
    )
    assert all(end == ("finished", None) for end in little.ends.values())


def test_one_sequence_that_does_not_fit_is_said_plainly(tiny_data: TokenizedData) -> None:
    with pytest.raises(EnvironmentProblem, match=r"one sequence; lower training\.max_length"):
        train(tiny_data, 3)


def test_another_runtime_error_is_not_taken_for_memory(tiny_data: TokenizedData) -> None:
    model = PackedModel(make_llama())
    trainer = PackedTrainer(model, lambda _plan: tiny_data, Recorder(), n_slots=2, micro_batch_tokens=4096)
    model.output_weight = model.output_weight[:, :5]
    with pytest.raises(RuntimeError, match="shapes"):
        trainer.run(PLANS)


def test_dropout_depends_on_the_trial_alone(tiny_data: TokenizedData) -> None:
    data = with_prefix(tiny_data, (5, 17, 3))
    together, alone = (train_packed(plans, data, n_slots=2, micro=4096) for plans in (PLANS, PLANS[1:]))
    run_id = PLANS[1].trial.run_id
    assert [s.train_loss for s in together.steps[run_id]] == pytest.approx(
        [s.train_loss for s in alone.steps[run_id]], rel=1e-5
    )
    without = train_packed([make_plan(4, learning_rate=1e-2, seed=1, batch_size=5)], data, n_slots=1)
    (steps,) = without.steps.values()
    assert steps[1].train_loss != pytest.approx(alone.steps[run_id][1].train_loss, rel=1e-4)


def test_stopping_ends_between_two_steps(tiny_data: TokenizedData) -> None:
    recorder = Recorder()
    trainer = PackedTrainer(
        PackedModel(make_llama()), lambda _plan: tiny_data, recorder, n_slots=1, micro_batch_tokens=64
    )
    trainer.run(PLANS, Guidance(should_stop=lambda: sum(map(len, recorder.steps.values())) >= 6))
    assert recorder.ends[PLANS[0].trial.run_id] == ("finished", None)
    assert recorder.ends[PLANS[1].trial.run_id] == ("stopped", "stopped by the user")
    assert len(recorder.steps[PLANS[1].trial.run_id]) == 2
