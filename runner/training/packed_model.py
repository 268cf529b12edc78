"""A frozen base model that many adapters share: one forward pass, every trial's rows in it."""

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel

from runner.errors import ModelError
from runner.training.adapters import PackedAdapter
from runner.training.head_loss import HeadLoss, head_loss
from runner.training.layout import MicroBatch, Row, Segment, lay_out
from runner.training.packed_ops import CausalAttention, PackedGatedMlp, PackedLinear, Part, RmsNorm, Weight

ATTENTION = "ucurve_packed"
STREAM_DTYPE = torch.float32
"""Type of the residual stream whatever the compute type: additions to it are where bfloat16 loses most."""
PROBE_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.1}
"""Largest accepted difference of the mean loss (nats per token) between our forward pass and the model's own."""


class Attention(Protocol):
    """How the tokens of a stream see each other; H is a multiple of G (grouped queries share a key/value head)."""

    def __call__(
        self, query_THD: Tensor, key_TGD: Tensor, value_TGD: Tensor, *, layer: int, scale: float, window: int | None
    ) -> Tensor:
        """The mixed values `(T, H, D)` of decoder layer `layer`.

        Args:
            query_THD: Queries with their rotary positions, in the compute type.
            key_TGD: Keys, likewise.
            value_TGD: Values.
            layer: Index of the decoder layer.
            scale: Factor on the scores.
            window: A token sees at most this many tokens back, itself included; None for no limit.
        """
        ...


class Stream(NamedTuple):
    """Tokens of one forward pass, without padding; those of one slot stand next to each other."""

    token_ids_T: Tensor
    position_ids_T: Tensor
    segments: tuple[Segment, ...]
    """Tokens of each slot, in order, covering 0..T."""
    attention: Attention


class Pack(threading.local):
    """What the patched modules of one model need to know about the forward pass under way: one per thread."""

    def __init__(self, compute_dtype: torch.dtype) -> None:
        self.compute_dtype = compute_dtype
        self.stream: Stream | None = None
        self.adapters: Mapping[int, PackedAdapter] = {}
        self.training = False
        self.worker = 0

    def parts(self, module_name: str, n_in: int) -> list[Part]:
        """The low-rank pairs that act in module `module_name`, in the order of the tokens."""
        if self.stream is None:
            return []
        parts = []
        for slot, start, stop in self.stream.segments:
            adapter = self.adapters.get(slot)
            pair = adapter.pairs_of(self.worker).get(module_name) if adapter else None
            if adapter is not None and pair is not None:
                keep = adapter.dropout_mask(stop - start, n_in) if self.training else None
                parts.append(Part(start, stop, pair, adapter.scale, keep))
        return parts


class PackedLinearModule(nn.Module):
    """Stands where a linear module of the base model stood, and shares its weight."""

    def __init__(self, linear: nn.Linear, name: str, pack: Pack) -> None:
        super().__init__()
        self.weight, self.bias, self.name, self.pack = linear.weight, linear.bias, name, pack

    def as_weight(self) -> Weight:
        """The frozen weight with the adapters that act in this micro-batch."""
        return Weight(self.weight, self.bias, self.pack.parts(self.name, self.weight.shape[1]))

    def forward(self, x: Tensor) -> Tensor:
        """The adapted output, in the compute type."""
        x_TI = x.reshape(-1, x.shape[-1]).to(self.weight.dtype)
        return PackedLinear.apply(x_TI, self.as_weight()).view(*x.shape[:-1], -1)  # type: ignore[no-untyped-call, no-any-return]


class PackedMlpModule(nn.Module):
    """Stands where a gated MLP with SiLU stood."""

    def __init__(self, gate: PackedLinearModule, up: PackedLinearModule, down: PackedLinearModule) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = gate, up, down

    def forward(self, x: Tensor) -> Tensor:
        """The adapted output, in the compute type."""
        x_TI = x.reshape(-1, x.shape[-1]).to(self.gate_proj.weight.dtype)
        weights = (m.as_weight() for m in (self.gate_proj, self.up_proj, self.down_proj))
        return PackedGatedMlp.apply(x_TI, *weights).view_as(x)  # type: ignore[no-untyped-call, no-any-return]


class PackedNormModule(nn.Module):
    """Stands where an RMS norm stood: reads the residual stream in its own type, writes the compute type."""

    def __init__(self, weight: Tensor, eps: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach().to(STREAM_DTYPE), persistent=False)
        self.eps, self.dtype = eps, dtype

    def forward(self, x: Tensor) -> Tensor:
        """The normalised input."""
        return RmsNorm.apply(x, self.weight, self.eps, self.dtype)  # type: ignore[no-untyped-call, no-any-return]


class PackedModel:
    """A causal language model of transformers, patched in place so that many adapters train over it at once.

    Every parameter is frozen. Linear modules outside `lm_head` can carry adapters.

    Args:
        model: Loaded in the compute type (`float32` or `bfloat16`).

    Raises:
        ModelError: The patched forward pass does not reproduce the model's own.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self.compute_dtype: torch.dtype = model.dtype
        self.device: torch.device = model.device
        self.pack = Pack(self.compute_dtype)
        self.module_sizes = linear_sizes(model)
        model.eval().requires_grad_(False)
        expected = _probe_loss(model)
        self.decoder: nn.Module = model.get_decoder()
        self.embedding: nn.Module = model.get_input_embeddings()
        self.output_weight: Tensor = model.get_output_embeddings().weight
        self._patch(model)
        self._check(expected)

    def loss(
        self,
        micro: MicroBatch,
        adapters: Mapping[int, PackedAdapter],
        *,
        token_weights: Mapping[int, float] | None = None,
        worker: int = 0,
    ) -> dict[int, float]:
        """Sum of the negative log-likelihoods (nats) of each slot's scored tokens in the micro-batch.

        Args:
            micro: The rows.
            adapters: The adapter of each slot; a slot without one runs the base model.
            token_weights: Factor on each slot's tokens in the objective; given, gradients are added to the adapters
                and dropout is on. None evaluates.
            worker: Whose gradient buffers; calls of different workers may run at the same time.
        """
        if not micro.scored_segments:
            return {}
        with torch.set_grad_enabled(token_weights is not None):
            hidden_TI = self._decode(_row_stream(micro), adapters, training=token_weights is not None, worker=worker)
            result = self._head(hidden_TI, micro, token_weights)
        return {s.slot: nll for s, nll in zip(micro.scored_segments, result.nll_sums, strict=True)}

    @torch.no_grad()
    def hidden(self, stream: Stream, adapters: Mapping[int, PackedAdapter], *, worker: int = 0) -> Tensor:
        """Final hidden states `(T, I)` of the stream, in the type of the residual stream, without gradients.

        Args:
            stream: The tokens.
            adapters: The adapter of each slot; a slot without one runs the base model.
            worker: As in `loss`.
        """
        return self._decode(stream, adapters, training=False, worker=worker)

    def _decode(self, stream: Stream, adapters: Mapping[int, PackedAdapter], *, training: bool, worker: int) -> Tensor:
        self.pack.stream, self.pack.adapters = stream, adapters
        self.pack.training, self.pack.worker = training, worker
        try:
            embedded = self.embedding(stream.token_ids_T)[None].to(STREAM_DTYPE)
            # The first adapters need a gradient to arrive at, though the embedding itself is frozen.
            embedded.requires_grad_(training)
            hidden_1TI: Tensor = self.decoder(
                inputs_embeds=embedded,
                position_ids=stream.position_ids_T[None],
                use_cache=False,
                ucurve_pack=self.pack,
            ).last_hidden_state
            return hidden_1TI[0]
        finally:
            self.pack.stream, self.pack.adapters = None, {}

    def _head(self, hidden_TI: Tensor, micro: MicroBatch, token_weights: Mapping[int, float] | None) -> HeadLoss:
        hidden_SI = hidden_TI.index_select(0, micro.scored_index_S).to(self.compute_dtype)
        weights = None if token_weights is None else [token_weights[s.slot] for s in micro.scored_segments]
        result = head_loss(hidden_SI.detach(), self.output_weight, micro.targets_S, micro.scored_segments, weights)
        if result.grad_hidden_SI is not None:
            hidden_SI.backward(result.grad_hidden_SI)  # type: ignore[no-untyped-call]
        return result

    def _patch(self, model: PreTrainedModel) -> None:
        AttentionInterface.register(ATTENTION, _packed_attention)
        model.set_attn_implementation(ATTENTION)
        for name, module in list(model.named_modules()):
            if name in self.module_sizes:
                model.set_submodule(name, PackedLinearModule(module, name, self.pack))
            elif _is_rms_norm(module):
                norm = PackedNormModule(module.weight, module.variance_epsilon, self.compute_dtype)
                model.set_submodule(name, norm)
        for name, module in list(model.named_modules()):
            if _is_silu_mlp(module):
                model.set_submodule(name, PackedMlpModule(module.gate_proj, module.up_proj, module.down_proj))
        _round_rotary(self.decoder, self.compute_dtype)

    def _check(self, expected: float) -> None:
        rows = [Row(0, _PROBE, [*_PROBE[1:], -100])]
        got = self.loss(lay_out(rows, self.device), {})[0] / (len(_PROBE) - 1)
        if not abs(got - expected) <= PROBE_TOLERANCE[self.compute_dtype]:
            raise ModelError(
                f"the packed trainer does not reproduce this architecture: loss {got:.6f} where the model itself gives "
                f"{expected:.6f} (nats per token); use a model of the Llama, Qwen2, Qwen3, Mistral or SmolLM family"
            )


_PROBE = [1 + 7 * i % 97 for i in range(24)]


def _probe_loss(model: PreTrainedModel) -> float:
    ids = torch.tensor([_PROBE], device=model.device)
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0, :-1]
    return float(nn.functional.cross_entropy(logits.double(), ids[0, 1:]))


def _is_rms_norm(module: nn.Module) -> bool:
    """Llama's form x / rms(x) * weight; others (Gemma's 1 + weight) keep their own code."""
    weight = getattr(module, "weight", None)
    if not hasattr(module, "variance_epsilon") or not isinstance(weight, Tensor):
        return False
    x = torch.linspace(-2, 3, weight.numel(), device=weight.device, dtype=torch.float32)[None]
    ours = RmsNorm.apply(x, weight.float(), module.variance_epsilon, torch.float32)  # type: ignore[no-untyped-call]
    return bool(torch.allclose(module(x).float(), ours, rtol=1e-2, atol=1e-2))


def _is_silu_mlp(module: nn.Module) -> bool:
    names = ("gate_proj", "up_proj", "down_proj")
    return all(isinstance(getattr(module, n, None), PackedLinearModule) for n in names) and isinstance(
        getattr(module, "act_fn", None), nn.SiLU | _transformers_silu()
    )


def _transformers_silu() -> type[nn.Module]:
    from transformers.activations import SiLUActivation

    return SiLUActivation  # type: ignore[no-any-return]


def linear_sizes(model: PreTrainedModel) -> dict[str, tuple[int, int]]:
    """`(n_in, n_out)` of every module that can carry a low-rank pair, by dotted name: all linear ones but the head."""
    head = model.get_output_embeddings()
    return {
        name: (module.in_features, module.out_features)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    }


def _round_rotary(decoder: nn.Module, dtype: torch.dtype) -> None:
    """Rotary tables in the compute type: with the float32 stream they would lift queries and keys to float32."""
    rotary = getattr(decoder, "rotary_emb", None)
    if rotary is not None:
        rotary.register_forward_hook(lambda _module, _args, out: tuple(t.to(dtype) for t in out))


def _packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001 - rows know their own bounds
    *,
    scaling: float,
    ucurve_pack: Pack,
    sliding_window: int | None = None,
    **_unused: Any,  # noqa: ANN401
) -> tuple[Tensor, None]:
    """The attention of the stream under way; `query` is `(1, H, T, D)`, the result `(1, T, H, D)`."""
    stream = ucurve_pack.stream
    if stream is None:
        raise RuntimeError("the packed model runs through PackedModel.loss and PackedModel.hidden only")
    query, key, value = (t[0].transpose(0, 1).to(ucurve_pack.compute_dtype) for t in (query, key, value))
    layer = int(module.layer_idx)  # type: ignore[arg-type]
    return stream.attention(query, key, value, layer=layer, scale=scaling, window=sliding_window)[None], None


def _row_stream(micro: MicroBatch) -> Stream:
    """The micro-batch, with attention inside each of its rows."""

    def attend(
        query_THD: Tensor, key_TGD: Tensor, value_TGD: Tensor, *, layer: int, scale: float, window: int | None
    ) -> Tensor:
        del layer  # nothing is kept between layers
        out: Tensor = CausalAttention.apply(query_THD, key_TGD, value_TGD, micro, scale, window)  # type: ignore[no-untyped-call]
        return out

    return Stream(micro.token_ids_T, micro.position_ids_T, micro.segments, attend)
