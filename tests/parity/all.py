"""Runs each corpus through each model, newsmill against spaCy; exit code 1 on any difference.

usage: all.py PROGRAM CORPUS_OR_EMPTY MODEL…
"""
import pathlib
import sys

import compare
import edge_corpus
import reference
import spacy_texts
import train_models

SAMPLE = reference.ROOT / "deploy/sample/articles.csv"
# The larger models take their time in spaCy; the small one gets the whole of a given corpus.
WHOLE = "en_core_web_sm"
SHARE = 400


def corpora(given):
    yield "sample", [text for text, _ in reference.articles(SAMPLE)]
    yield "edge", edge_corpus.texts()
    yield "long", edge_corpus.long_texts()
    yield "spaCy's", spacy_texts.texts()
    yield "trained", train_models.texts(200)
    if given:
        yield pathlib.Path(given).stem, [text for text, _ in reference.articles(given)]


def main(program, given, *models):
    texts_of = dict(corpora(given))
    failed = []
    print(f"{'model':<18}{'corpus':<10}{'texts':>8}{'tokens':>10}{'entities':>10}{'differ':>8}",
          flush=True)
    for model in models:
        reference.MODEL = model
        name = pathlib.Path(model).name
        nlp = reference.load()
        for corpus, texts in texts_of.items():
            if given and corpus == pathlib.Path(given).stem and name != WHOLE:
                texts = texts[::max(1, len(texts) // SHARE)]
            docs = nlp.pipe(texts, batch_size=64)
            tokens, entities, bad, _ = compare.check(program, texts, docs)
            print(f"{name:<18}{corpus:<10}{len(texts):>8}{tokens:>10}{entities:>10}{bad:>8}",
                  flush=True)
            if bad:
                failed.append(f"{name} on {corpus}")
        # A recogniser that finds nothing at all would agree on everything.
        if not any(doc.ents for doc in nlp.pipe(texts_of["sample"] + texts_of["trained"])):
            failed.append(f"{name} found nothing at all")
    for text in failed:
        print(f"parity: {text}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
