"""Writes what spaCy finds in the sample and at the edges, and what newsmill must count from it."""
import collections
import json
import pathlib
import sys

import edge_corpus
import reference

SKIPPED = {"CARDINAL", "MONEY", "ORDINAL", "DATE", "TIME"}  # the default of skip_labels


def write(path, rows, ascii_only=False):
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=ascii_only, separators=(",", ":")) + "\n")
    print(f"{path.name}: {len(rows)} lines")


def main(corpus, folder):
    folder = pathlib.Path(folder)
    rows = list(reference.articles(corpus))
    nlp = reference.load()
    docs = list(nlp.pipe(content for content, _ in rows))
    write(folder / "golden_entities.ndjson",
          [{"tokens": reference.tokens(doc), "entities": reference.entities(doc)} for doc in docs])
    edges = edge_corpus.texts()
    write(folder / "golden_edge.ndjson",
          [{"content": text, "tokens": reference.tokens(doc), "entities": reference.entities(doc)}
           for text, doc in zip(edges, nlp.pipe(edges))], ascii_only=True)

    articles = collections.Counter()
    words = collections.defaultdict(collections.Counter)  # (publication, word) -> label -> count
    for (_, publication), doc in zip(rows, docs):
        key = publication.strip().lower()
        articles[key] += 1
        for entity in doc.ents:
            if entity.label_ not in SKIPPED:
                words[key, entity.text.lower()][entity.label_] += 1
    counts = [{"publication": key, "articles": n} for key, n in sorted(articles.items())]
    counts += [{"publication": key, "word": word, "count": labels.total(),
                "labels": dict(sorted(labels.items()))}
               for (key, word), labels in sorted(words.items())]
    write(folder / "golden_counts.ndjson", counts)


if __name__ == "__main__":
    main(*sys.argv[1:])
