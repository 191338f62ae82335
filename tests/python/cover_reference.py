"""The cover in its plain form: a sparse product for every pick, and a sort."""

from fractions import Fraction
from math import floor, log2

import numpy as np
from scipy.sparse import csr_matrix

from socbi import SemiOrderedIndex


def plain_matrix(graph):
    """(A + A.T)/2 + I, entry by entry."""
    dense = np.eye(len(graph))
    for row, ids in enumerate(graph.ids):
        for one in ids[ids >= 0]:
            dense[row, one] += 0.5
            dense[one, row] += 0.5
    return csr_matrix(dense)


def plain_cover(matrix, weights, factors, candidates, number, seed, before=()):
    """Return ids, values and served ids, pick by pick."""
    count = len(weights)
    tied = SemiOrderedIndex(count, order="largest", seed=seed).top(count)[0]
    place = np.argsort(tied)
    weights = rounded(weights, np.diff(matrix.indptr).max())
    left, taken, gone, fresh, over = weights.copy(), [], [], True, False
    for id in before:
        left[matrix[id].indices] = 0
        gone.append(id)
        fresh = False
        if left.max() == 0 and not over:
            left, fresh = anew(weights, gone), True
            over = left.max() == 0
    values, served = [], []
    while len(taken) < number:
        value = valued(matrix, left, factors, candidates, taken)
        if value.max() == 0 and not over:
            if not fresh:
                left = anew(weights, gone)
                value = valued(matrix, left, factors, candidates, taken)
            over = value.max() == 0
        id = int(np.lexsort((place, -value))[0])
        serves = matrix[id].indices
        values.append(value[id])
        served.append(np.sort(serves[left[serves] > 0]).tolist())
        left[serves] = 0
        taken.append(id)
        gone.append(id)
        fresh = False
    return taken, values, served


def anew(weights, gone):
    """What all but these need."""
    left = weights.copy()
    left[gone] = 0
    return left


def valued(matrix, left, factors, candidates, taken):
    value = np.full(len(left), -1.0)
    value[candidates] = (factors * (matrix @ left))[candidates]
    value[taken] = -1
    return value


def rounded(weights, degree):
    """To multiples of a power of two of which 2^52 make up the largest sum there can be."""
    if weights.max() == 0:
        return weights
    unit = Fraction(2) ** (floor(log2(weights.max())) + 1 + int(degree).bit_length() - 52)
    return np.array([float(round(Fraction(one) / unit) * unit) for one in weights])
