"""The families of the built-in data set `skills` as benchmarks, with tasks that are in no part of the data set."""

from __future__ import annotations

import functools
from typing import Final

from runner.data.examples import Message
from runner.data.skills import INSTRUCTION, SKILLS, SkillTask, skill_tasks
from runner.evaluation.benchmark import Benchmark, Decoding, Item
from runner.evaluation.catalogue.distractors import choices_for
from runner.evaluation.catalogue.identity import make_benchmark, make_item

N_ITEMS: Final = 150
"""Of each family; our choice: a standard error of at most 4 points, 2 over the six families."""
SEED: Final = 5
_N_DRAWN: Final = 6 * 600  # enough that 150 of each family are left when those of the data set are taken out
# Answers are one line; the longest, a JSON object, takes about 40 tokens of SmolLM2.
SKILL_DECODING: Final = Decoding(max_new_tokens=64, stop=("\n",))
_SOURCE: Final = f"made by Ucurve's data set skills with seed {SEED}; no question of the data set itself"


@functools.lru_cache(maxsize=1)
def held_out_tasks() -> tuple[SkillTask, ...]:
    """Returns `N_ITEMS` tasks of each family whose questions the data set `skills` does not have."""
    known = {task.question for task in skill_tasks()}
    fresh = [task for task in skill_tasks(_N_DRAWN, seed=SEED) if task.question not in known]
    by_family = {skill: [task for task in fresh if task.skill == skill][:N_ITEMS] for skill in SKILLS}
    return tuple(task for tasks in by_family.values() for task in tasks)


def skill_choice(skill: str) -> Benchmark:
    """Returns a family as multiple choice among four answers."""
    items = [_choice_item(task) for task in held_out_tasks() if task.skill == skill]
    return make_benchmark(f"skills-{skill}", "choice", items, source=_SOURCE)


def skill_generation(skill: str) -> Benchmark:
    """Returns a family as questions whose written answers are checked."""
    items = [
        make_item(_prompt(task), answer=f"{task.answer_kind}:{task.answer}", family=skill)
        for task in held_out_tasks()
        if task.skill == skill
    ]
    return make_benchmark(f"skills-{skill}-gen", "generation", items, rule="skill", source=_SOURCE)


def _choice_item(task: SkillTask) -> Item:
    choices, gold = choices_for(task)
    return make_item(_prompt(task), choices=choices, gold=gold, family=task.skill, unconditional="Answer:")


def _prompt(task: SkillTask) -> tuple[Message, ...]:
    return (Message("system", INSTRUCTION), Message("user", task.question))
