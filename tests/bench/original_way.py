#!/usr/bin/env python3
"""How the original saves: Google's client, one set() with an Increment for each entity. Prints
increments a second. FIRESTORE_EMULATOR_HOST says where.

usage: original_way.py PROJECT INCREMENTS
"""
import sys
import time

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore


def main():
    project, increments = sys.argv[1], int(sys.argv[2])
    client = firestore.Client(project=project, credentials=AnonymousCredentials())
    entities = client.collection("publications").document("bbc").collection("ent")
    entities.document("warm").set({"word": "warm", "count": firestore.Increment(1)}, merge=True)
    begin = time.monotonic()
    for i in range(increments):
        word = f"the name {i % 500}"
        entities.document(word).set({"word": word, "count": firestore.Increment(1)}, merge=True)
    print(increments / (time.monotonic() - begin))


main()
