"""The decision of a ranking in words: who won, how sure that is, what is as good, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analysis.number_format import format_probability, format_value
from analysis.ranking.types import BestConfiguration, ConfigScore, Ranking
from analysis.wording.plain import MISSING, count_text
from analysis.wording.voices import PLAIN, Voice

_SOURCE: Final = "docs/statistics/ranking.md"
_MEAN: Final = f"Mean over the finite runs, ± its standard error s / √n, s from the shrunk variance ({_SOURCE})."
_HONEST: Final = (
    "What the winner's true mean is expected to be, given that the best of many was chosen: its posterior mean; "
    f"beside it what the best of resampled seeds scores on the seeds left out ({_SOURCE})."
)
_P_BEST: Final = (
    f"Share of draws from the posterior of all configurations' means in which this one has the best ({_SOURCE})."
)
_EQUAL: Final = f"Configurations whose difference to the winner a Holm-corrected t test does not find ({_SOURCE})."


@dataclass(frozen=True, slots=True)
class Card:
    """One number of a decision: its name, its value, what it rests on, and its formula with where that stands."""

    name: str
    value: str
    remark: str
    meaning: str


def winner_name(winner: ConfigScore) -> str:
    """The winner's varying hyperparameters; with one configuration there are none."""
    return winner.name if winner.config else "The only configuration"


def question_sentence(best: BestConfiguration, *, n_runs: int) -> str:
    """What a ranking answers, with how much it looks at."""
    n = sum(len(ranking.ranking) for ranking in best.groups)
    good = "lowest" if best.direction == "min" else "highest"
    groups = f", in {len(best.groups):,} groups whose values compare" if len(best.groups) > 1 else ""
    return (
        f"Which of {count_text(n, 'configuration')} has the {good} {best.metric}, and how sure is that? "
        f"Asked of {count_text(n_runs, 'run')}{groups}."
    )


def decision_sentence(ranking: Ranking, metric: str) -> str:
    """The decision with its probability and its equals, in one sentence or two; the reason where there is none."""
    winner = ranking.winner
    if winner is None:
        return ranking.rule
    spread = f" ± {format_value(winner.se, winner.se)} (se)" if winner.se is not None else ""
    found = f"{winner_name(winner)}: mean {metric} {format_value(winner.mean, winner.se)}{spread} over "
    found += count_text(winner.n, "run")
    n_ranked = sum(score.rank is not None for score in ranking.ranking)
    if ranking.p_best is None or ranking.indistinguishable is None:
        return f"{found}. How sure that is nobody can say: no configuration near the best has two seeds."
    n_equal = len(ranking.indistinguishable) - 1
    equal = f"{count_text(n_equal, 'other')} cannot be told from it" if n_equal else "it can be told from every other"
    return f"{found}. It is the best of {n_ranked:,} with probability {format_probability(ranking.p_best)}; {equal}."


def decision_cards(ranking: Ranking, winner: ConfigScore) -> tuple[Card, Card, Card, Card]:
    """The four numbers that a decision stands on."""
    n_equal = None if ranking.indistinguishable is None else len(ranking.indistinguishable) - 1
    return (
        Card("Mean", format_value(winner.mean, winner.se), _spread_text(winner), _MEAN),
        Card("Honest score", format_value(ranking.corrected_mean, winner.se), _honest_text(ranking, winner), _HONEST),
        Card("P(best)", format_probability(ranking.p_best), _seeds_text(ranking), _P_BEST),
        Card(
            "Not told from it",
            MISSING if n_equal is None else f"{n_equal:,}",
            "needs replicates" if n_equal is None else "configuration" if n_equal == 1 else "configurations",
            _EQUAL,
        ),
    )


def cheaper_text(ranking: Ranking, voice: Voice = PLAIN) -> str:
    """The cheapest of the equals; empty where that is the winner itself."""
    if ranking.winner is None or ranking.one_se_choice == ranking.winner.trial_key:
        return ""
    cheapest = next(score for score in ranking.ranking if score.trial_key == ranking.one_se_choice)
    return (
        f"As good within one standard error and cheaper: {voice.strong(voice.plain(cheapest.name))} "
        f"({voice.plain(ranking.one_se_order)})."
    )


def _spread_text(winner: ConfigScore) -> str:
    if winner.se is None:
        return "unreplicated"
    return f"± {format_value(winner.se, winner.se)} (se), n = {winner.n}"


def _seeds_text(ranking: Ranking) -> str:
    if ranking.winner is None or ranking.p_best is None:
        return "needs replicates"
    if ranking.winner.n == 1:
        return "noise of others"
    return "shared seeds" if ranking.is_paired else "own seeds"


def _honest_text(ranking: Ranking, winner: ConfigScore) -> str:
    if ranking.corrected_mean is None:
        return "needs replicates"
    if ranking.held_out_mean is None:
        return "corrected for luck"
    return f"held out {format_value(ranking.held_out_mean, winner.se)}"
