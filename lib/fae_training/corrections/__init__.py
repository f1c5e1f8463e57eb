"""What a person's corrections teach: which of two answers was better, and which word was misheard."""
