"""Fae's conversations: read from its database, freed of what must not be learned, split, and
scored.
"""
