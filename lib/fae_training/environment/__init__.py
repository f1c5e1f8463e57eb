"""This machine: its power and memory, models, libraries and environments, and checks of all of it."""
