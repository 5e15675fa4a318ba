"""Faults that the Python side finds: the same exception, with the same fields, as those of the native side."""

from __future__ import annotations

from ._native import FeatureError


def fault(code: str, message: str, hint: str | None = None, column: str | None = None) -> FeatureError:
    """What cannot be done: a stable name, what was expected and what was found, and at most one hint."""
    place = f"column `{column}`: " if column else ""
    error = FeatureError(place + message + (f"\nhint: {hint}" if hint else ""))
    error.code, error.message, error.hint, error.column, error.row = code, message, hint, column, None
    return error
