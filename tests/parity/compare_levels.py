"""Runs each corpus through several builds of newsmill and all kernels that this machine can run,
which must all give the same answers; exit code 1 on any difference.

usage: compare_levels.py CORPUS_OR_EMPTY PROGRAM…
"""
import sys

import all as every
import compare


def main(given, *programs):
    failed = False
    for corpus, texts in every.corpora(given):
        first, _ = compare.run_newsmill(programs[0], texts)
        for program in programs:
            for name in compare.levels(program):
                answers, _ = compare.run_newsmill(program, texts, name)
                bad = sum(a != b for a, b in zip(first, answers))
                failed = failed or bad > 0
                print(f"parity: {program}, {name} kernels, {corpus}: {len(texts)} texts, "
                      f"{bad} differ", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
