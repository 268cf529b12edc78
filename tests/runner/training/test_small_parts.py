"""Schedule, tokens, data order, the loss at the vocabulary, and the memory estimate."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from runner.data.dataset import Dataset
from runner.data.examples import Example, chat_example
from runner.errors import ConfigError, EnvironmentProblem
from runner.training.adapters import Adapter, AdapterShape
from runner.training.head_loss import CHUNK_TOKENS, head_loss
from runner.training.layout import IGNORED, Row, Segment, lay_out
from runner.training.memory import Demand, PackSize, activation_bytes_per_token, plan_pack
from runner.training.packed_model import PackedModel
from runner.training.schedule import Schedule, ScheduleKind
from runner.training.tokenized import data_order, tokenize, tokenize_dataset
from tests.runner.training.conftest import make_llama
from tests.tiny_model import make_tokenizer


@given(
    kind=st.sampled_from(["constant", "linear", "cosine"]),
    n_steps=st.integers(1, 60),
    warmup=st.integers(0, 60),
)
def test_schedule_rises_to_its_peak_and_never_above(kind: ScheduleKind, n_steps: int, warmup: int) -> None:
    schedule = Schedule(kind, 0.5, min(warmup, n_steps), n_steps)
    rates = [schedule.at(step) for step in range(n_steps)]
    n_warmup = schedule.n_warmup_steps
    assert rates[:n_warmup] == pytest.approx([0.5 * (i + 1) / n_warmup for i in range(n_warmup)])
    assert max(rates) == pytest.approx(0.5)
    assert all(rate > 0 for rate in rates)
    assert rates[n_warmup:] == sorted(rates[n_warmup:], reverse=True)


def test_cosine_and_linear_meet_at_half_height() -> None:
    assert Schedule("linear", 1.0, 0, 10).at(5) == pytest.approx(0.5)
    assert Schedule("cosine", 1.0, 0, 10).at(5) == pytest.approx(0.5)
    assert Schedule("cosine", 1.0, 0, 10).at(2) > Schedule("linear", 1.0, 0, 10).at(2)


def test_only_the_response_is_scored() -> None:
    tokenizer = make_tokenizer()
    example = tokenize(chat_example("hi", "yö"), tokenizer, max_length=100, loss_on="response")
    scored = [label for label in example.labels if label != IGNORED]
    assert tokenizer.decode(scored) == "yö<|im_end|>\n"
    assert (example.n_scored, example.n_bytes) == (len(scored), len("yö".encode()))
    first = next(t for t, label in enumerate(example.labels) if label != IGNORED)
    assert example.token_ids[first + 1] == example.labels[first]
    whole = tokenize(chat_example("hi", "yö"), tokenizer, max_length=100, loss_on="all")
    assert whole.n_scored == len(whole.token_ids) - 1


def test_cutting_leaves_what_fits_and_drops_what_has_no_response_left() -> None:
    tokenizer = make_tokenizer()
    long = chat_example("a question " * 20, "an answer")
    short = chat_example("hi", "an answer")
    assert tokenize(long, tokenizer, max_length=50, loss_on="response").n_scored == 0
    data = tokenize_dataset(
        Dataset("d", (long, short), (short,)), tokenizer, max_length=50, loss_on="response", n_evaluated=5
    )
    assert (len(data.train), len(data.held_out), data.n_dropped) == (1, 1, 1)
    with pytest.raises(ConfigError, match="no training example has a token with a loss"):
        tokenize_dataset(Dataset("d", (long,), (short,)), tokenizer, max_length=50, loss_on="response", n_evaluated=5)


def test_chat_data_needs_a_chat_template() -> None:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = None
    chat = Dataset("d", (chat_example("a", "b"),), (chat_example("c", "d"),))
    with pytest.raises(ConfigError, match="no chat template"):
        tokenize_dataset(chat, tokenizer, max_length=50, loss_on="response", n_evaluated=5)
    text = tokenize(Example((), "plain text"), tokenizer, max_length=50, loss_on="response")
    assert text.token_ids[-1] == tokenizer.eos_token_id
    assert text.n_scored == len(text.token_ids) - 1


def test_every_pass_shows_every_example_once_in_another_order() -> None:
    order = list(itertools.islice(data_order(50, seed=4), 100))
    assert sorted(order[:50]) == sorted(order[50:]) == list(range(50))
    assert order[:50] != order[50:]
    assert order == list(itertools.islice(data_order(50, seed=4), 100))
    assert order[:50] != list(itertools.islice(data_order(50, seed=5), 50))


def test_head_loss_and_its_gradient_are_cross_entropys() -> None:
    torch.manual_seed(0)
    n = CHUNK_TOKENS + 40
    hidden = torch.randn(n + 7, 16, requires_grad=True)
    weight, targets = torch.randn(50, 16), torch.randint(0, 50, (n + 7,))
    nll = torch.nn.functional.cross_entropy(hidden @ weight.T, targets, reduction="none")
    (2.0 * nll[:n].sum() + 0.5 * nll[n:].sum()).backward()  # type: ignore[no-untyped-call]
    ours = head_loss(hidden.detach(), weight, targets, [Segment(0, 0, n), Segment(3, n, n + 7)], [2.0, 0.5])
    assert ours.nll_sums == pytest.approx([nll[:n].sum().item(), nll[n:].sum().item()], rel=1e-6)
    assert ours.grad_hidden_SI is not None
    assert torch.allclose(ours.grad_hidden_SI, hidden.grad, rtol=1e-5, atol=1e-5)  # type: ignore[arg-type]


def pack(free_gib: float, *, n_trials: int = 40, micro: int | None = None, n_slots: int | None = None) -> PackSize:
    demand = Demand(n_trials=n_trials, adapter_parameters=2_400_000, step_tokens=320, longest_row=150)
    config = make_llama().config
    config.update({"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "vocab_size": 49152,
                   "num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 64})  # fmt: skip
    return plan_pack(
        config,
        270_000_000,
        demand,
        dtype=torch.bfloat16,
        device=torch.device("cpu"),
        free_bytes=int(free_gib * 2**30),
        n_slots=n_slots,
        micro_batch_tokens=micro,
    )


def test_the_pack_fills_a_micro_batch_and_no_more() -> None:
    size = pack(20)
    assert size.micro_batch_tokens == 4096
    assert size.n_slots == 13  # 13 x 320 tokens are the first to fill 4096
    assert pack(20, n_trials=3).n_slots == 3
    assert pack(20, n_slots=7).n_slots == 7


@given(st.floats(0.8, 20))
def test_the_pack_fits_into_the_memory(free_gib: float) -> None:
    try:
        size = pack(free_gib)
    except EnvironmentProblem:
        assert free_gib < 1.2
        return
    assert size.n_slots * size.adapter_bytes + size.activation_bytes <= free_gib * 2**30
    assert 150 <= size.micro_batch_tokens <= 4096


def test_the_activation_estimate_is_an_upper_bound_and_no_wild_one() -> None:
    """Against what autograd really saves for one micro-batch of the tiny model."""
    model = make_llama()
    config = model.config
    packed = PackedModel(model)
    rows = [Row(slot, list(range(1, 40)), list(range(2, 41))) for slot in range(4)]
    micro = lay_out(rows, unshared_slots=range(4))
    shape = AdapterShape(rank=4, alpha=8, target_modules=("q_proj", "down_proj"))
    adapters = {slot: Adapter(shape, packed.module_sizes, seed=slot) for slot in range(4)}
    frozen = {p.untyped_storage().data_ptr() for p in model.parameters()}
    frozen |= {a.parameter.untyped_storage().data_ptr() for a in adapters.values()}
    saved: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in frozen:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        packed.loss(micro, adapters, token_weights=dict.fromkeys(adapters, 1.0))
    n_cells = micro.padded_index_NL.numel()
    estimate = n_cells * activation_bytes_per_token(config, torch.float32, micro.padded_index_NL.shape[1])
    assert sum(saved.values()) <= estimate <= 2 * sum(saved.values())


def test_no_room_for_one_trial_says_how_much_is_needed() -> None:
    with pytest.raises(EnvironmentProblem, match=r"one trial needs about \d\.\d GiB"):
        pack(0.15)
