"""Fae itself: its files and versions, and the results that are put there."""
