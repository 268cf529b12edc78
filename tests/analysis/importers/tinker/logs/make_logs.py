"""Writes the logs beside it with tinker-cookbook's own training loop, its service replaced by a stand-in.

Training needs a service that is not there; everything that writes files is the real tool's: `supervised.train.main`,
its loggers, its checkpoint manager, its config classes. Run it in a folder with a neutral name:

    cd /srv/sweep && PYTHONPATH=<tinker-cookbook 0.6.1> python make_logs.py
"""

import asyncio
import contextlib
import math
import random
import sys
from pathlib import Path
from types import SimpleNamespace

import chz
import tinker
from tinker_cookbook import checkpoint_utils
from tinker_cookbook.recipes.math_rl.arithmetic_env import ArithmeticDatasetBuilder
from tinker_cookbook.rl import train as rl_train
from tinker_cookbook.supervised import train
from tinker_cookbook.supervised.types import (
    ChatDatasetBuilder,
    ChatDatasetBuilderCommonConfig,
    SupervisedDataset,
)
from tinker_cookbook.utils import ml_log


class Pairs(SupervisedDataset):
    """Batches of made-up sequences."""

    def __init__(self, batch_size, n_sequences, seed):
        self.batch_size, self.n, self.seed, self.order = batch_size, n_sequences, seed, list(range(n_sequences))

    def set_epoch(self, seed=0):
        random.Random(self.seed * 1000 + seed).shuffle(self.order)

    def __len__(self):
        return self.n // self.batch_size

    def get_batch(self, index):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return [datum(i) for i in chosen]


def datum(i):
    tokens = [(7 * i + k) % 50 for k in range(9)]
    return tinker.Datum(
        model_input=tinker.ModelInput.from_ints(tokens[:-1]),
        loss_fn_inputs={
            "target_tokens": tinker.TensorData(data=tokens[1:], dtype="int64", shape=[8]),
            "weights": tinker.TensorData(data=[0.0, 0.0] + [1.0] * 6, dtype="float32", shape=[8]),
        },
    )


@chz.chz
class PairsBuilder(ChatDatasetBuilder):
    """A user's own builder: 48 sequences for training and 8 for the test."""

    n_sequences: int = 48
    shuffle_seed: int = 0

    def __call__(self):
        size = self.common_config.batch_size
        return Pairs(size, self.n_sequences, self.shuffle_seed), Pairs(4, 8, 0)


class Ready:
    def __init__(self, value):
        self.value = value

    def result(self):
        return self.value

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return self.value


class Service:
    """Loss falls with the steps, fastest at a learning rate of 1e-3; far above it diverges."""

    def __init__(self, *, stop_after=None, **_):
        self.stop_after = stop_after

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    async def create_lora_training_client_async(self, **_):
        return Client(self)

    def create_lora_training_client(self, **_):
        return Ready(Client(self))

    def create_training_client_from_state_with_optimizer(self, path, **_):
        client = Client(self)
        client.steps, client.gain = STATES[path]
        return Ready(client)

    def create_rest_client(self):
        raise tinker.TinkerError("no service")


STATES = {}
STOP = [None]


class Client:
    def __init__(self, service):
        self.service, self.steps, self.gain, self.luck = service, 0, 0.0, 1.0

    def loss(self):
        return 3.9 * math.exp(-self.gain) + 0.02 * math.sin(self.steps)

    def forward_backward(self, batch, loss_fn):
        outputs = []
        self.luck = 0.8 + 0.05 * (batch[0].loss_fn_inputs["target_tokens"].data[0] % 9)  # the order of data matters
        for one in batch:
            n = len(one.loss_fn_inputs["weights"].data)
            value = float("nan") if self.gain == -math.inf else -self.loss()
            outputs.append({"logprobs": tinker.TensorData(data=[value] * n, dtype="float32", shape=[n])})
        return Ready(SimpleNamespace(loss_fn_outputs=outputs, metrics={}))

    def optim_step(self, params):
        self.steps += 1
        if STOP[0] is not None and self.steps > STOP[0]:
            raise KeyboardInterrupt
        rate = params.learning_rate
        self.gain = (
            -math.inf if rate > 0.05 else self.gain + 60 * self.luck * rate * math.exp(-((math.log10(rate) + 3) ** 2))
        )
        return Ready(SimpleNamespace(metrics={"optim/grad_norm": 1.0 / (1 + self.steps)}))

    def _save(self, kind, name):
        path = f"tinker://00000000-0000-4000-8000-{len(STATES):012d}/{kind}/{name}"
        STATES[path] = (self.steps, self.gain)
        return Ready(SimpleNamespace(path=path))

    def save_state(self, name, ttl_seconds=None):
        return self._save("weights", name)

    def save_weights_for_sampler(self, name, ttl_seconds=None):
        return self._save("sampler_weights", name)

    async def save_weights_and_get_sampling_client(self):
        return Sampler(self)


class Sampler:
    def __init__(self, client):
        self.value = -client.loss() - 0.1

    async def compute_logprobs(self, sequence):
        return [None] + [self.value] * (sequence.length - 1)


class Tokenizer:
    def decode(self, tokens, **_):
        return "".join(chr(97 + int(t) % 26) for t in ([tokens] if isinstance(tokens, int) else tokens))

    def encode(self, text, **_):
        return [ord(c) - 97 for c in text]


def config(folder, *, rate, batch_size=8, seed=0, rank=32, epochs=1, max_steps=None):
    return train.Config(
        log_path=str(Path.cwd() / folder),
        model_name="Qwen/Qwen3-8B",
        recipe_name="recipe_sl_basic",
        renderer_name="qwen3",
        dataset_builder=PairsBuilder(
            common_config=ChatDatasetBuilderCommonConfig(
                model_name_for_tokenizer="Qwen/Qwen3-8B", renderer_name="qwen3", max_length=64, batch_size=batch_size
            ),
            shuffle_seed=seed,
        ),
        learning_rate=rate,
        lr_schedule="constant",
        num_epochs=epochs,
        lora_rank=rank,
        eval_every=2,
        save_every=5,
        max_steps=max_steps,
    )


def run(settings, stop_after=None):
    STOP[0] = stop_after
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(train.main(settings))


def reinforce(folder):
    """Reinforcement learning: the real config and loggers; the rows are made up, two of them without a step."""
    settings = rl_train.Config(
        log_path=str(Path.cwd() / folder),
        model_name="Qwen/Qwen3-8B",
        recipe_name="math_rl",
        max_tokens=5,
        learning_rate=4e-5,
        dataset_builder=ArithmeticDatasetBuilder(
            batch_size=16,
            group_size=4,
            model_name_for_tokenizer="Qwen/Qwen3-8B",
            renderer_name="qwen3",
            n_batches=4,
            include_fewshot=True,
        ),
    )
    logger = ml_log.setup_logging(settings.log_path, config=settings)
    for batch in range(4):
        logger.log_metrics({"env/all/reward/total": 0.2 * batch, "progress/done_frac": batch / 4}, step=batch)
        if batch % 2:
            logger.log_summary({"tokens/cumulative/trained": 100 * batch})
    checkpoint_utils.save_checkpoint(
        Client(None), "final", settings.log_path, {"batch": 4}, kind="both", store=logger.store
    )
    logger.close()


def main():
    train.tinker.ServiceClient = Service
    train.get_tokenizer = lambda _: Tokenizer()
    train.fetch_model_pricing = lambda _: None
    train.recipe_user_metadata = lambda _: {}
    ml_log.code_state = lambda: "diff --git a/train.py b/train.py\n"
    # The folders say another learning rate than the config: a published case study has such a table.
    run(config("lr_1e-04_rank_32", rate=3e-4))
    run(config("lr_3e-04_rank_32", rate=1e-3))
    run(config("seed_1", rate=3e-4, seed=1))
    run(config("diverged", rate=0.1))
    run(config("killed", rate=3e-4, batch_size=4), stop_after=7)
    run(config("resumed", rate=3e-4, batch_size=4, seed=2), stop_after=8)
    run(config("resumed", rate=3e-4, batch_size=4, seed=2))
    run(config("capped", rate=3e-4, batch_size=4, max_steps=3))
    reinforce("rl")
    for folder in Path.cwd().glob("*/"):
        for name in ("logs.log", "timing_spans.jsonl"):
            (folder / name).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.argv = ["train.py"]
    main()
