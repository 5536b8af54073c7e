"""The reference: spaCy with nothing but its tokenizer and its ner component, and the corpus."""
import csv
import os
import pathlib
import sys

import spacy

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = os.environ.get("NEWSMILL_MODEL_PATH") or str(ROOT / "var/models/en_core_web_sm")


def load():
    """The model without the components that ner does not need. Where ner listens to a shared
    encoder, the encoder stays."""
    config = spacy.util.load_config(pathlib.Path(MODEL) / "config.cfg")
    components = config["components"]
    pipeline = config["nlp"]["pipeline"]
    ner = [name for name in pipeline if components[name]["factory"] == "ner"]
    if len(ner) != 1:
        sys.exit(f"{MODEL}: not one ner component but {len(ner)}")
    tok2vec = components[ner[0]]["model"].get("tok2vec", {})
    listens = tok2vec.get("@architectures", "").startswith("spacy.Tok2VecListener")
    keep = set(ner)
    if listens:
        keep |= {name for name in pipeline if components[name]["factory"] == "tok2vec"}
    nlp = spacy.load(MODEL, exclude=[name for name in pipeline if name not in keep])
    nlp.max_length = 1 << 30
    return nlp


def articles(path):
    """(content, publication) of each row; columns as in All the News, or as the gateway names
    them."""
    csv.field_size_limit(1 << 30)
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            content = row["article"] if "article" in row else row["content"]
            if content is not None and "\0" not in content:  # newsmill refuses U+0000
                yield content, row.get("publication") or ""


def tokens(doc):
    return [[token.idx, token.idx + len(token)] for token in doc]


def entities(doc):
    return [[e.start_char, e.end_char, e.label_] for e in doc.ents]
