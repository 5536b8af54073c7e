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
# What en_core_web_sm cannot do without: three window layers of 96 x 288 with the six products of
# Winograd's F(4,3) for four tokens, the lower layer of the state scores, and the upper one's 37 moves.
MULTIPLY_ADDS = 3 * 96 * 288 * 6 // 4 + 96 * 128 + 64 * 37
THREADS = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS")}


class Player:
    """A program that works the corpus whenever a line comes in on its stdin. It is ready once this
    is made, so that no two load at the same time."""

    def __init__(self, name, command, core, level=None, loads=True):
        self.name, self.command = name, [str(word) for word in command]
        self.runs, self.load_ms = [], 0.0
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **THREADS, "NEWSMILL_KERNELS": level or ""}, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
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
    engine = build / "bench-engine"
    levels = subprocess.run([engine, "levels"], stdout=subprocess.PIPE, text=True,
                            check=True).stdout.split()
    players = {
        "full": Player("spaCy, full pipeline, one by one",
                       [python, "-B", worker, "full", path, FULL_STEP], core),
        "ner": Player("spaCy, ner only, nlp.pipe", [python, "-B", worker, "ner", path, 1], core)}
    for level in levels:
        players[level] = Player(f"newsmill, {level}", [engine, reference.MODEL, path], core, level)
        players["bound " + level] = Player("", [build / f"bench-bound-{level}"], core, loads=False)
    players["stages"] = Player("", [build / "bench-stages", reference.MODEL, path], core)
    players["worker"] = farm_worker.Worker(build, reference.ROOT, path, core)
    return levels, players


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


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        fields = dict(line.rstrip().split(":", 1) for line in file.read().split("\n\n")[0].split("\n"))
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    return (f"{fields.get('model name', os.uname().machine)} (family {fields.get('cpu family', '?')} "
            f"model {fields.get('model', '?')})")


def player_summary(player):
    wall, cpu = rates(player, 0), rates(player, 1)
    peak, private = player.end()
    tokens, entities = (int(word) for word in player.runs[0][2:4])
    return {"name": player.name, "command": player.command, "tokens": tokens, "entities": entities,
            "tokens_per_s": statistics.median(wall), "least": min(wall), "most": max(wall),
            "tokens_per_cpu_s": statistics.median(cpu), "load_ms": player.load_ms,
            "cold_tokens_per_s": int(player.cold[2]) / float(player.cold[0]),
            "peak_mib": peak / 1024, "private_mib": private / 1024}


def level_summary(players, level):
    """Ratios are of the same round; the bound is what the core's peak in that round would allow."""
    engine, peaks = players[level], [float(macs) / float(cpu_s) for cpu_s, macs
                                     in players["bound " + level].runs]
    result = {"peak_gmacs": statistics.median(peaks) / 1e9,
              "bound_tokens_per_s": statistics.median(peaks) / MULTIPLY_ADDS,
              "bound_share": statistics.median(rate * MULTIPLY_ADDS / peak for rate, peak
                                               in zip(rates(engine, 1), peaks))}
    for column, clock in enumerate(("wall", "cpu")):
        for key in ("full", "ner"):
            result[f"{clock}_ratio_{key}"] = statistics.median(
                a / b for a, b in zip(rates(engine, column), rates(players[key], column)))
    return result


def summarize(players, levels, given, texts):
    best, worker = players[levels[0]], players["worker"]
    result = {"corpus": str(given or "sample"), "texts": texts, "rounds": ROUNDS,
              "processor": processor(), "chosen": levels[0], "multiply_adds": MULTIPLY_ADDS,
              "levels": {level: level_summary(players, level) for level in levels},
              "players": {key: player_summary(players[key]) for key in ("full", "ner", *levels)}}
    for column, clock in enumerate(("wall", "cpu")): # articles a second of each side
        result[f"{clock}_worker_share"] = statistics.median(
            (run[2] / run[column]) / (texts / float(engine[column]))
            for run, engine in zip(worker.runs, best.runs))
    stages = [dict(word.split("=") for word in words[4:]) for words in players["stages"].runs]
    result["stages_us"] = {
        name: statistics.median(float(s[name]) for s in stages) / int(best.runs[0][2]) * 1e6
        for name in stages[0]}
    for key in ("stages", "worker", *("bound " + level for level in levels)):
        players[key].end()
    return result


def print_table(r):
    print(f"corpus {r['corpus']}: {r['texts']} articles, {r['players']['ner']['tokens']} tokens; "
          f"{r['rounds']} rounds in turn on one core\n{r['processor']}; chosen: {r['chosen']}")
    print(f"\n{'':<34}{'tokens/s':>10}{'from':>9}{'to':>9}{'cold':>9}{'/CPU s':>9}{'load':>9}{'peak':>10}")
    for player in r["players"].values():
        print(f"{player['name']:<34}{player['tokens_per_s']:>10,.0f}{player['least']:>9,.0f}"
              f"{player['most']:>9,.0f}{player['cold_tokens_per_s']:>9,.0f}"
              f"{player['tokens_per_cpu_s']:>9,.0f}"
              f"{player['load_ms']:>6,.0f} ms{player['peak_mib']:>6,.0f} MiB")
    print(f"\n{'':<10}{'times spaCy ner':>20}{'times full pipeline':>22}{'peak of the core':>20}"
          f"{'bound':>18}{'share':>8}")
    print(f"{'':<10}{'wall':>11}{'CPU':>9}{'wall':>13}{'CPU':>9}{'10^9 multiply-adds/s':>22}"
          f"{'tokens/s':>16}")
    for level, l in r["levels"].items():
        print(f"{level:<10}{l['wall_ratio_ner']:>11.1f}{l['cpu_ratio_ner']:>9.1f}"
              f"{l['wall_ratio_full']:>13.1f}{l['cpu_ratio_full']:>9.1f}{l['peak_gmacs']:>20.1f}"
              f"{l['bound_tokens_per_s']:>18,.0f}{100 * l['bound_share']:>6.0f} %")
    print(f"The bound: {r['multiply_adds']:,} multiply-adds a token at the peak, nothing else.")
    print(f"Articles/s of a worker : engine: {100 * r['wall_worker_share']:.0f} % by wall clock, "
          f"{100 * r['cpu_worker_share']:.0f} % by CPU time")
    print("\nA token's CPU time in newsmill, in us:")
    whole = sum(r["stages_us"].values())
    for name, us in r["stages_us"].items():
        print(f"  {name:<10}{us:>7.3f}{100 * us / whole:>6.1f} %")
    print(f"  {'together':<10}{whole:>7.3f}")


def main(build, given):
    path, texts = write_corpus(given)
    core = int(os.environ.get("BENCH_CPU") or max(os.sched_getaffinity(0)))
    levels, players = start(build, path, core)
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {core} or {core})  # to disturb nobody
    rounds(players)
    result = summarize(players, levels, given, texts)
    print_table(result)
    found = {(p["tokens"], p["entities"]) for key, p in result["players"].items() if key != "full"}
    (OUT / "ner.json").write_text(json.dumps(result, indent=1) + "\n")
    (OUT / "ner.svg").write_text(ner_plot.svg(result))
    print("\nbuild/bench/ner.json, build/bench/ner.svg")
    if len(found) != 1:
        sys.exit("bench: newsmill and spaCy do not find the same number of tokens and entities")


if __name__ == "__main__":
    main(*sys.argv[1:])
