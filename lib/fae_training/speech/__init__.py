"""Speech-to-text that learns how one person's names and words sound."""
