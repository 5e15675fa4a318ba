"""The feature functions on Spark: the engine reads, shuffles, sorts and tries again; batches are computed by the wheel.

A cluster is for what does not fit on one machine, and never for speed.
"""

from .columns import Told, fit, transform
from .join import point_in_time

__all__ = ["Told", "fit", "point_in_time", "transform"]
