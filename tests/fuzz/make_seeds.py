"""Writes the seeds of the fuzz targets below a folder, from the sample, the golden data, the default
settings and a tiny model. Needs nothing but Python itself.

usage: make_seeds.py FOLDER
"""
import csv
import gzip
import hashlib
import json
import pathlib
import sys

import tiny_model

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_TEXT_BYTES = 1500


def keep(folder, target, content):
    path = folder / "seeds" / target
    path.mkdir(parents=True, exist_ok=True)
    (path / hashlib.sha1(content).hexdigest()[:16]).write_bytes(content)


def texts():
    with open(ROOT / "deploy/sample/articles.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row.get("article") or row.get("content") or ""
    with open(ROOT / "tests/parity/golden_edge.ndjson", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)["content"]


def article_seeds():
    item = {"content": "Ann Lee left Paris.", "publication": "The Gazette", "id": "0190-a",
            "url": "http://example.org/1", "title": "T", "published": "2026-11-24T00:00:00Z"}
    yield item
    yield {**item, "content": "", "extra": [1, {"a": None}], "publication": " \u00c5ngstr\u00f6m "}
    yield {"content": 5}
    yield {**item, "publication": "\u0130\ud83d\ude00", "content": "\\u0041 \\ud83d\\ude00"}


def bulk_seeds():
    """A byte of flags (1 array, 2 window, 4 gzip), one of the size of slices, the body."""
    items = [json.dumps(item).encode() for item in article_seeds()]
    lines = b"\n\n" + b"\r\n".join(items) + b"\n{}\nx"
    array = b" [" + b" ,\n".join([*items, b"[[3]]", b"{}"]) + b"] "
    for flags in range(8):
        body = array if flags & 1 else lines
        packed = gzip.compress(body, mtime=0) + gzip.compress(b"\n", mtime=0)
        yield bytes([flags, 7 * flags]) + (packed if flags & 4 else body)


def batch_seeds():
    batch = {"v": 1, "id": "0123456789abcdef0123456789abcdef", "at": 1732400000000, "day": None,
             "publication": "the gazette", "name": "The Gazette", "articles": 12,
             "entities": [["tim cook", {"PERSON": 7, "ORG": 1}], ["paris", {"GPE": 2}]]}
    yield batch
    yield {**batch, "entities": [], "day": "2026-11-24"}
    yield {**batch, "entities": [["x", {}]], "articles": 2 ** 53}


def http_seeds():
    host = b"Host: a.b:1\r\n"
    post = b"POST /post/enqueue?q=%20 HTTP/1.1\r\n" + host
    yield b"GET /livez HTTP/1.1\r\n" + host + b"\r\n"
    yield b"HEAD http://[::1]:80/docs HTTP/1.0\r\nConnection: x, close\r\n\r\n"
    yield b"OPTIONS * HTTP/1.1\r\n" + host + b"Expect: 100-continue\r\n\r\n"
    yield post + b"Content-Type: application/json\r\nContent-Length: 5\r\n\r\nhelloGET"
    yield post + (b"Transfer-Encoding: chunked\r\n\r\n5;a=b ; c=\"d\\\"\"\r\nhello\r\n0A\r\n0123456789"
                  b"\r\n0\r\nX-Sum: 1\r\n\r\nGET")
    yield post + b"Content-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    yield b"GET / HTTP/1.1\nHost: a\n\n"


def model_seeds(folder):
    files = tiny_model.files()
    order = list(files)
    for name, content in files.items():
        path = folder / "tiny_model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name, content in [*files.items(), *tiny_model.variants()]:
        keep(folder, "fuzz_model", bytes([order.index(name)]) + content)


def main(folder):
    folder = pathlib.Path(folder)
    for text in texts():
        content = text.encode()[:MAX_TEXT_BYTES]
        keep(folder, "fuzz_tokenizer", content)
        keep(folder, "fuzz_engine", content)
    for item in article_seeds():
        keep(folder, "fuzz_article", json.dumps(item, ensure_ascii=False).encode("utf-8", "replace"))
        keep(folder, "fuzz_article", json.dumps(item).encode())
    for body in bulk_seeds():
        keep(folder, "fuzz_bulk", body)
    for batch in batch_seeds():
        keep(folder, "fuzz_batch", json.dumps(batch).encode())
    keep(folder, "fuzz_conf", (ROOT / "newsmill.conf").read_bytes())
    keep(folder, "fuzz_conf", b'redis {\n  queue = "q"\n}\nworkers {\n  processes = 2\n}\n')
    for request in http_seeds():
        for piece in (0, 6, 63):
            keep(folder, "fuzz_http", bytes([piece]) + request)
    model_seeds(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
