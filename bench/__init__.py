"""Measurements: one question a file. What was measured lies in results/; pages draw on it."""
