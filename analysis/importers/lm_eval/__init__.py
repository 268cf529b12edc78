"""Result files of lm-evaluation-harness, as benchmark scores."""

from typing import Final

from analysis.importers.lm_eval.source import LmEvalSource

SOURCE: Final = LmEvalSource()
