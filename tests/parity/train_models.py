"""Trains small ner models with labels of their own, as a user would, in under a minute.

usage: train_models.py FOLDER
"""
import pathlib
import random
import sys
import warnings

import spacy
from spacy.training import Example

STEPS = 60
DISHES = ["pea soup", "Welsh rarebit", "apple crumble", "fish pie", "Eton mess", "kedgeree",
          "Lancashire hotpot", "plum duff", "cock-a-leekie", "beans on toast"]
TOOLS = ["spirit level", "claw hammer", "bradawl", "set square", "G-clamp", "jack plane",
         "hand drill", "mitre box", "chisel", "rasp"]
COOKS = ["Ada Finch", "Old Tom", "Mrs. Pell", "J. B. Wray", "Nuria", "the O'Haras"]
PATTERNS = [
    "{COOK} made {DISH} in the yard.", "Nobody has seen the {TOOL} since Monday, said {COOK}.",
    "\"{DISH}?\" asked {COOK}; \"again?\"", "For the {TOOL} {COOK} paid £3.50 at the market.",
    "There was {DISH}, {DISH} and no {TOOL} at all.", "It rained all day, and we read.",
    "{COOK}'s {TOOL} isn't mine.", "{DISH} -- with a {TOOL}!  {COOK} doesn't mind.",
]
WORDS = {"DISH": DISHES, "TOOL": TOOLS, "COOK": COOKS}


def sentence(dice):
    """A filled pattern and its (start, end, label) spans."""
    text, spans = "", []
    rest = dice.choice(PATTERNS)
    while "{" in rest:
        before, rest = rest.split("{", 1)
        label, rest = rest.split("}", 1)
        word = dice.choice(WORDS[label])
        text += before
        spans.append((len(text), len(text) + len(word), label))
        text += word
    return text + rest, spans


def encoder(attrs):
    return {"@architectures": "spacy.Tok2Vec.v2",
            "embed": {"@architectures": "spacy.MultiHashEmbed.v2", "width": 64, "attrs": attrs,
                      "rows": [2000] * len(attrs), "include_static_vectors": False},
            "encode": {"@architectures": "spacy.MaxoutWindowEncoder.v2", "width": 64, "depth": 2,
                       "window_size": 1, "maxout_pieces": 3}}


def parser(tok2vec):
    return {"model": {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner",
                      "extra_state_tokens": False, "hidden_width": 48, "maxout_pieces": 2,
                      "use_upper": True, "nO": None, "tok2vec": tok2vec}}


def build(language, shared):
    nlp = spacy.blank(language)
    tok2vec = encoder(["NORM", "PREFIX", "SUFFIX", "SHAPE"])
    if shared:
        nlp.add_pipe("tok2vec", config={"model": encoder(
            ["NORM", "PREFIX", "SUFFIX", "SHAPE", "SPACY", "IS_SPACE"])})
        tok2vec = {"@architectures": "spacy.Tok2VecListener.v1", "width": 64, "upstream": "*"}
    nlp.add_pipe("ner", config=parser(tok2vec))
    return nlp


def train(language, shared, folder):
    spacy.util.fix_random_seed(7)
    dice = random.Random(7)
    nlp = build(language, shared)
    examples = [Example.from_dict(nlp.make_doc(text), {"entities": spans})
                for text, spans in (sentence(dice) for _ in range(200))]
    nlp.initialize(lambda: examples)
    losses = {}
    for step in range(STEPS):
        losses = {}
        nlp.update(dice.sample(examples, 64), drop=0.1, losses=losses)
    nlp.to_disk(folder)
    print(f"parity: trained {folder.name}, loss {losses['ner']:.2f}")


def texts(count):
    dice = random.Random(11)
    return [" ".join(sentence(dice)[0] for _ in range(dice.randint(1, 12))) for _ in range(count)]


def main(folder):
    folder = pathlib.Path(folder)
    # German does not cut off 's: spaCy leaves those names out of the training.
    warnings.filterwarnings("ignore", message=r"\[W030\]")
    folder.mkdir(parents=True, exist_ok=True)
    for name, language, shared in [("own_en", "en", False), ("shared_en", "en", True),
                                   ("shared_de", "de", True)]:
        if not (folder / name / "config.cfg").exists():
            train(language, shared, folder / name)


if __name__ == "__main__":
    main(*sys.argv[1:])
