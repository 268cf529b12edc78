"""The protobuf records of a log, and how many of them are missing."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.importers.wandb_log.framing import FrameReader
from analysis.importers.wandb_log.messages import Record, decode_error, parse_lean, parse_record


class RecordReader:
    """Iterates once over the records of a log as pairs of kind (`history`, `summary`, `run` ...) and record.

    W&B numbers the records of a file 1, 2, 3 ..., so a gap in the numbers counts what damage took.

    Attributes:
        frames: Where they come from.
        n_records: Records read.
        last_num: Number of the newest record; 0 before the first.
        n_undecodable: Records with a right checksum that are no protobuf of this kind.
        n_unordered: Records whose number is not above the one before; the count of lost ones is unsure then.
    """

    def __init__(self, frames: FrameReader, last_num: int = 0) -> None:
        """`last_num` is that of the reader that came as far as `frames` starts."""
        self.frames = frames
        self.n_records = 0
        self.last_num = last_num
        self.n_undecodable = 0
        self.n_unordered = 0
        self._n_missing = 0

    def __iter__(self) -> Iterator[tuple[str, Record]]:
        """`history` and `summary` come as lean records, all else as W&B's own."""
        lean, full, error = parse_lean(), parse_record(), decode_error()
        for payload in self.frames:
            try:
                record = lean(payload)
                if record.HasField("history"):
                    kind = "history"
                elif record.HasField("summary"):
                    kind = "summary"
                else:
                    record = full(payload)
                    kind = record.WhichOneof("record_type") or ""
            except error:
                self.n_undecodable += 1
                continue
            self._count(record.num)
            yield kind, record

    @property
    def lost_records(self) -> int | None:
        """Records missing between the sound ones, undecodable ones among them; None: they have no numbers."""
        return None if self.n_records and not self.last_num else self._n_missing

    def _count(self, num: int) -> None:
        self.n_records += 1
        if num > self.last_num:
            self._n_missing += num - self.last_num - 1
            self.last_num = num
        elif num:
            self.n_unordered += 1
