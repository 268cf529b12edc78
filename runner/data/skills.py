"""Generated instruction tasks with answers that can be checked exactly, for tests and as a benchmark."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from runner.data.examples import Example, chat_example
from runner.data.skill_tasks import MAKERS, AnswerKind

N_TASKS = 3_000  # our choice: 500 of each skill, enough for epochs on a small model
SKILLS = tuple(MAKERS)
INSTRUCTION = "Give only the answer."


@dataclass(frozen=True, slots=True)
class SkillTask:
    """A question with one right answer."""

    skill: str
    question: str
    answer: str
    answer_kind: AnswerKind

    def check(self, answer: str) -> bool:
        """Returns whether an answer is right: numbers by value, JSON by content, text letter by letter.

        White space around the answer and one final full stop are forgiven.
        """
        given = answer.strip().removesuffix(".")
        if self.answer_kind == "json":
            return _same_json(given, self.answer)
        return _same_number(given, self.answer) if self.answer_kind == "number" else given == self.answer

    def example(self) -> Example:
        """Returns the task as a training example; its label is the skill."""
        return chat_example(self.question, self.answer, system=INSTRUCTION, label=self.skill)


def skill_tasks(n_tasks: int = N_TASKS, *, seed: int = 0) -> tuple[SkillTask, ...]:
    """Returns `n_tasks` tasks with distinct questions, the skills in turn; the same on any machine for a seed."""
    makers = [(skill, MAKERS[skill], random.Random(f"{skill}:{seed}")) for skill in SKILLS]  # noqa: S311 - no secret
    tasks: dict[str, SkillTask] = {}
    while len(tasks) < n_tasks:
        skill, make, rng = makers[len(tasks) % len(makers)]
        question, answer, kind = make(rng)
        tasks.setdefault(question, SkillTask(skill, question, answer, kind))
    return tuple(tasks.values())


def skill_examples() -> tuple[Example, ...]:
    """Returns the built-in data set `skills`."""
    return tuple(task.example() for task in skill_tasks())


def _same_number(given: str, wanted: str) -> bool:
    try:
        return Decimal(given) == Decimal(wanted)
    except InvalidOperation:
        return False


def _same_json(given: str, wanted: str) -> bool:
    try:
        value: object = json.loads(given)
    except (ValueError, RecursionError):
        return False
    # Dumped, because Python finds True == 1 and 1 == 1.0; key order is of no importance.
    return json.dumps(value, sort_keys=True) == json.dumps(json.loads(wanted), sort_keys=True)
