"""Strict conversion of JSON to frozen dataclasses: unknown and missing keys are errors."""

import dataclasses
import difflib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from fae_training.calls import error_words
from fae_training.calls.error_words import shown
from fae_training.calls.errors import Failed

Record = TypeVar("Record")


def read(record: type[Record], data: object, where: str, remedy: str = "") -> Record:
    """Convert `data`, as made by dataclasses.asdict, back to a `record`.

    Fields are numbers, texts, booleans, dictionaries, other records, tuples of those, and any of these or None. A field
    with a default may be missing. Raises Failed, naming the location `where` and the `remedy`.
    """
    try:
        return _read(record, data, "it")
    except (TypeError, ValueError) as problem:
        raise Failed(
            "bad_record", f"{where}: {problem}", remedy or f"correct or remove {where}"
        ) from problem


def read_own(record: type[Record], data: object, path: Path, again: str) -> Record:
    """As read, for a file that the scripts write and nobody edits: one that does not fit is of another version, and the
    command `again` writes it anew.
    """
    try:
        return _read(record, data, "it")
    except (TypeError, ValueError) as problem:
        raise Failed(
            "other_version",
            f"{path} was written by another version of this skill ({problem})",
            again,
        ) from problem


def _read(expected: Any, data: Any, name: str) -> Any:
    if dataclasses.is_dataclass(expected):
        return _read_record(expected, data, name)
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin in (types.UnionType, typing.Union):
        if data is None and type(None) in arguments:
            return None
        (inner,) = [one for one in arguments if one is not type(None)]
        return _read(inner, data, name)
    if origin is tuple:
        if not isinstance(data, list | tuple):
            raise TypeError(f"{name} is {shown(data)}, expected a list")
        return tuple(_read(arguments[0], item, f"{name}[{i}]") for i, item in enumerate(data))
    plain = origin or expected
    if plain is float and isinstance(data, int) and not isinstance(data, bool):
        try:
            return float(data)
        except OverflowError:
            raise ValueError(f"{name} is a whole number that is too large") from None
    if plain is not Any and (not isinstance(data, plain) or (plain is int and data is True)):
        raise TypeError(f"{name} is {shown(data)}, expected {error_words.expected(plain)}")
    return data


def _read_record(expected: Any, data: Any, name: str) -> Any:
    if not isinstance(data, dict):
        raise TypeError(f"{name} is {shown(data)}, expected an object")
    fields = {field.name: field for field in dataclasses.fields(expected)}
    required = {
        key
        for key, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if unknown := sorted(data.keys() - fields.keys() - {"schema"}):
        near = difflib.get_close_matches(unknown[0], fields, 1)
        meant = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(fields)}"
        raise ValueError(f"{name} has the unknown key {unknown[0]!r}; {meant}")
    if missing := sorted(required - data.keys()):
        raise ValueError(f"{name} has no key {missing[0]!r}")
    hints = typing.get_type_hints(expected)
    found = {
        key: _read(hints[key], data[key], key if name == "it" else f"{name}.{key}")
        for key in fields
        if key in data
    }
    return expected(**found)
