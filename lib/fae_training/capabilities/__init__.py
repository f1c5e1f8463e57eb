"""The abilities of a small assistant, as tasks that a program scores."""
