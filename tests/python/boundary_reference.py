"""So-CBI's counts in the slow, obvious way: every distance, every round."""

from __future__ import annotations

import numpy as np


def distance(metric, one, other):
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if metric == "euclidean":
        return np.float32(np.sqrt(((one - other) ** 2).sum()))
    if metric == "inner_product":
        return np.float32(-(one * other).sum())
    lengths = np.sqrt((one * one).sum() * (other * other).sum())
    return np.float32(1.0 - ((one * other).sum() / lengths if lengths > 0 else 0.0))


class ReferencePool:
    """Counts by id; what fired and how far."""

    def __init__(self, vectors, metric, k):
        self.vectors = dict(enumerate(vectors))
        self.metric = metric
        self.k = k
        self.counts = dict.fromkeys(self.vectors, 0)
        self.labels = []  # (id, radius)

    def observe(self, ids, k):
        for one in ids:
            del self.counts[one]
        for one in ids:
            apart = sorted((self.apart(one, other), other) for other in self.counts)
            for _, other in apart[:k]:
                self.counts[other] += 1
            self.labels.append((one, apart[k - 1][0] if len(apart) >= k else np.inf))

    def add(self, ids, vectors):
        for one, vector in zip(ids, vectors, strict=True):
            self.vectors[one] = vector
            self.counts[one] = sum(self.apart(label, one) < radius for label, radius in self.labels)

    def remove(self, ids):
        for one in ids:
            del self.counts[one]

    def apart(self, one, other):
        return distance(self.metric, self.vectors[one], self.vectors[other])

    def nearest_label(self, one):
        return min((self.apart(one, label) for label, _ in self.labels), default=np.inf)

    def order(self):
        """Ids, rarest hit first, then the farther from its nearest label."""
        return sorted(self.counts, key=lambda one: (self.counts[one], -self.nearest_label(one)))
