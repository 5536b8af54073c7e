"""What schemathesis cannot know from the document: how lines of JSON and gzip are written, and that an
Idempotency-Key belongs to one body."""
import gzip
import itertools
import json
import re

import schemathesis

count = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Its good keys come again and again, with other bodies, which is 422 as it should be."""
    headers = case.headers or {}
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[!-~]{1,255}", key):
        headers["Idempotency-Key"] = f"{key[:240]}-{next(count)}"


def pack(context, value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    headers = context.case.headers or {}
    return gzip.compress(body, mtime=0) if headers.get("Content-Encoding") == "gzip" else body


@schemathesis.serializer("application/json")
def write_json(context, value):
    return pack(context, value)


@schemathesis.serializer("application/x-ndjson", "application/ndjson", "application/jsonl")
def write_lines(context, value):
    """An array is a line for each item, a text is lines as they are."""
    if isinstance(value, list):
        value = "".join(json.dumps(item) + "\n" for item in value)
    return pack(context, value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)
