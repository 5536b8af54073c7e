"""What Python says of every code point, as one SHA-256: tests/unit/test_unicode.c has the same from our own
functions. To be run with Python 3.11 (Unicode 14).
usage: unicode_digest.py"""
import hashlib
import re
import unicodedata

assert unicodedata.unidata_version == "14.0.0"
digest = hashlib.sha256()
for code_point in range(1, 0x110000):
    if 0xD800 <= code_point < 0xE000:
        continue
    c = chr(code_point)
    kind = "-"  # as in spaCy's shapes
    if c.isalpha():
        kind = "X" if c.isupper() else "x"
    elif c.isdigit():
        kind = "d"
    word = "w" if re.match(r"\w", c) else "-"
    digit = "d" if re.match(r"\d", c) else "-"
    around_sigma = ("A\u03a3" + c).lower() + ("A" + c + "\u03a3").lower()
    digest.update((kind + word + digit + c.lower() + around_sigma + "\n").encode())
print(digest.hexdigest())
