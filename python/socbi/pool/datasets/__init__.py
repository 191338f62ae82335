"""Published data sets as pools, read from the files as their publishers give them."""

from socbi.pool.datasets.loading import class_names, load, names, splits

__all__ = ["class_names", "load", "names", "splits"]
