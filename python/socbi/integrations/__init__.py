"""Strategies where people already work: each module needs the package it is named after."""

__all__: list[str] = []
