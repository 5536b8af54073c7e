"""Makes ner models of other shapes with random weights and compares newsmill with spaCy on each."""
import pathlib
import sys
import tempfile

import numpy
import spacy
from spacy.vectors import Vectors

import compare
import reference

LABELS = ["PERSON", "ORG", "GPE", "DATE"]
ARTICLES = 30

# What differs from the small English model, for each variant.
VARIANTS = {
    "shared encoder with SPACY and IS_SPACE": {
        "listener": True, "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE", "SPACY", "IS_SPACE"]},
    "six state features": {"extra_state_tokens": True},
    "no upper layer": {"use_upper": False},
    "one hidden piece": {"hidden_pieces": 1},
    "three hidden pieces, window 2, depth 3, width 128": {
        "hidden_pieces": 3, "window_size": 2, "depth": 3, "width": 128,
        "attrs": ["LOWER", "ORTH", "SHAPE"]},
    "odd widths, depth 1": {"width": 50, "depth": 1, "hidden_width": 33, "pieces": 2},
    "static vectors": {"vectors": 40},
}


def tok2vec(v):
    attrs = v.get("attrs", ["NORM", "PREFIX", "SUFFIX", "SHAPE"])
    width = v.get("width", 96)
    return {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {"@architectures": "spacy.MultiHashEmbed.v2", "width": width, "attrs": attrs,
                  "rows": [500 + 100 * i for i in range(len(attrs))],
                  "include_static_vectors": "vectors" in v},
        "encode": {"@architectures": "spacy.MaxoutWindowEncoder.v2", "width": width,
                   "depth": v.get("depth", 4), "window_size": v.get("window_size", 1),
                   "maxout_pieces": v.get("pieces", 3)},
    }


def ner(v, encoder):
    return {"model": {
        "@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner",
        "extra_state_tokens": v.get("extra_state_tokens", False),
        "hidden_width": v.get("hidden_width", 64), "maxout_pieces": v.get("hidden_pieces", 2),
        "use_upper": v.get("use_upper", True), "nO": None, "tok2vec": encoder}}


def add_vectors(nlp, texts, width, random):
    words = sorted({token.text for text in texts for token in nlp.make_doc(text)})[::2]
    data = random.normal(size=(len(words), width)).astype("float32")
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=data,
                                keys=[nlp.vocab.strings.add(word) for word in words])


def shake(component, random):
    """Random weights everywhere: a fresh model has zeros where it matters."""
    for node in component.model.walk():
        for name in node.param_names:
            if not node.has_param(name):
                continue
            value = node.get_param(name)
            scale = 0.3 if node.name in ("hashembed", "linear") else value.shape[-1] ** -0.5
            if node.name == "layernorm":
                noise = 0.1 * random.normal(size=value.shape) + (name == "G")
            else:
                noise = scale * random.normal(size=value.shape)
            node.set_param(name, noise.astype("float32"))


def make(v, folder, texts, seed):
    random = numpy.random.default_rng(seed)
    nlp = spacy.blank("en")
    if "vectors" in v:
        add_vectors(nlp, texts, v["vectors"], random)
    encoder = tok2vec(v)
    if v.get("listener"):
        nlp.add_pipe("tok2vec", config={"model": encoder})
        encoder = {"@architectures": "spacy.Tok2VecListener.v1", "width": v.get("width", 96),
                   "upstream": "tok2vec"}
    component = nlp.add_pipe("ner", config=ner(v, encoder))
    for label in LABELS:
        component.add_label(label)
    nlp.initialize()
    for name in nlp.pipe_names:
        shake(nlp.get_pipe(name), random)
    nlp.to_disk(folder)


def main(program, corpus):
    texts = [content for content, _ in reference.articles(corpus)][:ARTICLES]
    failed = 0
    for seed, (name, variant) in enumerate(VARIANTS.items()):
        with tempfile.TemporaryDirectory() as folder:
            make(variant, pathlib.Path(folder), texts, seed)
            reference.MODEL = folder
            docs = reference.load().pipe(texts)
            tokens, entities, bad, _ = compare.check(program, texts, docs)
        print(f"parity: {name}: {tokens} tokens, {entities} entities; {bad} texts differ")
        failed += bad > 0 or entities == 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
