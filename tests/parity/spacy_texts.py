"""Every string literal of the tokenizer and language tests that come with the installed spaCy."""
import ast
import pathlib

import spacy

MAX_CHARACTERS = 20_000


def documentation(tree):
    """The literals that are comments: docstrings and other strings that stand alone."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def texts():
    folder = pathlib.Path(spacy.__file__).parent / "tests"
    found = {}
    for path in sorted([*folder.glob("tokenizer/*.py"), *folder.glob("lang/**/*.py"),
                        *folder.glob("doc/*.py"), *folder.glob("parser/*.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        skipped = documentation(tree)
        for node in ast.walk(tree):
            if (isinstance(node, ast.Constant) and isinstance(node.value, str)
                    and id(node) not in skipped and len(node.value) <= MAX_CHARACTERS):
                found[node.value] = None
    good = []
    for text in found:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:  # a lone surrogate is no text for newsmill
            continue
        if "\0" not in text:
            good.append(text)
    return good
