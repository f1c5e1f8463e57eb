"""Numbers with the noun that they count, as people say them."""


def counted(number: int, one: str, many: str = "") -> str:
    """1 row, 2 rows, 1,034 rows; with a verb or an irregular plural `many` says the other form: "row is", "rows are"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
