"""Training Qwen3.5 fast, in little memory: rows, batches, the model's fast path, losses, adapters."""
