"""The data contract: the schema, the Delta tables behind it, and the snapshots everything else reads.

The only reader and the only writer of stored runs. `docs/store.md` states the contract in prose.
"""

from analysis.store.conditions import Condition
from analysis.store.identity import artifact_dir, canonical_json, run_id_of, trial_key
from analysis.store.schema import AgreementRow, EvalItemRow, EvalRow, ImportRow, Measured, MetricRow, ObjectRow, RunRow
from analysis.store.snapshot import Snapshot
from analysis.store.store import Store
from analysis.store.upkeep import CompactResult, StoreInfo, StoreProblem
from analysis.store.writer import StoreWriter

__all__ = [
    "AgreementRow",
    "CompactResult",
    "Condition",
    "EvalItemRow",
    "EvalRow",
    "ImportRow",
    "Measured",
    "MetricRow",
    "ObjectRow",
    "RunRow",
    "Snapshot",
    "Store",
    "StoreInfo",
    "StoreProblem",
    "StoreWriter",
    "artifact_dir",
    "canonical_json",
    "run_id_of",
    "trial_key",
]
