"""The audio format used throughout: mono, float32 from -1 to 1, at SAMPLE_RATE. Standard library only."""

# Samples a second. Fae captures at this rate, and both the recogniser and the classifiers are made for it.
SAMPLE_RATE = 16_000
