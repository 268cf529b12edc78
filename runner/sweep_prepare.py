"""A sweep before anything is trained: its model, its data and its plan."""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.store import RunRow
from runner.data.dataset import Dataset
from runner.data.load import load_dataset
from runner.evaluation.after_sweep import sweep_benchmarks
from runner.evaluation.benchmark import Benchmark
from runner.run_rows import planned_row
from runner.spec import SweepSpec
from runner.spec.plan import Plan, SequenceStats, TrialPlan, make_plan
from runner.spec.trial import Trial
from runner.training.base_model import ModelFolder, find_model, load_tokenizer
from runner.training.memory import PackLimits
from runner.training.tokenized import LossOn, TokenizedData, tokenize_dataset

COMPLETE = frozenset({"finished", "diverged"})
"""Statuses that a rerun leaves alone: the run came to the end that its configuration gives it."""


@dataclass(frozen=True)
class PreparedSweep:
    """A sweep whose model, data and plan are known, before anything is trained."""

    spec: SweepSpec
    folder: ModelFolder
    dataset: Dataset
    plan: Plan
    tokenized: Mapping[tuple[int, LossOn, int], TokenizedData]
    benchmarks: tuple[Benchmark, ...] = ()

    def data_of(self, plan: TrialPlan) -> TokenizedData:
        """The tokenised data of one trial."""
        return self.tokenized[_data_key(plan.trial)]

    def planned_rows(self) -> dict[str, RunRow]:
        """The row of every run before it starts, by run id."""
        facts = {"model_hidden_size": self.folder.hidden_size, "model_type": self.folder.model_type}
        return {
            p.trial.run_id: planned_row(
                p,
                sweep_id=self.spec.name,
                dataset=self.dataset,
                stats=self.data_of(p).stats(),
                tokenizer_id=self.folder.tokenizer_id,
                model_config=facts,
            )
            for p in self.plan.trials
        }

    @property
    def limits(self) -> PackLimits:
        """What the sweep file says of the pack."""
        return PackLimits(n_slots=self.spec.pack, micro_batch_tokens=self.spec.micro_batch_tokens)


def prepare_sweep(spec: SweepSpec) -> PreparedSweep:
    """Finds the model, reads and tokenises the data, and plans every trial.

    Raises:
        UcurveError: The model, the data or the specification does not work, in one sentence.
    """
    folder = find_model(spec.model.id, spec.model.revision)
    dataset = load_dataset(spec.dataset)
    tokenizer = load_tokenizer(folder)
    trials = spec.trials(dataset, folder.facts)
    keys = dict.fromkeys(_data_key(trial) for trial in trials)
    tokenized = {
        key: tokenize_dataset(dataset, tokenizer, max_length=key[0], loss_on=key[1], n_evaluated=key[2]) for key in keys
    }
    stats: dict[tuple[int, LossOn, int], SequenceStats] = {key: data.stats() for key, data in tokenized.items()}
    plan = make_plan(spec.name, trials, lambda trial: stats[_data_key(trial)])
    return PreparedSweep(spec, folder, dataset, plan, tokenized, sweep_benchmarks(spec))


def _data_key(trial: Trial) -> tuple[int, LossOn, int]:
    return trial.max_length, trial.loss_on, trial.evaluate_max_examples
