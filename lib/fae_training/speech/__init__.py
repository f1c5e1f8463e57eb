"""Fine-tuning of speech-to-text on one person's names and words."""
