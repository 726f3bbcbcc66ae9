#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Strict JSON reading and a reduced JSON Schema validator.

The schemas of this folder use a small part of JSON Schema, listed in KEYWORDS. A schema that uses anything else is
refused, because a keyword that is silently ignored is a check that silently does not happen. Every mistake found in
a document is one line: where it is, what was expected, what was found.

    python3 reports/validate.py reports/results-1.schema.json build/report/results.json
"""

import json
import re
import sys

MAX_BYTES = 64 << 20

ANNOTATIONS = {"$schema", "$id", "title", "description", "$defs", "examples"}
KEYWORDS = {
    "type",
    "const",
    "enum",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "minimum",
    "maximum",
    "minLength",
    "pattern",
    "minItems",
    "anyOf",
    "$ref",
}

TYPES = {
    "null": lambda v: v is None,
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "string": lambda v: isinstance(v, str),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


class SchemaError(Exception):
    """The schema itself is wrong."""


class DocumentError(Exception):
    """The document is not acceptable JSON. The text names the reason in one line."""


def load(path):
    """Reads one JSON document. Duplicate keys, NaN, Infinity and absurd sizes are refused, not guessed around."""

    def unique(pairs):
        found = {}
        for key, value in pairs:
            if key in found:
                raise DocumentError(f"key {key!r} appears twice in one object")
            found[key] = value
        return found

    def no_constant(name):
        raise DocumentError(f"{name} is not a JSON number")

    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise DocumentError(f"larger than {MAX_BYTES >> 20} MiB")
    if not data.strip():
        raise DocumentError("empty, expected a JSON document")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=no_constant)
    except UnicodeDecodeError as error:
        raise DocumentError(f"byte {error.start}: not UTF-8") from None
    except json.JSONDecodeError as error:
        raise DocumentError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise DocumentError("nested too deeply") from None


def check_schema(schema, where="#"):
    """Raises SchemaError for keywords and types that this validator does not know."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise SchemaError(f"{where}: a schema is an object or a boolean")
    unknown = set(schema) - KEYWORDS - ANNOTATIONS
    if unknown:
        raise SchemaError(f"{where}: unknown keyword {sorted(unknown)[0]!r}")
    for name in _type_list(schema):
        if name not in TYPES:
            raise SchemaError(f"{where}: unknown type {name!r}")
    for group in ("properties", "$defs"):
        for name, inner in schema.get(group, {}).items():
            check_schema(inner, f"{where}/{group}/{name}")
    for index, inner in enumerate(schema.get("anyOf", [])):
        check_schema(inner, f"{where}/anyOf/{index}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            check_schema(schema[name], f"{where}/{name}")


def validate(document, schema, root=None, where=""):
    """Returns the list of mistakes in `document`, empty when it is what the schema describes."""
    root = schema if root is None else root
    if isinstance(schema, bool):
        return [] if schema else [f"at {where or '/'}: nothing is allowed here"]
    if "$ref" in schema:
        schema = _resolve(schema["$ref"], root)
    mistakes = _value(document, schema, where)
    if mistakes:
        return mistakes
    if "anyOf" in schema:
        attempts = [validate(document, inner, root, where) for inner in schema["anyOf"]]
        if all(attempts):
            mistakes += min(attempts, key=len)
    if isinstance(document, dict):
        mistakes += _object(document, schema, root, where)
    if isinstance(document, list):
        if len(document) < schema.get("minItems", 0):
            mistakes.append(f"at {where or '/'}: expected at least {schema['minItems']} items, found {len(document)}")
        for index, item in enumerate(document if "items" in schema else []):
            mistakes += validate(item, schema["items"], root, f"{where}/{index}")
    return mistakes


def _type_list(schema):
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _resolve(reference, root):
    if not reference.startswith("#/"):
        raise SchemaError(f"only references into the same schema are known, not {reference!r}")
    found = root
    for part in reference[2:].split("/"):
        if not isinstance(found, dict) or part not in found:
            raise SchemaError(f"{reference!r} leads nowhere")
        found = found[part]
    return found


def _shown(value):
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 40 else text[:37] + "..."


def _value(document, schema, where):
    """Checks that need only the value itself."""
    at = f"at {where or '/'}"
    kinds = _type_list(schema)
    if kinds and not any(TYPES[kind](document) for kind in kinds):
        return [f"{at}: expected {' or '.join(kinds)}, found {_shown(document)}"]
    if "const" in schema and document != schema["const"]:
        return [f"{at}: expected {_shown(schema['const'])}, found {_shown(document)}"]
    if "enum" in schema and document not in schema["enum"]:
        return [f"{at}: expected one of {', '.join(map(_shown, schema['enum']))}, found {_shown(document)}"]
    if TYPES["number"](document):
        if document < schema.get("minimum", document):
            return [f"{at}: expected at least {schema['minimum']}, found {document}"]
        if document > schema.get("maximum", document):
            return [f"{at}: expected at most {schema['maximum']}, found {document}"]
    if isinstance(document, str):
        if len(document) < schema.get("minLength", 0):
            return [f"{at}: expected at least {schema['minLength']} characters, found {len(document)}"]
        if "pattern" in schema and not re.search(schema["pattern"], document):
            return [f"{at}: expected text like {schema['pattern']}, found {_shown(document)}"]
    return []


def _object(document, schema, root, where):
    mistakes = []
    for name in schema.get("required", []):
        if name not in document:
            mistakes.append(f"at {where or '/'}: expected a key {name!r}")
    known = schema.get("properties", {})
    rest = schema.get("additionalProperties", True)
    for name, value in document.items():
        if name in known:
            mistakes += validate(value, known[name], root, f"{where}/{name}")
        elif rest is False:
            mistakes.append(f"at {where or '/'}: key {name!r} is not known here")
        elif isinstance(rest, dict):
            mistakes += validate(value, rest, root, f"{where}/{name}")
    return mistakes


def main(arguments):
    if len(arguments) != 2:
        print("usage: python3 reports/validate.py SCHEMA DOCUMENT", file=sys.stderr)
        return 2
    try:
        schema = load(arguments[0])
        check_schema(schema)
        mistakes = validate(load(arguments[1]), schema)
    except (DocumentError, SchemaError) as error:
        print(f"{arguments[0]} or {arguments[1]}: {error}", file=sys.stderr)
        return 1
    for mistake in mistakes:
        print(f"{arguments[1]}: {mistake}", file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
