"""The demo's model under two adapters: packed likelihoods are those of peft."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import peft
import pytest
import torch
from transformers import AutoModelForCausalLM

from runner.evaluation.engine.engine import PackedEngine
from runner.evaluation.requests import LikelihoodRequest
from runner.training.base_model import find_model, load_tokenizer
from tests.runner.evaluation.engine.conftest import naive

CHOICES = (" Paris.", " London, in the rain.", " Rome.", "")


@pytest.mark.slow
def test_smollm2_gives_the_likelihoods_of_peft(tmp_path: Path) -> None:
    folder = find_model("smollm2-135m")
    tokenizer = load_tokenizer(folder)
    requests = []
    for question in (
        "Question: What is the capital of France?\nAnswer:",
        "Question: Where is the Eiffel Tower?\nAnswer:",
    ):
        context = tokenizer(question)["input_ids"]
        for choice in CHOICES:
            answer = tokenizer(choice)["input_ids"] or [tokenizer.eos_token_id]
            requests.append(LikelihoodRequest((*context, *answer), len(context)))
    expected, slots = [], dict[str, Path | None]()
    for seed, rank in enumerate((4, 16)):
        torch.manual_seed(seed)
        base = AutoModelForCausalLM.from_pretrained(folder.path, dtype="float32")
        config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
        model = peft.get_peft_model(base, config)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.02)
        path = slots[str(seed)] = tmp_path / str(seed)
        model.save_pretrained(str(path))
        settings = json.loads((path / "adapter_config.json").read_text())
        settings["base_model_name_or_path"] = folder.model_id  # peft wrote the folder that it was loaded from
        (path / "adapter_config.json").write_text(json.dumps(settings))
        expected.append(naive(model, requests).log_likelihood_KR[0])
    found = PackedEngine.load(folder, slots, precision="float32").log_likelihoods(requests)
    np.testing.assert_allclose(found.log_likelihood_KR, expected, rtol=1e-5, atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 0.5, "adapters must matter"
