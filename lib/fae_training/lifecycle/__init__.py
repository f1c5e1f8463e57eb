"""The kinds of model, their settings, and a run from its request to its results, until it is forgotten."""
