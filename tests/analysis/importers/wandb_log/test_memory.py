from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.analysis.importers.wandb_log.frames import exit_record, history_record, numbered, run_record, write_log

_READ = r"""
import re, sys
from pathlib import Path
from analysis.importers.wandb_log import read_run_log
log = read_run_log(Path(sys.argv[1]))
# Not getrusage: what it reports as the peak starts with the size of the process that forked this one.
peak_kb = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]
print(log.verdict, log.n_rows, log.history.num_rows, int(peak_kb) // 1024)
"""


@pytest.mark.slow
def test_a_hundred_thousand_rows_of_ten_metrics_stay_under_600_mb(tmp_path: Path) -> None:
    rows = (history_record(i, **{f"metric_{k}": repr(i / (k + 3)) for k in range(10)}) for i in range(100_000))
    path = tmp_path / "run-large.wandb"
    path.write_bytes(write_log(numbered([run_record(), *rows, exit_record()])))
    command = [sys.executable, "-c", _READ, str(path)]
    verdict, n_rows, n_values, peak_mb = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.split()
    assert (verdict, n_rows, n_values) == ("complete", "100000", "1000000")
    assert int(peak_mb) < 600
