"""Measures spaCy and the engine in turn; see bench-ner."""
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "parity"))

import farm_worker
import reference
import ner_plot

OUT = reference.ROOT / "build/bench"
ROUNDS = int(os.environ.get("ROUNDS") or 5)
SAMPLE_TIMES = 10     # the sample is small: it is gone through so many times
FULL_STEP = 8         # the full pipeline is slow: it gets every eighth article
BOUND_ROWS, BOUND_TOKENS = 256, 300_000
THREADS = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS")}


class Player:
    """A program that works the corpus whenever a line comes in on its stdin. It is ready once this
    is made, so that no two load at the same time."""

    def __init__(self, name, command, core, loads=True):
        self.name, self.command = name, [str(word) for word in command]
        self.runs, self.load_ms = [], 0.0
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **THREADS}, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        if loads:
            words = self.process.stdout.readline().split()
            if words[:1] != ["ready"]:
                sys.exit(f"bench: {name} did not start")
            self.load_ms = float(words[1])

    def play(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        if not words:
            sys.exit(f"bench: {self.name} ended")
        return words

    def end(self):
        self.process.stdin.close()
        words = self.process.stdout.read().split()
        self.process.wait()
        return [int(word) for word in words[1:3]] if words[:1] == ["memory"] else [0, 0]


def write_corpus(given):
    texts = [text for text, _ in reference.articles(given or
                                                    reference.ROOT / "deploy/sample/articles.csv")]
    if not given:
        texts = texts * SAMPLE_TIMES
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "texts.ndjson"
    with open(path, "w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"content": text}) + "\n")
    return path, len(texts)


def start(build, path, core):
    python, worker = sys.executable, HERE / "spacy_worker.py"
    build = pathlib.Path(build)
    players = {
        "full": Player("spaCy, full pipeline, one by one",
                       [python, "-B", worker, "full", path, FULL_STEP], core),
        "ner": Player("spaCy, ner only, nlp.pipe", [python, "-B", worker, "ner", path, 1], core),
        "bound": Player("three layers alone",
                        [build / "bench-bound", BOUND_ROWS, BOUND_TOKENS], core, loads=False),
        "engine": Player("newsmill", [build / "bench-engine", reference.MODEL, path], core),
        "stages": Player("newsmill, stages", [build / "bench-stages", reference.MODEL, path], core),
        "worker": farm_worker.Worker(build, reference.ROOT, path, core),
    }
    return players


def rounds(players):
    """One round with cold caches, on all sides, then ROUNDS that count; all players in turn in
    each."""
    for number in range(ROUNDS + 1):
        for player in players.values():
            words = player.play()
            if number:
                player.runs.append(words)
            else:
                player.cold = words
        print(f"bench: round {number} of {ROUNDS}" + ("" if number else " (warm-up)"),
              file=sys.stderr, flush=True)


def rates(player, column):
    """Tokens a second of each run, by wall (0) or processor time (1)."""
    return [int(words[2]) / float(words[column]) for words in player.runs]


def summarize(players, given, texts):
    result = {"corpus": str(given or "sample"), "texts": texts, "rounds": ROUNDS, "players": {}}
    result["kernels"] = players["bound"].runs[0][2]
    for key in ("full", "ner", "engine"):
        player = players[key]
        wall, cpu = rates(player, 0), rates(player, 1)
        peak, private = player.end()
        tokens, entities = (int(word) for word in player.runs[0][2:4])
        result["players"][key] = {
            "name": player.name, "command": player.command, "tokens": tokens, "entities": entities,
            "tokens_per_s": statistics.median(wall), "least": min(wall), "most": max(wall),
            "tokens_per_cpu_s": statistics.median(cpu), "load_ms": player.load_ms,
            "cold_tokens_per_s": int(player.cold[2]) / float(player.cold[0]),
            "peak_mib": peak / 1024, "private_mib": private / 1024}
    for column, clock in enumerate(("wall", "cpu")):
        ours = rates(players["engine"], column)
        bound = [float(words[column]) for words in players["bound"].runs]
        result[clock] = {
            "bound_us": statistics.median(bound),
            "bound_share": statistics.median(us * rate / 1e6 for us, rate in zip(bound, ours))}
        for key in ("full", "ner"):
            result[clock]["ratio_" + key] = statistics.median(
                a / b for a, b in zip(ours, rates(players[key], column)))
    for column, clock in enumerate(("wall", "cpu")): # articles a second of each side
        result[clock]["worker_share"] = statistics.median(
            (worker[2] / worker[column]) / (texts / float(engine[column]))
            for worker, engine in zip(players["worker"].runs, players["engine"].runs))
    token_count = result["players"]["engine"]["tokens"]
    stages = [dict(word.split("=") for word in words[4:]) for words in players["stages"].runs]
    result["stages_us"] = {
        name: statistics.median(float(s[name]) for s in stages) / token_count * 1e6
        for name in stages[0]}
    for key in ("stages", "bound", "worker"):
        players[key].end()
    return result


def print_table(r):
    print(f"corpus {r['corpus']}: {r['texts']} articles, {r['players']['engine']['tokens']} tokens; "
          f"{r['rounds']} rounds in turn on one core; OpenBLAS kernels: {r['kernels']}")
    print(f"\n{'':<34}{'tokens/s':>10}{'from':>9}{'to':>9}{'cold':>9}{'/CPU s':>9}{'load':>9}{'peak':>10}")
    for player in r["players"].values():
        print(f"{player['name']:<34}{player['tokens_per_s']:>10,.0f}{player['least']:>9,.0f}"
              f"{player['most']:>9,.0f}{player['cold_tokens_per_s']:>9,.0f}"
              f"{player['tokens_per_cpu_s']:>9,.0f}"
              f"{player['load_ms']:>6,.0f} ms{player['peak_mib']:>6,.0f} MiB")
    wall, cpu = r["wall"], r["cpu"]
    print(f"\n{'medians of the rounds':<34}{'by wall clock':>15}{'by CPU time':>15}")
    print(f"{'newsmill : ner only':<34}{wall['ratio_ner']:>15.1f}{cpu['ratio_ner']:>15.1f}")
    print(f"{'newsmill : full pipeline':<34}{wall['ratio_full']:>15.1f}{cpu['ratio_full']:>15.1f}")
    print(f"{'three large layers alone, us/token':<34}{wall['bound_us']:>15.2f}"
          f"{cpu['bound_us']:>15.2f}")
    print(f"{'newsmill, share of that bound':<34}{100 * wall['bound_share']:>13.0f} %"
          f"{100 * cpu['bound_share']:>13.0f} %")
    print(f"{'articles/s of a worker : engine':<34}{100 * wall['worker_share']:>13.0f} %"
          f"{100 * cpu['worker_share']:>13.0f} %")
    print("\nA token's CPU time in newsmill, in us:")
    whole = sum(r["stages_us"].values())
    for name, us in r["stages_us"].items():
        print(f"  {name:<10}{us:>7.3f}{100 * us / whole:>6.1f} %")
    print(f"  {'together':<10}{whole:>7.3f}")


def main(build, given):
    path, texts = write_corpus(given)
    core = int(os.environ.get("BENCH_CPU") or max(os.sched_getaffinity(0)))
    players = start(build, path, core)
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {core} or {core})  # to disturb nobody
    rounds(players)
    result = summarize(players, given, texts)
    print_table(result)
    ours, theirs = result["players"]["engine"], result["players"]["ner"]
    (OUT / "ner.json").write_text(json.dumps(result, indent=1) + "\n")
    (OUT / "ner.svg").write_text(ner_plot.svg(result))
    print("\nbuild/bench/ner.json, build/bench/ner.svg")
    if (ours["tokens"], ours["entities"]) != (theirs["tokens"], theirs["entities"]):
        sys.exit("bench: newsmill and spaCy do not find the same number of tokens and entities")


if __name__ == "__main__":
    main(*sys.argv[1:])
