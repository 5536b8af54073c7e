"""A spaCy model directory of a few kilobytes with every part that the loader knows, made of noise.

It needs no spaCy: the few kinds of msgpack it takes are written here.
"""
import json
import random
import struct

WIDTH, ROWS, PIECES, VECTOR, HIDDEN = 4, 8, 2, 3, 4
LABELS = ["PERSON", "ORG"]

CONFIG = """[nlp]
lang = "en"
pipeline = {pipeline}
disabled = []
tokenizer = {{"@tokenizers":"spacy.Tokenizer.v1"}}

[components]
{components}
[components.ner]
factory = "ner"
moves = null

[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"

[components.ner.model.tok2vec]
@architectures = {tok2vec}
"""


def head(small, small_max, codes, n):
    """The header of a value of n elements or bytes: a small form, then 8, 16 and 32 bits."""
    if n <= small_max:
        return bytes([small | n])
    for code, size, form in zip(codes, (8, 16, 32), (">BB", ">BH", ">BI")):
        if code and n < 1 << size:
            return struct.pack(form, code, n)
    raise ValueError(n)


def pack(value):
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return bytes([value]) if value < 128 else struct.pack(">BQ", 0xCF, value)
    if isinstance(value, str):
        raw = value.encode()
        return head(0xA0, 31, (0xD9, 0xDA, 0xDB), len(raw)) + raw
    if isinstance(value, bytes):
        return head(0, -1, (0xC4, 0xC5, 0xC6), len(value)) + value
    if isinstance(value, list):
        return head(0x90, 15, (0, 0xDC, 0xDD), len(value)) + b"".join(map(pack, value))
    pairs = b"".join(pack(k) + pack(v) for k, v in value.items())
    return head(0x80, 15, (0, 0xDE, 0xDF), len(value)) + pairs


def array(dice, *shape):
    count = 1
    for side in shape:
        count *= side
    data = struct.pack(f"<{count}f", *(dice.gauss(0, 1) for _ in range(count)))
    return {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": list(shape), b"data": data}


def node(name, attributes=None, parameters=None, references=None):
    packed = {key: pack(value) for key, value in (attributes or {}).items()}
    return {"name": name, "refs": references or {}}, packed, parameters or {}


def network(nodes):
    heads = [dict(n[0], index=i, dims={}) for i, n in enumerate(nodes)]
    return pack({"nodes": heads, "attrs": [n[1] for n in nodes], "params": [n[2] for n in nodes],
                 "shims": [[] for _ in nodes]})


def encoder_nodes(dice):
    def maxout(inputs):
        return [node("maxout", None, {"W": array(dice, WIDTH, PIECES, inputs),
                                      "b": array(dice, WIDTH, PIECES)}),
                node("layernorm", None, {"G": array(dice, WIDTH), "b": array(dice, WIDTH)})]

    return [
        node("extract_features", {"columns": ["NORM", "SHAPE"]}),
        node("hashembed", {"column": 0, "seed": 8}, {"E": array(dice, ROWS, WIDTH)}),
        node("hashembed", {"column": 1, "seed": 9}, {"E": array(dice, ROWS, WIDTH)}),
        node("static_vectors", None, {"W": array(dice, WIDTH, VECTOR)}),
        *maxout(3 * WIDTH),
        node("with_array(residual(expand_window>>maxout>>layernorm))", {"pad": 1}),
        node("expand_window", {"window_size": 1}),
        *maxout(3 * WIDTH),
    ]


def parser_nodes(dice, before, classes):
    """The nodes of the ner component, after the `before` nodes that stand behind the first."""
    lower = 1 + len(before) + 1
    return [
        node("parser_model", {"has_upper": True}, None,
             {"tok2vec": 1, "lower": lower, "upper": lower + 1}),
        *before,
        node("linear", None, {"W": array(dice, HIDDEN, WIDTH), "b": array(dice, HIDDEN)}),
        node("precomputable_affine", None, {
            "W": array(dice, 3, HIDDEN, PIECES, HIDDEN), "b": array(dice, HIDDEN, PIECES),
            "pad": array(dice, 1, 3, HIDDEN, PIECES)}),
        node("linear", None, {"W": array(dice, classes, HIDDEN), "b": array(dice, classes)}),
    ]


def vectors(dice, rows):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {VECTOR}), }}"
    header = header.ljust(117) + "\n"
    data = struct.pack(f"<{rows * VECTOR}f", *(dice.gauss(0, 1) for _ in range(rows * VECTOR)))
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def tokenizer(**changes):
    rules = {
        "prefix_search": r"^[\(\"'£$]|^\.\.\.|^--", "suffix_search": r"[\),;:!\?\"'\.]$|--$|'s$",
        "infix_finditer": r"--|(?<=[a-z])[,:](?=[a-z])|\.\.+", "token_match": None,
        "url_match": r"(?u)^(?:https?://)?[\w.]+\.[a-z]{2,}(?:/\S*)?$", "faster_heuristics": True,
        "exceptions": {"Don't": [{65: "Do"}, {65: "n't", 67: "not"}], "L.A.": [{65: "L.A."}],
                       "a (b": [{65: "a"}, {65: " "}, {65: "(b"}]}}
    return pack({**rules, **changes})


def config(shared=False):
    if not shared:
        return CONFIG.format(pipeline='["ner"]', components="",
                             tok2vec='"spacy.Tok2Vec.v2"').encode()
    return CONFIG.format(
        pipeline='["tok2vec","ner"]', components='[components.tok2vec]\nfactory = "tok2vec"\n',
        tok2vec='"spacy.Tok2VecListener.v1"\nupstream = "*"').encode()


def files():
    """Each file of the directory by its name."""
    dice = random.Random(5)
    frequencies = {label: 9 - i for i, label in enumerate(LABELS)}
    moves = {"0": {}, "1": frequencies, "2": frequencies, "3": frequencies,
             "4": {**frequencies, "": 1}, "5": {"": 1}}
    classes = 4 * len(LABELS) + 2
    encoder = encoder_nodes(dice)
    return {
        "config.cfg": config(),
        "tokenizer": tokenizer(),
        "vocab/lookups.bin": pack({"lexeme_norm": {8566208034543834098: "pear", 101: "ten"}}),
        "vocab/vectors.cfg": b'{"mode":"default"}',
        "vocab/vectors": vectors(dice, 3),
        "vocab/key2row": pack({8566208034543834098: 0, 101: 1, 3197928453018144401: 2}),
        "ner/cfg": b'{"moves":null,"beam_width":1}',
        "ner/moves": pack({"moves": json.dumps(moves)}),
        "ner/model": network(parser_nodes(dice, encoder, classes)),
        "tok2vec/model": network([node("tok2vec"), *encoder]),
    }


def variants():
    """More contents for some of the files, that the loader takes other ways for."""
    dice = random.Random(6)
    listener = [node("tok2vec-listener")]
    yield "config.cfg", config(shared=True)
    yield "ner/model", network(parser_nodes(dice, listener, 4 * len(LABELS) + 2))
    yield "tokenizer", tokenizer(faster_heuristics=False, token_match="(?iu)^(?:a-b|c-d|e'f)$")
    yield "tokenizer", tokenizer(suffix_search=r"(?<=[0-9])km$|(?<=[a-z]{2})\.$|[\u2026]$|\S\S$")
    yield "tokenizer", tokenizer(infix_finditer=r"(?<=')(?=[a-z])|[+*^]|(?:a|b){1,3}?", exceptions={})
    yield "vocab/vectors.cfg", b"{}"
    yield "vocab/lookups.bin", b"\x80"
