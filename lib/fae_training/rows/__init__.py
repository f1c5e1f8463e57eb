"""Training rows and messages in the forms that people and tools write."""
