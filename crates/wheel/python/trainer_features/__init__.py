"""Feature functions over Arrow batches: the same code as `trainer features`, for engines that speak Python.

Everything takes and gives pyarrow's objects, or any that speak Arrow's C data interface, without a copy. What cannot be
done raises `FeatureError`, with `code`, `message` and `hint`.
"""

from ._native import FeatureError, PointInTime, State, fit

__all__ = ["FeatureError", "PointInTime", "State", "fit"]
