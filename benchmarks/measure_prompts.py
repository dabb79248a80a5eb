"""How the embedded study's prompt and number of passages were chosen: on a SQuAD file, never on the study's questions.

Asks the embedded model a sample of the file's questions under several prompts with the best k passages of BM25, and
prints exact match and token F1 for each, as JSON lines. Run: python benchmarks/measure_prompts.py xquad.en.json
"""

import json
import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from harness.datasets.builtin import embedded_dataset
from harness.datasets.load import load_dataset
from harness.metrics.text import exact_match, f1
from harness.prompts.catalog import find_template
from harness.prompts.read import read_answer
from harness.providers.base import Provider, source
from harness.records import DatasetSpec, Decoding, Passage, Prompt, Question, RetrieverSpec, Runtime, Template
from harness.registry.catalog import find_model, load_catalog
from harness.retrieval.base import build_retriever
from harness.study import sample

QUESTIONS = 48
MOST_CHARACTERS = 600
BATCH = 16
DECODING = Decoding(max_new_tokens=32, stop=("\n",))
TRIALS = (("few-shot-3", 1), ("completion+2", 1), ("completion+3", 1), ("completion+4", 1), ("completion+3", 0))
TRIALS_BY_PASSAGES = (("completion+3", 2), ("completion+3", 3))

Asked = list[tuple[Question, tuple[Passage, ...]]]


def readings(provider: Provider, template: Template, asked: Asked) -> list[str]:
    prompts = [Prompt(template=template, question=question.text, passages=passages) for question, passages in asked]
    answers = [
        answer
        for start in range(0, len(prompts), BATCH)
        for answer in provider.generate(prompts[start : start + BATCH], DECODING)
    ]
    pairs = zip(answers, prompts, strict=True)
    return [read_answer(answer.text, template, prompt.passages).value for answer, prompt in pairs]


def main() -> None:
    data = load_dataset(DatasetSpec(name="choice", path=sys.argv[1]))
    sizes = {passage.id: len(passage.text) for passage in data.passages}
    short = [question for question in data.questions if sizes[question.gold_passages[0]] < MOST_CHARACTERS]
    questions = sample(short, QUESTIONS, seed=5)
    found = build_retriever(RetrieverSpec(), data.passages).search([question.text for question in questions], 3)
    provider = source(find_model(load_catalog(), "smollm2-135m"), Runtime()).load()
    shots = embedded_dataset().shots
    for name, passages in TRIALS + TRIALS_BY_PASSAGES:
        asked = [(question, best[:passages]) for question, best in zip(questions, found, strict=True)]
        asked.sort(key=lambda pair: -sum(len(passage.text) for passage in pair[1]))
        values = readings(provider, find_template(name, shots), asked)
        answers = [question.answers for question, _ in asked]
        scores = {
            metric.__name__: round(sum(map(metric, values, answers)) / len(values), 3) for metric in (exact_match, f1)
        }
        print(json.dumps({"prompt": name, "passages": passages, "n": len(values), **scores}), flush=True)


if __name__ == "__main__":
    main()
