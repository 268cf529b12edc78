"""Which benchmarks there are, how their items become requests, and how answers become scores. No torch here."""

from runner.evaluation.catalogue.identity import first_items
from runner.evaluation.catalogue.model_tokenizer import ModelTokenizer
from runner.evaluation.catalogue.names import expand_names, list_benchmarks, load_benchmarks
from runner.evaluation.catalogue.own import describe_excluded, read_own_benchmark
from runner.evaluation.catalogue.plan import EvaluationPlan, decoding_for, plan_requests
from runner.evaluation.catalogue.rules import Rule, register
from runner.evaluation.catalogue.scoring import score_answers
from runner.evaluation.catalogue.tokens import Tokenizer

__all__ = [
    "EvaluationPlan",
    "ModelTokenizer",
    "Rule",
    "Tokenizer",
    "decoding_for",
    "describe_excluded",
    "expand_names",
    "first_items",
    "list_benchmarks",
    "load_benchmarks",
    "plan_requests",
    "read_own_benchmark",
    "register",
    "score_answers",
]
