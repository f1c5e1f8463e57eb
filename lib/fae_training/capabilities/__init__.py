"""What a small assistant must be able to do, as tasks that a program scores."""
