"""How much of a benchmark the training set holds: copies and near copies of its items. No torch here."""

from runner.evaluation.contamination.overlap import Overlap, Pair, count_overlap, overlap_table

__all__ = ["Overlap", "Pair", "count_overlap", "overlap_table"]
