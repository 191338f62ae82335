"""Nearest neighbours over embeddings, behind one protocol.

`plan` says what each way would cost; `build_neighbors` follows it, `knn_graph` does so for the
neighbours of a whole pool.
"""

from socbi.neighbors.audit import Reachability, RecallAudit
from socbi.neighbors.exact import ExactNeighbors
from socbi.neighbors.faiss_index import FaissNeighbors
from socbi.neighbors.graph import KnnGraph, knn_graph
from socbi.neighbors.hnsw import HnswNeighbors
from socbi.neighbors.makers import build_neighbors, load
from socbi.neighbors.neighbor_index import NeighborIndex
from socbi.neighbors.planning import Estimate, Plan, plan

__all__ = [
    "Estimate",
    "ExactNeighbors",
    "FaissNeighbors",
    "HnswNeighbors",
    "KnnGraph",
    "NeighborIndex",
    "Plan",
    "Reachability",
    "RecallAudit",
    "build_neighbors",
    "knn_graph",
    "load",
    "plan",
]
