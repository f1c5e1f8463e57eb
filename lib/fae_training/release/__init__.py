"""From a verdict to the active model and back: proposal, approval, deployment, history."""
