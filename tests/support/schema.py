# SPDX-License-Identifier: MIT
"""Holds what neuronctl prints against its JSON Schema. Every test that reads JSON of neuronctl does so."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path

import jsonschema
from tap import TOP

FILE = Path(TOP / "tools/neuronctl/schema/neuronctl-1.schema.json")
SCHEMA = json.loads(FILE.read_text())
ENVELOPE = ("schema", "command", "ok", "error")


def _closed(schema):
    """The schema without members that it does not name: users must not rely on what is not described."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: _closed(value) for key, value in schema.items()}
    if isinstance(out.get("properties"), dict) and out.get("type") == "object":
        out.setdefault("additionalProperties", False)
    return out


_STRICT = {"$defs": _closed(copy.deepcopy(SCHEMA["$defs"]))}
_VALIDATOR = jsonschema.validators.validator_for(SCHEMA)


# jsonschema.validate() would look through the schema itself each time, which takes seconds in a guest: schema_test.py does it once.
@functools.cache
def _validator(name: str):
    return _VALIDATOR({**_STRICT, "$ref": f"#/$defs/{name}"} if name else SCHEMA)


def _check(part: dict, name: str = "") -> None:
    error = jsonschema.exceptions.best_match(_validator(name).iter_errors(part))
    if error is not None:
        raise error


def definition(command: str) -> str:
    return command.replace(" ", "_")


def validate(answer: dict) -> None:
    _check(answer)
    body = {key: value for key, value in answer.items() if key not in ENVELOPE}
    parts = {} if answer["ok"] else {"error": answer["error"]}
    # Some commands fail with all that they have found.
    if answer["ok"] or body:
        parts[definition(answer["command"])] = body
    for name, part in parts.items():
        assert name in _STRICT["$defs"], f"the schema has no {name}"
        _check(part, name)
