#!/usr/bin/env python3
"""Reads the counts with Google's own client, page by page as the original's web page does, and prints
them as lines of JSON. FIRESTORE_EMULATOR_HOST says where.

usage: read_back.py PROJECT
"""
import json
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

PAGE = 10


def say(row):
    print(json.dumps(row, ensure_ascii=False, separators=(",", ":")))


def words(publication):
    query = (publication.reference.collection("ent")
             .order_by("count", direction=firestore.Query.DESCENDING).order_by("word").limit(PAGE))
    page = list(query.stream())
    while page:
        yield from page
        last = page[-1]
        page = list(query.start_after({"count": last.get("count"), "word": last.get("word")}).stream())


def main():
    client = firestore.Client(project=sys.argv[1], credentials=AnonymousCredentials())
    publications = sorted(client.collection("publications").stream(),
                          key=lambda p: (-p.get("count"), p.get("name").encode()))
    for publication in publications:
        say({"publication": publication.get("name"), "articles": publication.get("count")})
        for word in words(publication):
            labels = sorted(word.get("labels").items(), key=lambda l: (-l[1], l[0].encode()))
            say({"word": word.get("word"), "count": word.get("count"), "labels": dict(labels)})


main()
