"""Answers of the real model, in both precisions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from runner.data.skills import skill_examples
from runner.evaluation.benchmark import Decoding
from runner.evaluation.engine.engine import PackedEngine
from runner.training.base_model import find_model, load_tokenizer
from tests.runner.evaluation.engine.generating import peft_model, save_adapters, written_alone

EOS = 2


@pytest.mark.slow
def test_the_demo_model_writes_what_transformers_lets_it_write(tmp_path: Path) -> None:
    folder = find_model("smollm2-135m")
    tokenizer = load_tokenizer(folder)
    prompts = []
    for example in skill_examples()[:2]:
        turns = [{"role": m.role, "content": m.content} for m in example.prompt]
        prompts.append(tuple(tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)))
    saved = save_adapters(folder.path, tmp_path, base_model="smollm2-135m")
    adapters = {name: saved[name] for name in ("all", "base")}
    engine = PackedEngine.load(folder, adapters, precision="float32")
    answers = engine.generate(prompts, Decoding(max_new_tokens=8))
    for slot, path in zip(answers, adapters.values(), strict=True):
        model = peft_model(folder.path, path)
        for answer, prompt in zip(slot, prompts, strict=True):
            expected = written_alone(model, prompt, max_new_tokens=8)
            assert [*answer.token_ids, *[EOS] * (answer.ended_by == "eos")] == expected
    assert len({tuple(a.token_ids for a in slot) for slot in answers}) == len(adapters)


@pytest.mark.slow
def test_bfloat16_writes_likely_text() -> None:
    """Rounding may choose between equals: what it writes must be nearly the likeliest in float32."""
    folder = find_model("smollm2-135m")
    prompt = tuple(load_tokenizer(folder)("The capital of France is")["input_ids"])
    answer = PackedEngine.load(folder, {"base": None}, precision="bfloat16").generate(
        [prompt], Decoding(max_new_tokens=10)
    )[0][0]
    exact = AutoModelForCausalLM.from_pretrained(folder.path)
    with torch.no_grad():
        logits = exact(torch.tensor([[*prompt, *answer.token_ids]])).logits[0, len(prompt) - 1 : -1]
    chosen = logits[range(len(answer.token_ids)), list(answer.token_ids)]
    assert "Paris" in answer.text
    assert float((logits.amax(dim=1) - chosen).max()) < 0.3
