"""Feature functions over Arrow batches: the same code as `trainer features`, for engines that speak Python."""

from ._native import FeatureError, PointInTime

__all__ = ["FeatureError", "PointInTime"]
