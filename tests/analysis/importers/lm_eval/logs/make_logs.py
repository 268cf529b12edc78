"""Makes the result files beside this file with lm-evaluation-harness, on a model of random weights and local questions.

`python make_logs.py /srv/sweep/lm_eval`, in an environment with `lm_eval[hf]` and `peft`; nothing is downloaded.
"""
# mypy: ignore-errors
# The tools that it runs are not installed where the code is checked.

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

TASK = """task: {name}
dataset_path: json
dataset_kwargs:
  data_files: {{test: {folder}/{name}.jsonl}}
test_split: test
output_type: {type}
doc_to_text: "{{{{question}}}}"
{target}
metric_list:
{metrics}
metadata: {{version: 1.0}}
"""
CHOICE = 'doc_to_target: answer\ndoc_to_choice: "{{choices}}"'
GENERATE = """doc_to_target: "{{solution}}"
generation_kwargs: {max_gen_toks: 4, until: ["\\n"]}
filter_list:
- {name: strict, filter: [{function: regex, regex_pattern: "([a-z]+)"}, {function: take_first}]}
- {name: loose, filter: [{function: take_first}]}"""
GROUP = """group: tiny_group
task: [tiny_choice, tiny_mirror]
aggregate_metric_list:
- {metric: acc, aggregation: mean, weight_by_size: true}
metadata: {version: 2.0}
"""


def metrics(*names: str) -> str:
    return "\n".join(f"- {{metric: {name}, aggregation: mean, higher_is_better: true}}" for name in names)


def write_tasks(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    questions = [
        {"question": f"the {word} cat", "choices": ["runs", "sleeps", "eats"], "answer": index % 3, "solution": "dog"}
        for index, word in enumerate(["red", "blue", "fast", "slow", "house", "tree"])
    ]
    for name, offset in (("tiny_choice", 0), ("tiny_mirror", 1), ("tiny_words", 0)):
        kind = "generate_until" if name == "tiny_words" else "multiple_choice"
        lines = [json.dumps({**question, "answer": (question["answer"] + offset) % 3}) for question in questions]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        text = TASK.format(
            name=name, folder=folder, type=kind, target=GENERATE if kind == "generate_until" else CHOICE,
            metrics=metrics("exact_match") if kind == "generate_until" else metrics("acc", "acc_norm"),
        )  # fmt: skip
        (folder / f"{name}.yaml").write_text(text)
    (folder / "tiny_group.yaml").write_text(GROUP)


def evaluate(root: Path, model_args: str, tasks: str, *more: str, output: Path) -> None:
    command = [
        sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--model_args", model_args, "--tasks", tasks,
        "--include_path", str(root / "tasks"), "--device", "cpu", "--batch_size", "1",
        "--output_path", str(output), *more,
    ]  # fmt: skip
    subprocess.run(command, check=True)


def main() -> None:
    root, trained = Path(sys.argv[1]), Path(sys.argv[2])
    base, out = trained / "tiny-model", root / "out"
    write_tasks(root / "tasks")
    evaluate(root, f"pretrained={base}", "tiny_group,tiny_words", "--log_samples", output=out)
    evaluate(root, f"pretrained={base}", "tiny_choice", "--limit", "4", output=out)
    adapter = f"pretrained={base},peft={trained}/sft-high"
    evaluate(root, adapter, "tiny_choice,tiny_words", "--num_fewshot", "1", output=out)
    target = Path(__file__).parent / "out"
    shutil.rmtree(target, ignore_errors=True)
    for file in sorted(out.rglob("*.json*")):
        place = target / file.relative_to(out)
        place.parent.mkdir(parents=True, exist_ok=True)
        content = file.read_text()
        if file.name.startswith("results_"):
            report = json.loads(content)
            report["pretty_env_info"] = "left out: it describes the machine"
            content = json.dumps(report, indent=2, ensure_ascii=False)
        place.write_text(content)


if __name__ == "__main__":
    main()
