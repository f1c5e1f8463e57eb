"""The state directory: its files, how they change together, and the person's consent."""
