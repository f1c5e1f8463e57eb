"""What a call of export_data changed in exclusions.json, and what forgetting removed, in words for a person."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fae_training.calls.counting import counted
from fae_training.conversations.forgetting import Edit
from fae_training.conversations.spoken_requests import ALL_POSSIBLE

if TYPE_CHECKING:
    from fae_training.lifecycle.purge import Purged


@dataclass(frozen=True)
class Changed:
    """The call's change of exclusions.json, and what it took back there. names_known: whether Fae's database could be asked
    for the other names of people."""

    edit: Edit
    taken_back: tuple[str, ...]
    names_known: bool = True

    def as_dict(self) -> dict:
        found = {"excluding": self.edit.exclude, "keeping": self.edit.keep, "excluded_until_now": self.taken_back}  # fmt: skip
        return {name: list(named) for name, named in found.items() if named}

    def to_say(self, purged: "Purged", unknown_ids: Collection[str] = ()) -> str:
        """That what the person asked for was done, for Fae to say; "" if this call changed nothing. unknown_ids: those among
        what was asked that nothing has."""
        if unknown_ids:
            asked = (*self.edit.exclude, *self.edit.forget, *self.edit.keep)
            one = "I know no conversation with that id."
            rest = "The rest is done." if len(asked) > len(unknown_ids) else ""
            return f"{one} {rest}".strip()
        parts = []
        if self.edit.forget:
            parts.append("I have taken that out of all that I learn from.")
            if not self.names_known:
                parts.append(
                    "I could not look up other names of theirs: ask me again when my memory can be read."
                )
            if purged.active:
                updates = (
                    "updates that I use now" if len(purged.active) > 1 else "update that I use now"
                )
                parts.append(f"The {updates} had learned it: tell me to undo it.")
            elif purged.learned_by:
                parts.append("No update that had learned it is used any more.")
        if self.edit.exclude:
            parts.append("I do not learn from conversations that mention it.")
        if self.edit.keep:
            parts.append("I no longer take that for a request to forget.")
        return " ".join(parts)

    def in_words(self, planned: bool, requests: Counter[str] | None = None) -> list[str]:
        """What the call changed, or would change. `requests`: how many requests each phrase of `keep` takes back; None if the
        conversations were not read."""
        will = "Would" if planned else "Will"
        lines = []
        if self.edit.forget and not self.names_known:
            lines += [
                "",
                "Other names under which Fae knows them were not searched for, because its database could not be read: "
                "run the same command again once it can be.",
            ]
        if self.edit.exclude:
            lines += [
                "",
                f"{will} never learn from conversations that mention: {', '.join(self.edit.exclude)}.",
            ]
        if self.edit.keep:
            lines += [
                "",
                f"{will} not leave out conversations because you asked to forget this: {', '.join(map(_named, self.edit.keep))}.",
            ]
            if self.taken_back:
                lines.append(f"Excluded until now: {', '.join(self.taken_back)}.")
            if (
                requests is not None
                and not self.taken_back
                and not any(requests[each] for each in self.edit.keep)
            ):
                lines.append(
                    "Nothing was left out for it: no request to forget and no exclusion names it."
                )
        return lines


def _named(kept: str) -> str:
    is_all = kept.lower() == ALL_POSSIBLE
    return "every sentence so far that only may be a request" if is_all else kept


def forgotten(data: dict) -> list[str]:
    """What forgetting removed, or would remove, from the answer of export_data."""
    forgot = data.get("forgotten")
    if not forgot:
        return []
    is_plan = data["status"] in ("dry_run", "planned")
    would = "Would remove" if is_plan else "Removed"
    lines = ["", f"{would} {counted(forgot['rows_removed'], 'row')} from earlier exports."]
    by_topic = forgot["by_topic"] if is_plan else {}
    lines += [f"  {n:7,}  {what}" for what, n in by_topic.items()]
    if len(by_topic) > 1:
        lines.append("  (a row that mentions several of these is counted once, for the first)")
    if forgot["copies"]:
        lines.append(
            f"{would} {counted(forgot['copies'], 'row')} from the copies that runs keep of what they learned."
        )
    if forgot["corrections"]:
        lines.append(
            f"{would} {counted(forgot['corrections'], 'misheard word')} with their recordings."
        )
    if forgot["recordings"]:
        lines.append(f"{would} {counted(forgot['recordings'], 'recording')} of a voice.")
    if forgot["learned_by"]:
        lines.append(
            f"Runs that learned it and {'could' if is_plan else 'can'} no longer be used: {', '.join(forgot['learned_by'])}."
        )
        lines.append("To remove it from the model, train again without it.")
    for kind, run in forgot["active"].items():
        back = f"uv run scripts/rollback.py --kind {kind}"
        lines.append(
            f"FAE STILL USES {run}, which learned it. Roll it back{' then' if is_plan else ' now'}: {back}"
        )
    return lines
