"""spaCy over a corpus each time it is told to, for ner.py; the counterpart of bench-engine.

usage: spacy_worker.py full|ner TEXTS.ndjson STEP    (STEP: every so many-th text)

"full" is the whole pipeline, one article at a time; "ner" the ner component alone, through nlp.pipe.
"""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))

import spacy

import reference


def status(name):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def main(mode, path, step):
    start = time.perf_counter()
    nlp = spacy.load(reference.MODEL) if mode == "full" else reference.load()
    load_ms = 1e3 * (time.perf_counter() - start)
    with open(path, encoding="utf-8") as file:
        texts = [json.loads(line)["content"] for line in file][::int(step)]
    print(f"ready {load_ms:.1f}", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        tokens = entities = 0
        for doc in map(nlp, texts) if mode == "full" else nlp.pipe(texts):
            tokens += len(doc)
            entities += len(doc.ents)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{wall:.6f} {cpu:.6f} {tokens} {entities}", flush=True)
    print(f"memory {status('VmHWM')} {status('RssAnon')}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
