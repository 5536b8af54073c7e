"""Compares the scores that parity-scores writes; see scores."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy

import compare
import reference

REFERENCE = "Haswell"  # OpenBLAS's kernels that the others are measured against
OPENBLAS = {"Haswell": "fma", "Prescott": "pni", "Sandybridge": "avx", "Zen": "fma",
            "SkylakeX": "avx512vl"}  # and what each needs of the processor
MOST = 1.5  # times what two kinds of OpenBLAS's kernels differ


def ways(build):
    """(name, way, environment) of all that this machine can compute, the reference first."""
    with open("/proc/cpuinfo", encoding="ascii") as file:
        flags = set(file.read().split())
    for core, need in OPENBLAS.items():
        if need in flags:
            yield f"OpenBLAS, {core}", "openblas", {"OPENBLAS_CORETYPE": core}
    for level in compare.levels(f"{build}/newsmill"):
        for name, way in (("direct", "direct"), ("F(2,3)", "f23"), ("F(4,3)", "engine")):
            yield f"{level}, {name}", way, {"NEWSMILL_KERNELS": level}


def scores(build, texts, way, environment, path):
    run = subprocess.run([f"{build}/parity-scores", reference.MODEL, texts, way, path], check=True,
                         stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    moves, kernels = run.stdout.split()
    wanted = environment.get("OPENBLAS_CORETYPE", kernels)
    if kernels.lower() != wanted.lower():
        sys.exit(f"parity: OpenBLAS took its {kernels} kernels where {wanted} were asked for")
    return numpy.memmap(path, dtype="float32", mode="r").reshape(-1, int(moves))


def margins(found):
    two = numpy.partition(found, -2, axis=1)[:, -2:]
    return (two[:, 1] - two[:, 0]).astype("float64")


def main(build, corpus):
    rows, density, margin, expected = [], 0, None, None
    with tempfile.TemporaryDirectory(dir=build) as folder:
        folder = pathlib.Path(folder)
        texts = folder / "texts.ndjson"
        with open(texts, "w", encoding="utf-8") as file:
            for text, _ in reference.articles(corpus):
                file.write(json.dumps({"content": text}) + "\n")
        for name, way, environment in ways(build):
            found = scores(build, texts, way, environment, folder / (way if expected is not None
                                                                     else "reference"))
            if expected is None:
                expected, margin = found, margins(found)
                density = (margin < 0.01).mean() / 0.01
                print(f"{len(margin):,} tokens; smallest margin {margin.min():.1e}; margins under "
                      + ", ".join(f"{limit:g}: {(margin < limit).sum()}"
                                  for limit in (1e-4, 1e-3, 1e-2))
                      + f"; against {name}:\n\n| computed by | largest difference of a score | mean of "
                      "a token's largest | other best move | flips expected in 10⁹ tokens |\n"
                      "|---|---|---|---|---|")
                continue
            of_token = numpy.abs(found - expected).max(axis=1)
            flips = (found.argmax(axis=1) != expected.argmax(axis=1)).sum()
            # A decision flips if its margin shrinks by more than itself: margins near zero are as
            # frequent as `density` says, and half of them shrink.
            chance = density * numpy.abs(margins(found) - margin).mean() / 2
            rows.append((name, of_token.max(), of_token.mean()))
            print(f"| {name} | {of_token.max():.2e} | {of_token.mean():.2e} | {flips} | "
                  f"{1e9 * chance:.1f} |", flush=True)
            del found
    blas = [row for row in rows if row[0].startswith("OpenBLAS")]
    largest, mean = max(row[1] for row in blas), max(row[2] for row in blas)
    failed = [row[0] for row in rows if row[0].endswith("F(4,3)") and
              (row[1] > MOST * largest or row[2] > MOST * mean)]
    for name in failed:
        print(f"parity: {name} differs more than {MOST} times as much as OpenBLAS's own kernels")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
