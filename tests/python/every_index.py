"""The indexes that all have the same calls: the semi-ordered one and its rivals."""

from socbi import SemiOrderedIndex
from socbi.baselines import (
    ArrayHeapIndex,
    ArraySortIndex,
    ArrayThresholdIndex,
    BPlusTreeIndex,
)

BASELINES = [ArraySortIndex, ArrayHeapIndex, ArrayThresholdIndex, BPlusTreeIndex]
CLASSES = [SemiOrderedIndex, *BASELINES]
