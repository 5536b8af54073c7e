"""Runs each corpus through several builds of newsmill and several kernels of OpenBLAS, which must
all give the same answers; exit code 1 on any difference.

usage: compare_levels.py CORPUS_OR_EMPTY PROGRAM…
"""
import os
import sys

import all as every
import compare

# Products of these kernels differ in their last bits: in the order of additions, the width of
# vectors, with and without fused multiply-add.
KERNELS = {"Prescott": "pni", "Sandybridge": "avx", "Haswell": "fma", "Zen": "fma",
           "SkylakeX": "avx512vl", "Cooperlake": "avx512_bf16"}  # and what each needs


def kernels():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        flags = set(file.read().split())
    return [name for name, need in KERNELS.items() if need in flags]


def main(given, *programs):
    failed = False
    for corpus, texts in every.corpora(given):
        first, _ = compare.run_newsmill(programs[0], texts)
        for program in programs:
            for name in kernels():
                answers, _ = compare.run_newsmill(program, texts,
                                                  {**os.environ, "OPENBLAS_CORETYPE": name})
                bad = sum(a != b for a, b in zip(first, answers))
                failed = failed or bad > 0
                print(f"parity: {program}, {name} kernels, {corpus}: {len(texts)} texts, "
                      f"{bad} differ", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
