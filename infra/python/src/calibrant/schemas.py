"""The contract's Avro schemas, as they stand in the repository, each standing alone."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

NAMESPACE = "io.calibrant.schemas.avro"

_PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
_NAMED = {"record", "enum", "fixed"}


def _short(name: str) -> str:
    return name.rsplit(".", 1)[-1]


@cache
def _definitions() -> dict[str, dict[str, Any]]:
    """Every named type of all files; nested ones as well."""
    found: dict[str, dict[str, Any]] = {}

    def collect(schema: Any) -> None:
        if isinstance(schema, list):
            for branch in schema:
                collect(branch)
        elif isinstance(schema, dict):
            if schema.get("type") in _NAMED:
                found[_short(schema["name"])] = schema
            for key in ("type", "items", "values"):
                if isinstance(schema.get(key), (dict, list)):
                    collect(schema[key])
            for field in schema.get("fields", []):
                collect(field["type"])

    folder = resources.files("calibrant").joinpath("avro")
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.name.endswith(".avsc"):
            collect(json.loads(file.read_text(encoding="utf-8")))
    if not found:
        raise RuntimeError("the package was built without its schemas (src/calibrant/avro): build it in the repository")
    return found


@cache
def schema(name: str) -> str:
    """The schema of a record, JSON, with all types that it names inside."""
    defined: set[str] = set()

    def inline(part: Any) -> Any:
        if isinstance(part, str):
            if part in _PRIMITIVES:
                return part
            return f"{NAMESPACE}.{_short(part)}" if _short(part) in defined else inline(_definitions()[_short(part)])
        if isinstance(part, list):
            return [inline(branch) for branch in part]
        kind = part.get("type")
        if kind in _NAMED:
            own = _short(part["name"])
            if own in defined:
                return f"{NAMESPACE}.{own}"
            defined.add(own)
            whole = {**part, "namespace": NAMESPACE}
            if kind == "record":
                whole["fields"] = [{**field, "type": inline(field["type"])} for field in part["fields"]]
            return whole
        if kind == "array":
            return {**part, "items": inline(part["items"])}
        if kind == "map":
            return {**part, "values": inline(part["values"])}
        if isinstance(kind, (dict, list)):
            return inline(kind)
        return part

    return json.dumps(inline(name))


def fields(name: str) -> list[str]:
    """Names of a record's fields, in their order."""
    return [field["name"] for field in _definitions()[name]["fields"]]
