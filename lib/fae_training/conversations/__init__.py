"""Fae's conversations: read from its database, filtered, split into training and held-out data, and scored."""
