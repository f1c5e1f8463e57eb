"""How a result is judged: the parts of the data, the measures, the rule, and its sentences."""
