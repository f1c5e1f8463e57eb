"""What the training scripts share: calling, state, runs, and the training of each kind of model."""
