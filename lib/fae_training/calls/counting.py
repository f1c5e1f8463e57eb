"""Numbers with the noun that they count."""


def counted(number: int, one: str, many: str = "") -> str:
    """1 row, 2 rows, 1,034 rows. `many` is the plural where it is irregular or includes a verb: "row is", "rows are"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
