"""Training data from a person's corrections: preference pairs, and words that were misheard."""
