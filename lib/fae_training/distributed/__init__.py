"""Training on several machines, and the same interface for one."""
