"""How a script is called, and how it answers."""
