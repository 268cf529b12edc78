"""Keys and values that rows have left behind, so that a step computes one token per row.

A row has a *lane*; column t of a lane belongs to the row's token at position t. Lanes in use are always the first ones:
when rows end, the last lanes move into the gaps. Lanes move whole, so no row ever sees cells of another one, not even
through 0 * NaN.

Shapes: N rows (as many lanes in use), M rows of one prefill, L their longest, W columns seen, T tokens of the stream,
H query heads, G key/value heads, F = H/G, D head size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from runner.training.packed_model import Attention


class KeyValueCache:
    """The cells of all decoder layers.

    Args:
        n_rows: Rows at the start; row i has lane i.
        n_lanes: Most rows at any time.
        n_columns: Most tokens of a row.
    """

    def __init__(self, n_rows: int, n_lanes: int, n_columns: int) -> None:
        self._shape = (n_lanes, n_columns)
        self._layers: dict[int, Tensor] = {}
        self._lane_of_row = list(range(n_rows))
        self._n_used = 0

    def fill(self, inner: Attention, rows_M: Tensor, tokens_ML: Tensor) -> Attention:
        """`inner`, which also leaves the keys and values of whole prompts here.

        Args:
            inner: Attention of the stream that the prompts are in.
            rows_M: Which rows they are; before anything is selected.
            tokens_ML: Places of each row's tokens in the stream; beyond its end, that of its last token.
        """
        n_columns = tokens_ML.shape[1]
        self._n_used = max(self._n_used, n_columns)

        def attend(
            query_THD: Tensor, key_TGD: Tensor, value_TGD: Tensor, *, layer: int, scale: float, window: int | None
        ) -> Tensor:
            cells = self._cells(layer, key_TGD)
            for kind, stream_TGD in enumerate((key_TGD, value_TGD)):
                cells[kind, rows_M, :, :n_columns] = stream_TGD[tokens_ML].transpose(1, 2)
            return inner(query_THD, key_TGD, value_TGD, layer=layer, scale=scale, window=window)

        return attend

    def extend(self, positions: Sequence[int], device: torch.device) -> Attention:
        """Attention of one new token per row, at `positions`, over all that the rows hold."""
        self._n_used = max(self._n_used, max(positions) + 1)
        return _Step(self, positions, self._lane_of_row, device)

    def select(self, parents: Sequence[int]) -> None:
        """Row i goes on from what is now row `parents[i]`; rows that are no parent are forgotten."""
        wanted = [self._lane_of_row[parent] for parent in parents]
        lanes = [-1] * len(wanted)
        free = set(range(len(wanted)))
        for row, lane in enumerate(wanted):
            if lane in free:
                lanes[row] = lane
                free.remove(lane)
        moved = [row for row, lane in enumerate(lanes) if lane < 0]
        for row, lane in zip(moved, sorted(free), strict=True):
            lanes[row] = lane
        self._copy([wanted[row] for row in moved], [lanes[row] for row in moved])
        self._lane_of_row = lanes

    def append(self, layer: int, lanes_N: Tensor, positions_N: Tensor, key_NGD: Tensor, value_NGD: Tensor) -> Tensor:
        """Adds a token to each row; returns keys and values `(2, N, G, W, D)` by lane, as a view."""
        cells = self._cells(layer, key_NGD)
        cells[0, lanes_N, :, positions_N] = key_NGD
        cells[1, lanes_N, :, positions_N] = value_NGD
        return cells[:, : len(lanes_N), :, : self._n_used]

    def _copy(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        if sources:
            for cells in self._layers.values():
                cells[:, targets, :, : self._n_used] = cells[:, sources, :, : self._n_used]

    def _cells(self, layer: int, like_TGD: Tensor) -> Tensor:
        """Keys and values of one layer, `(2, lanes, G, columns, D)`."""
        if layer not in self._layers:
            n_lanes, n_columns = self._shape
            _, n_groups, size = like_TGD.shape
            self._layers[layer] = like_TGD.new_zeros(2, n_lanes, n_groups, n_columns, size)
        return self._layers[layer]


class _Step:
    """Attention of the newest token of each row."""

    def __init__(
        self, cache: KeyValueCache, positions: Sequence[int], lane_of_row: Sequence[int], device: torch.device
    ) -> None:
        self._cache = cache
        self._positions_N = torch.tensor(positions, device=device)
        self._lanes_N = torch.tensor(lane_of_row, device=device)
        self._rows_N = torch.argsort(self._lanes_N)
        """The row in each lane."""
        self._hidden: dict[tuple[int, int | None], Tensor] = {}

    def __call__(
        self, query_THD: Tensor, key_TGD: Tensor, value_TGD: Tensor, *, layer: int, scale: float, window: int | None
    ) -> Tensor:
        """As in `runner.training.packed_model.Attention`; here T = N."""
        keys, values = self._cache.append(layer, self._lanes_N, self._positions_N, key_TGD, value_TGD)
        n_rows, n_groups, n_seen, size = keys.shape
        query = query_THD.index_select(0, self._rows_N).mul_(scale).view(n_rows * n_groups, -1, size)
        scores = torch.bmm(query, keys.flatten(0, 1).transpose(1, 2)).view(n_rows, -1, n_seen)
        scores.masked_fill_(self._hidden_cells(n_seen, window), -torch.inf)
        weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(values.dtype)
        mixed = torch.bmm(weights.view(n_rows * n_groups, -1, n_seen), values.flatten(0, 1))
        return mixed.view(query_THD.shape).index_select(0, self._lanes_N)

    def _hidden_cells(self, n_seen: int, window: int | None) -> Tensor:
        """True where a lane's newest token does not see the column, `(N, 1, W)`: made once for all layers alike."""
        if (n_seen, window) not in self._hidden:
            columns_W = torch.arange(n_seen, device=self._positions_N.device)
            newest_N1 = self._positions_N[self._rows_N, None]
            hidden_NW = columns_W > newest_N1
            if window is not None:
                hidden_NW |= columns_W <= newest_N1 - window
            self._hidden[n_seen, window] = hidden_NW[:, None]
        return self._hidden[n_seen, window]
