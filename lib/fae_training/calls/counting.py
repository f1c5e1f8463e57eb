"""Numbers with the noun that they count."""


def counted(number: int, one: str, many: str = "") -> str:
    """1 row, 2 rows, 1,034 rows. `many` is the plural where it is irregular or includes a verb: "row is", "rows are"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def ago(days: float) -> str:
    """Some days in the past: 3 minutes ago, 5 hours ago, 2 days ago."""
    for size, name in ((1, "day"), (1 / 24, "hour")):
        if days >= size:
            return f"{counted(int(days / size), name)} ago"
    return f"{counted(max(int(days * 24 * 60), 1), 'minute')} ago"
