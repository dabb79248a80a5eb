"""The openai provider against a local server of known latency and capacity: how near to the ideal rate, what is lost.

`rate`: questions answered per second over the ideal capacity / latency, the whole call included. `bare`: the same
requests through the official client with no more around it than a semaphore, by its own method for a chat (`create`)
and by the plain post beneath it (`post`), in turn with the rounds; `of_reachable` is the provider's rate over the
smaller of the ideal one and that of `create`. `faults`: the same server behind a proxy that breaks a share of the
requests; every question must be settled, once, with its own answer. The server is a process of its own, on a core of
its own where there are two: `cpu_ms_per_request` and `busy_share` say when the processor, and not the service, was the
limit.

Run: python benchmarks/measure_service.py [--questions 1000] [--rounds 3] [--latency-s 0.05] [--json FILE]
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from harness.prompts.render import messages
from harness.providers.remote_source import RemoteSource
from harness.records import Answer, Decoding, ModelSpec, Prompt, Runtime, Template

SERVER = Path(__file__).with_name("service_faults.py")
CAPACITY = 64
FAULT_SHARE = 0.2
TEMPLATE = Template(
    name="plain",
    system="Answer with the value only.",
    user="{question}",
    user_with_passages="{passages}\n\n{question}",
    reader="line",
    hash="plain",
)


@contextmanager
def server(latency_s: float, *options: str) -> Iterator[int]:
    """The made-up server in a process of its own, on the last core; its port."""
    cores = sorted(os.sched_getaffinity(0))
    place = ["taskset", "-c", str(cores[-1])] if len(cores) > 1 and shutil.which("taskset") else []
    process = subprocess.Popen(
        [*place, sys.executable, str(SERVER), "--latency-s", str(latency_s), "--capacity", str(CAPACITY), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.communicate()


def ask(port: int, questions: int, **options: object) -> tuple[list[Answer], float, float]:
    """All answers, the seconds they took, and the processor's seconds of this process."""
    model = ModelSpec(
        name="made-up",
        family="made-up",
        params_b=None,
        context_length=4096,
        provider="openai_compatible",
        options={"base_url": f"http://127.0.0.1:{port}/v1", "max_concurrent": CAPACITY, **options},
    )
    provider = RemoteSource(model, Runtime()).load()
    prompts = [prompt_of(number) for number in range(questions)]
    list(provider.generate(prompts[:2], Decoding()))
    began, used = time.perf_counter(), time.process_time()
    answers = list(provider.generate(prompts, Decoding()))
    found = answers, time.perf_counter() - began, time.process_time() - used
    provider.close()
    return found


def rate(questions: int, latency_s: float) -> Mapping[str, float]:
    """One round without faults, and beside it one of the bare client in each of two ways."""
    with server(latency_s) as port:
        answers, seconds, cpu_s = ask(port, questions)
        bare = {f"bare_{way}_per_s": asyncio.run(ask_bare(port, questions, way)) for way in ("create", "post")}
    assert [answer.text for answer in answers] == [f"q{n}" for n in range(questions)]
    ideal = CAPACITY / latency_s
    return {
        "seconds": seconds,
        "per_s": questions / seconds,
        "of_ideal": questions / seconds / ideal,
        **bare,
        "of_reachable": questions / seconds / min(ideal, bare["bare_create_per_s"]),
        "cpu_ms_per_request": 1000 * cpu_s / questions,
        "busy_share": cpu_s / seconds,
    }


async def ask_bare(port: int, questions: int, way: str) -> float:
    """How many requests per second the official client alone manages."""
    import openai

    client = openai.AsyncOpenAI(
        api_key="none",
        base_url=f"http://127.0.0.1:{port}/v1",
        max_retries=0,
        http_client=openai.DefaultAioHttpClient(),
    )
    free = asyncio.Semaphore(CAPACITY)
    bodies = [body_of(n) for n in range(questions)]

    async def one(body: dict[str, Any]) -> None:
        async with free:
            if way == "create":
                await client.chat.completions.create(**body)
            else:
                await client.post("/chat/completions", cast_to=object, body=body)

    await asyncio.gather(*map(one, bodies[:2]))
    began = time.perf_counter()
    await asyncio.gather(*map(one, bodies))
    seconds = time.perf_counter() - began
    await client.close()
    return questions / seconds


def body_of(number: int) -> dict[str, Any]:
    """The request that the provider makes of a question."""
    turns = [{"role": turn.role, "content": turn.content} for turn in messages(prompt_of(number))]
    return {"model": "made-up", "messages": turns, "max_tokens": Decoding().max_new_tokens, "temperature": 0.0}


def prompt_of(number: int) -> Prompt:
    return Prompt(template=TEMPLATE, question=f"{'What is told here? ' * 40}q{number}")


def faults(questions: int, latency_s: float) -> Mapping[str, object]:
    """One round with faults: what was lost, doubled, or given to the wrong question."""
    with server(latency_s, "--fault-share", str(FAULT_SHARE)) as port:
        answers, seconds, _ = ask(port, questions, timeout_s=2.0)
        with urlopen(f"http://127.0.0.1:{port}/stats") as told:
            asked: Mapping[str, int] = json.loads(told.read())["asked"]
    texts = Counter(answer.text for answer in answers if answer.error is None)
    wanted = [f"q{n}" for n in range(questions)]
    return {
        "seconds": seconds,
        "settled": len(answers),
        "answered": sum(texts.values()),
        "failed": [answer.error for answer in answers if answer.error is not None],
        "lost": sum(word not in texts for word in wanted),
        "doubled": sum(count - 1 for count in texts.values()),
        "misplaced": sum(answer.text != word for answer, word in zip(answers, wanted, strict=True) if not answer.error),
        "served_again": sum(count - 1 for word, count in asked.items() if word in texts),
    }


def summary(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency-s", type=float, default=0.05)
    parser.add_argument("--json", type=Path)
    told = parser.parse_args()
    rounds = [rate(told.questions, told.latency_s) for _ in range(told.rounds)]
    document = {
        "questions": told.questions,
        "latency_s": told.latency_s,
        "capacity": CAPACITY,
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg(),
        "rate": summary(rounds),
        "rounds": rounds,
        "faults": {"share": FAULT_SHARE, **faults(told.questions, told.latency_s)},
    }
    text = json.dumps(document, indent=2)
    if told.json is not None:
        told.json.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
