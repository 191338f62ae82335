"""Campaigns with known labels, many at a time: what strategies are worth."""

from socbi.experiments.arms import ARMS, arms
from socbi.experiments.campaign import campaign
from socbi.experiments.data import made_problem
from socbi.experiments.problem import Problem
from socbi.experiments.protocol import LOW, MID, PAPER, Protocol, protocols
from socbi.experiments.record_files import read_records
from socbi.experiments.study import Study, run_study

__all__ = [
    "ARMS",
    "LOW",
    "MID",
    "PAPER",
    "Problem",
    "Protocol",
    "Study",
    "arms",
    "campaign",
    "made_problem",
    "protocols",
    "read_records",
    "run_study",
]
