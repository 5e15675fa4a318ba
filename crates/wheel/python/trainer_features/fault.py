"""Faults that the Python side finds: the same exception, with the same fields, as those of the native side."""

from __future__ import annotations

from ._native import FeatureError

_FIELDS = ("code", "message", "hint", "column", "row", "exit_code")


def fault(code: str, message: str, hint: str | None = None, column: str | None = None) -> FeatureError:
    """What cannot be done: a stable name, what was expected and what was found, and at most one hint."""
    place = f"column `{column}`: " if column else ""
    fields = {"code": code, "message": message, "hint": hint, "column": column, "row": None, "exit_code": 2}
    return fault_of({"text": place + message + (f"\nhint: {hint}" if hint else ""), **fields})


def told(error: FeatureError) -> dict:
    """A fault as plain data, for another process."""
    return {"text": str(error), **{name: getattr(error, name, None) for name in _FIELDS}}


def fault_of(fields: dict) -> FeatureError:
    """The fault that was told."""
    error = FeatureError(fields["text"])
    for name in _FIELDS:
        setattr(error, name, fields[name])
    return error
