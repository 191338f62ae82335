"""The durable loop: score, select, label, learn, and its records."""

from socbi.session.label_book import Received
from socbi.session.labels import CANNOT_TELL, ConflictPolicy
from socbi.session.proposals import Pick, Proposal
from socbi.session.round import Round, StageTimes
from socbi.session.session import Session
from socbi.session.status import Grown, Status

__all__ = [
    "CANNOT_TELL",
    "ConflictPolicy",
    "Grown",
    "Pick",
    "Proposal",
    "Received",
    "Round",
    "Session",
    "StageTimes",
    "Status",
]
