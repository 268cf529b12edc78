"""One trial's LoRA adapter, as a flat vector.

All low-rank pairs of a trial live in one float32 vector: clipping is one norm, the optimizer steps one tensor, the copy
in the compute type is one cast, and an adapter moves between slots or to disk in one piece.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterShape:
    """What a LoRA adapter looks like; `target_modules` are name suffixes as in peft, e.g. `q_proj`."""

    rank: int
    alpha: float
    dropout: float = 0.0
    target_modules: tuple[str, ...]

    @property
    def scale(self) -> float:
        """Factor on B(A(x)): alpha / rank (Hu et al. 2021, arXiv:2106.09685, section 4.1)."""
        return self.alpha / self.rank

    def targets(self, module_name: str) -> bool:
        """Whether the module `module_name` (dotted path) gets a low-rank pair."""
        return any(module_name == t or module_name.endswith(f".{t}") for t in self.target_modules)


@dataclass(frozen=True, slots=True)
class Pair:
    """The low-rank pair of one module: A `(rank, n_in)` and B `(n_out, rank)`, with the places of their gradients."""

    a: Tensor
    b: Tensor
    grad_a: Tensor
    grad_b: Tensor


class PackedAdapter(Protocol):
    """What a packed forward pass asks of the adapter in a slot."""

    @property
    def scale(self) -> float:
        """Factor on B(A(x))."""
        ...

    def pairs_of(self, worker: int) -> Mapping[str, Pair]:
        """The low-rank pair of each module, with the gradients of this worker."""
        ...

    def dropout_mask(self, n_tokens: int, n_in: int) -> Tensor | None:
        """Drawn anew at each call, `(n_tokens, n_in)`, divided by the keep probability; None without dropout."""
        ...


class Adapter:
    """A LoRA adapter over some linear modules.

    Args:
        shape: Rank, alpha, dropout and target modules.
        module_sizes: `(n_in, n_out)` of every module that can carry a pair, by dotted name.
        seed: Draws A exactly as `peft` does (Kaiming uniform with a = sqrt(5), hence +-1/sqrt(n_in)); B starts at zero.
        compute_dtype: Type of the matmuls; the parameters themselves stay float32.
        n_workers: Threads that add to the gradient at once; each has a buffer of its own.
    """

    def __init__(
        self,
        shape: AdapterShape,
        module_sizes: Mapping[str, tuple[int, int]],
        *,
        seed: int,
        device: torch.device | str = "cpu",
        compute_dtype: torch.dtype = torch.float32,
        n_workers: int = 1,
    ) -> None:
        self.shape = shape
        self.module_sizes = {name: size for name, size in module_sizes.items() if shape.targets(name)}
        self.compute_dtype = compute_dtype
        flat = torch.zeros(n_parameters(shape, module_sizes))
        self._fill_a(flat, seed)
        self.parameter = nn.Parameter(flat.to(device))
        self.parameter.grad = torch.zeros_like(self.parameter)
        self._gradients = [self.parameter.grad, *(torch.zeros_like(self.parameter.data) for _ in range(n_workers - 1))]
        # In float32 this is the parameter itself, not a copy.
        self._compute = self.parameter.data.to(compute_dtype)
        # Dropout masks are drawn on the CPU: the same numbers on every device.
        self.dropout_generator = torch.Generator().manual_seed(seed)
        self.pairs = [self._views(gradient) for gradient in self._gradients]
        """The low-rank pair of each module, by worker and name."""

    @property
    def scale(self) -> float:
        """As in its shape."""
        return self.shape.scale

    def pairs_of(self, worker: int) -> Mapping[str, Pair]:
        """As in `pairs`."""
        return self.pairs[worker]

    def dropout_mask(self, n_tokens: int, n_in: int) -> Tensor | None:
        """Zero or 1 / (1 - rate), `(n_tokens, n_in)`; None without dropout."""
        rate = self.shape.dropout
        if rate == 0:
            return None
        drawn = torch.rand(n_tokens, n_in, generator=self.dropout_generator)
        keep = (drawn >= rate).to(self.compute_dtype).div_(1 - rate)
        return keep.to(self.parameter.device)

    @property
    def gradient(self) -> Tensor:
        """The flat gradient, one entry per parameter."""
        if self.parameter.grad is None:
            raise RuntimeError("the gradient buffer was taken away; zero it in place instead (set_to_none=False)")
        return self.parameter.grad

    def gather_gradient(self) -> None:
        """Adds what the other workers found to the gradient."""
        for other in self._gradients[1:]:
            self.gradient.add_(other)
            other.zero_()

    def clear_gradient(self) -> None:
        """Zero, in every worker's buffer."""
        for gradient in self._gradients:
            gradient.zero_()

    def refresh(self) -> None:
        """Brings the compute copy up to date with the parameters; call it after each optimizer step."""
        if self._compute.data_ptr() != self.parameter.data_ptr():
            self._compute.copy_(self.parameter.data)

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors by the names that `peft` uses in `adapter_model.safetensors`."""
        tensors: dict[str, Tensor] = {}
        for name, (a, b) in self._split(self.parameter.data).items():
            tensors[f"base_model.model.{name}.lora_A.weight"] = a.detach().cpu().clone()
            tensors[f"base_model.model.{name}.lora_B.weight"] = b.detach().cpu().clone()
        return tensors

    def _fill_a(self, flat: Tensor, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for a, _ in self._split(flat).values():
            bound = 1 / math.sqrt(a.shape[1])
            a.uniform_(-bound, bound, generator=generator)

    def _views(self, gradient: Tensor) -> dict[str, Pair]:
        values, gradients = self._split(self._compute), self._split(gradient)
        return {name: Pair(*values[name], *gradients[name]) for name in values}

    def _split(self, flat: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        views: dict[str, tuple[Tensor, Tensor]] = {}
        start = 0
        for name, (n_in, n_out) in self.module_sizes.items():
            middle, stop = start + self.shape.rank * n_in, start + self.shape.rank * (n_in + n_out)
            views[name] = (
                flat[start:middle].view(self.shape.rank, n_in),
                flat[middle:stop].view(n_out, self.shape.rank),
            )
            start = stop
        return views


def n_parameters(shape: AdapterShape, module_sizes: Mapping[str, tuple[int, int]]) -> int:
    """Trainable parameters of an adapter."""
    return sum(shape.rank * (n_in + n_out) for name, (n_in, n_out) in module_sizes.items() if shape.targets(name))


def unmatched_targets(shape: AdapterShape, module_sizes: Mapping[str, tuple[int, int]]) -> Sequence[str]:
    """Target names that match no module of the model."""
    return [t for t in shape.target_modules if not any(n == t or n.endswith(f".{t}") for n in module_sizes)]
