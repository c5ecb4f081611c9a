#!/usr/bin/python3
"""Checks JSON against a schema of viewer/, and that the schema would catch mistakes.

Usage: schema.py timeline|report|check|diff FILE...

Each FILE must be valid. Then a key at a time is taken away or given a wrong type, at every place
that the schema describes, and each of these must be refused: else the schema is too lax, and the
names of the keys that it does not guard are printed. Exit status 1 for either.
"""
import copy
import json
import os
import sys

import jsonschema

VIEWER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "viewer")
# Not there in every file, so a file without them is valid.
OPTIONAL = {"idle", "kernel_running_ns", "kernel_runnable_ns"}
NAMES = ("timeline", "report", "check", "diff")


def load(name):
    with open(os.path.join(VIEWER, name + ".schema.json"), encoding="utf-8") as file:
        return json.load(file)


def validator_of(name):
    schemas = {n + ".schema.json": load(n) for n in NAMES}
    kind = jsonschema.Draft202012Validator
    for schema in schemas.values():
        kind.check_schema(schema)
    schema = schemas[name + ".schema.json"]
    return kind(schema, resolver=jsonschema.RefResolver(schema["$id"], schema, schemas))


def shorten(value):
    """Keeps two elements of each list, so that thousands of mutants take seconds."""
    if isinstance(value, dict):
        return {key: shorten(inner) for key, inner in value.items()}
    if isinstance(value, list) and value and not isinstance(value[0], str):
        return [shorten(inner) for inner in value[:2]]
    return value


def samples(value, path=(), seen=None):
    """One object of each kind: those with the same way to them but for list indices are alike."""
    seen = set() if seen is None else seen
    if isinstance(value, dict):
        shape = tuple("*" if isinstance(step, int) else step for step in path), value.get("type")
        if shape not in seen:
            seen.add(shape)
            yield path
        for key, inner in value.items():
            yield from samples(inner, path + (key,), seen)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from samples(inner, path + (index,), seen)


def at(value, path):
    for step in path:
        value = value[step]
    return value


def mutants(document):
    for path in samples(document):
        for key, value in at(document, path).items():
            if key not in OPTIONAL:
                yield path, key, "missing"
            wrong = {} if not isinstance(value, dict) else 7
            yield path, key, wrong


def lax_keys(validator, document):
    for path, key, wrong in mutants(document):
        mutant = copy.deepcopy(document)
        place = at(mutant, path)
        if wrong == "missing":
            del place[key]
        else:
            place[key] = wrong
        if validator.is_valid(mutant):
            yield "/".join(map(str, path + (key,))) + (" missing" if wrong == "missing" else " of a wrong type")


def main(name, paths):
    validator = validator_of(name)
    failed = False
    richest = None
    for path in paths:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        for error in validator.iter_errors(document):
            where = "/".join(map(str, error.absolute_path))
            print(f"{path}: {where}: {error.message[:200]}")
            failed = True
        if richest is None or len(json.dumps(document)) > len(json.dumps(richest)):
            richest = document
    # A timeline keeps all its blocks: it is a list of them.
    short = [shorten(block) for block in richest] if name == "timeline" else shorten(richest)
    if name == "timeline":
        short = [restore_lists(block, whole) for block, whole in zip(short, richest)]
    if not failed and not validator.is_valid(short):
        print("the shortened sample is not valid itself:", next(validator.iter_errors(short)).message)
        failed = True
    for lax in lax_keys(validator, short):
        print(f"the {name} schema takes {lax}")
        failed = True
    return failed


def restore_lists(block, whole):
    """Lists with a fixed least length stay whole."""
    for key in ("states", "ledger", "grades", "object_kinds", "grade"):
        if key in whole:
            block[key] = whole[key]
    for thread, full in zip(block.get("threads", []) if isinstance(block.get("threads"), list) else [],
                            whole.get("threads", []) if isinstance(whole.get("threads"), list) else []):
        thread["state_ns"] = full["state_ns"]
    return block


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in NAMES:
        sys.exit("usage: schema.py timeline|report|check|diff FILE...")
    sys.exit(1 if main(sys.argv[1], sys.argv[2:]) else 0)
