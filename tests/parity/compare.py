"""Compares newsmill's tokens and entities, with each kind of kernels that this machine can run, with
spaCy's; exit code 1 on any difference."""
import functools
import json
import os
import subprocess
import sys
import tempfile
import time

import reference

SHOWN = 20


def with_kernels(level):
    return {**os.environ, "NEWSMILL_KERNELS": level}


@functools.cache
def levels(program):
    """Of all kernels those that can be run here, best first."""
    command = [program, "model", "check", reference.MODEL]
    return [level for level in ("avx512", "avx2", "baseline") if subprocess.run(
        command, env=with_kernels(level), stdout=subprocess.DEVNULL, check=False).returncode == 0]


def run_newsmill(program, texts, level=""):
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"content": text}) + "\n")
        file.flush()
        start = time.perf_counter()
        run = subprocess.run(
            [program, "entities", "--model", reference.MODEL, "--ndjson", "--tokens", file.name],
            stdout=subprocess.PIPE, check=False, env=with_kernels(level))
        seconds = time.perf_counter() - start
    if run.returncode != 0:
        sys.exit(f"parity: newsmill entities ended with {run.returncode}")
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if len(answers) != len(texts):
        sys.exit(f"parity: {len(answers)} answers for {len(texts)} texts")
    return answers, seconds


def differences(what, text, expected, found):
    """Each item that only one side has, in words."""
    expected, found = [tuple(x) for x in expected], [tuple(x) for x in found]
    if expected == found:
        return []
    lines = [(x, "spaCy only") for x in sorted(set(expected) - set(found))]
    lines += [(x, "newsmill only") for x in sorted(set(found) - set(expected))]
    lines = lines or [(expected[0], "in another order or number")]
    return [f"{side}: {what} {x} {text[x[0]:x[1]]!r}" for x, side in lines]


def check(program, texts, docs):
    """Shows the first differences; returns tokens, entities, texts that differ, seconds of ours."""
    answers, seconds = run_newsmill(program, texts)
    token_count = entity_count = bad_texts = shown = 0
    for level in levels(program):
        others, _ = run_newsmill(program, texts, level)
        unlike = sum(a != b for a, b in zip(answers, others))
        bad_texts += unlike
        if unlike:
            print(f"{unlike} texts differ with the {level} kernels")
    for number, (text, doc, answer) in enumerate(zip(texts, docs, answers), 1):
        token_count += len(doc)
        entity_count += len(doc.ents)
        found = [[e["start"], e["end"], e["label"]] for e in answer["entities"]]
        lines = differences("token", text, reference.tokens(doc), answer["tokens"])
        lines += differences("entity", text, reference.entities(doc), found)
        lines += [f"newsmill's text of {e}" for e in answer["entities"]
                  if e["text"] != text[e["start"]:e["end"]]]
        bad_texts += bool(lines)
        for line in lines[:SHOWN - shown]:
            print(f"text {number}: {line}")
            shown += 1
    return token_count, entity_count, bad_texts, seconds


def main(program, corpus):
    texts = [content for content, _ in reference.articles(corpus)]
    if not texts:
        sys.exit(f"parity: no articles in {corpus}")
    nlp = reference.load()
    start = time.perf_counter()
    docs = list(nlp.pipe(texts))
    spacy_seconds = time.perf_counter() - start
    tokens, entities, bad_texts, seconds = check(program, texts, docs)
    print(f"parity: {len(texts)} texts, {tokens} tokens, {entities} entities; "
          f"{bad_texts} texts differ; kernels: {', '.join(levels(program))}")
    print(f"parity: spaCy {spacy_seconds:.2f} s; newsmill {seconds:.2f} s with start and load")
    return 1 if bad_texts else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
