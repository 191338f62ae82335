"""Records of rounds as a page worth reading; nothing is run here."""

from socbi.report.page import Report, report
from socbi.report.picked import Picked
from socbi.report.pool_map import PoolMap

__all__ = ["Picked", "PoolMap", "Report", "report"]
