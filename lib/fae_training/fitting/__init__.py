"""The training loop, the same for all kinds."""
