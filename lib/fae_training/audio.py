"""The audio format used throughout: mono, float32 from -1 to 1, at SAMPLE_RATE. Standard library only."""

# Samples per second. Fae captures at this rate, and the recogniser and the classifiers use it.
SAMPLE_RATE = 16_000
