"""Speech-to-text that is fine-tuned on one person's names and words."""
