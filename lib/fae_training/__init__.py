"""The library behind the training scripts: calls, state, runs, and the training of each kind of model."""
