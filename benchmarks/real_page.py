"""The page of bench_real.py: tables, sentences and plots, all made from the measurements."""

import math
from dataclasses import dataclass
from pathlib import Path

import page
from fae_training.judgement import plain_words
from fae_training.lifecycle.session import ABILITIES_STAGE

# A change of less than this share of the loss is called hardly any, however certain it is.
HARDLY = 0.01
SHOWN_ANSWERS, LONGEST_SHOWN = 2, 220
RUNS = ("light", "standard", "dpo")
# Colours that are distinguishable on white and on black, also with colour blindness.
COLOURS, GREY = ("#4477aa", "#ee7733"), "#808080"


@dataclass(frozen=True)
class Change:
    """The mean of paired differences after - before, and its 95 % interval. `before`, `after`: means over the items."""

    count: int
    before: float
    after: float
    low: float
    high: float

    @property
    def mean(self) -> float:
        return self.after - self.before

    @property
    def share(self) -> float:
        return self.mean / abs(self.before) if self.before else math.inf

    @property
    def certain(self) -> bool:
        return self.low > 0 or self.high < 0

    @property
    def harm(self) -> bool:
        """Whether a lower-is-better value rose, by more than chance and by more than a negligible amount."""
        return self.certain and self.share >= HARDLY

    @property
    def hardly(self) -> bool:
        """Whether any change is certainly negligible."""
        ends = max(abs(self.low), abs(self.high)) / abs(self.before) if self.before else math.inf
        return ends < HARDLY or (self.certain and abs(self.share) < HARDLY)

    def text(self) -> str:
        if not self.count:
            return "not measured"
        return f"{self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"

    def ends(self) -> list[str]:
        """Before and after, as cells of a table."""
        return [f"{end:.3f}" if self.count else "" for end in (self.before, self.after)]


def change(before: list[float], after: list[float]) -> Change:
    """Student's t interval of the mean of paired differences, which are taken as independent (Student, 1908)."""
    import numpy as np
    from scipy import stats

    if len(before) < 2:
        return Change(0, math.nan, math.nan, math.nan, math.nan)
    differences = np.asarray(after) - np.asarray(before)
    mean, error = float(differences.mean()), float(stats.sem(differences))
    reach = float(stats.t.ppf(0.975, len(differences) - 1)) * error
    return Change(
        len(before), float(np.mean(before)), float(np.mean(after)), mean - reach, mean + reach
    )


def learned(result: dict) -> Change:
    """Loss on the held-out dialogues, nats per token of each: base and candidate, from the run's
    own scoring."""
    items = measure(result, "conversation_loss")
    return change(items.get("current", []), items.get("candidate", []))


def forgotten(results: dict, key: str) -> Change:
    losses = results["requests"]["losses"]
    return change(losses["base"], losses[key])


def measure(result: dict, name: str) -> dict:
    measures = result["receipt"].get("benchmark", {}).get("measures", [])
    return next((found for found in measures if found["name"] == name), {})


def runs_of(results: dict) -> dict[str, dict]:
    """The finished trainings, in the page's order."""
    return {key: results[key] for key in RUNS if key in results}


def as_markdown(results: dict, plot: str) -> str:
    data, model = results["data"], results["model"]
    sft, dpo = data["sft"], data["dpo"]
    runs = runs_of(results)
    total = sum(stage["stage_seconds"] for stage in results.values())
    lines = [
        f"{model['name']} on {page.machine(next(iter(runs.values()))['receipt']['versions'])}. All stages took {minutes(total)} minutes.",
        "",
        f"Trained on {sft['train']} dialogues and tested on {sft['valid']} others, split as export_data.py does. They are from "
        "Schema-Guided Dialogue (Rastogi and others, 2020; CC BY-SA 4.0), with their tools, tool calls and results. "
        f"DPO: {dpo['train']} corrections, {dpo['valid']} held out, of somebody who says “shorter, please: just the main thing”: "
        "the accepted answer is the longest sentence of an answer that has more than one, the rejected one is the whole answer. "
        "Outside check: requests of Self-Instruct (Wang and others, 2023; Apache-2.0) with answers written by hand, which were "
        "in no training data. Losses are nats a token, averaged over dialogues or requests; in brackets 95 % t confidence "
        "intervals of the paired differences between base model and candidate.",
        "",
        *learned_table(results, runs),
        "",
        *(f"- {judgement(results, key)}" for key in runs),
        *(f"- Not measured in this run: {key}." for key in RUNS if key not in runs),
        "",
        "**What the gate decided on.** Every measure, the candidate against the model in use before, with the gate's confidence "
        "interval of the change. Losses in nats a token, the others as shares; a positive change is an "
        "improvement.",
        "",
        *gate_table(runs),
        "",
        f"![Loss of the runs, step by step]({plot})",
        "",
        "**Time and memory.** Wall and CPU time are those of the training command with everything that it starts, including "
        "scoring; tokens/s as the run reports them. Memory is given as the peak resident size of the process tree, MLX's own "
        "peak during training, and the plan made before.",
        "",
        *cost_table(runs),
        "",
        *time_table(runs),
        *answers(runs),
    ]
    return "\n".join(lines).rstrip() + "\n"


def learned_table(results: dict, runs: dict) -> list[str]:
    rows = []
    for key, result in runs.items():
        dialogues, requests = learned(result), forgotten(results, key)
        verdict = result["evaluation"]["decision"]["verdict"].replace("_", " ")
        rows.append(
            [
                f"{result['name']} (`{result['command']}`)",
                *dialogues.ends(),
                dialogues.text(),
                *requests.ends(),
                requests.text(),
                verdict + (", proposed" if result["proposed"] else ""),
            ]
        )
    head = ["", "dialogues, base", "after", "change", "requests, base", "after", "change", "gate"]
    return page.table(head, rows)


def judgement(results: dict, key: str) -> str:
    """One run in words: what it learned, its cost, and whether the preset has any effect."""
    result = results[key]
    dialogues, requests = learned(result), forgotten(results, key)
    parts = [f"**{result['name']}**: {in_words('held-out dialogues', dialogues)}"]
    if key == "dpo":
        parts.append(preference(result))
    parts.append(in_words("outside requests", requests))
    text = "; ".join(parts) + "."
    if "--steps" in result["command"]:
        text += (
            " With `--steps`, warm-up and cosine schedule are those of a run of that many steps."
        )
    changes = {"the dialogues": dialogues, "outside requests": requests}
    harmed = [what for what, found in changes.items() if found.harm]
    if harmed:
        text += f" **This preset harms this model on {' and '.join(harmed)}.**"
    elif key == "dpo":
        accuracy = measure(result, "preference_accuracy")
        moved = change(accuracy.get("current", []), accuracy.get("candidate", []))
        if moved.count and not moved.certain:
            text += (
                " **There are too few corrections to tell whether this preset changes this model.**"
            )
    elif dialogues.count and dialogues.hardly:
        text += " **This preset hardly changes this model.**"
    elif dialogues.count and not dialogues.certain:
        text += " **There are too few dialogues to tell whether this preset changes this model.**"
    return text


def in_words(what: str, found: Change) -> str:
    if not found.count:
        return f"loss on {what} was not measured"
    direction = "fell" if found.mean < 0 else "rose"
    text = f"loss on {found.count} {what} {direction} by {abs(found.share):.1%}"
    if not found.certain:
        return f"{text}, which is not statistically significant"
    return text + (" (significant, but negligible)" if found.hardly else "")


def preference(result: dict) -> str:
    accuracy = measure(result, "preference_accuracy").get("candidate", [])
    if not accuracy:
        return "held-out corrections were not measured"
    figures = result["receipt"]["benchmark"]["figures"]
    (margin,) = [found["candidate"] for found in figures if found["name"] == "preference_margin"]
    return (
        f"it moved towards the accepted answer in {sum(accuracy) / len(accuracy):.0%} of the held-out corrections (from "
        f"{len(accuracy)} conversations), by {margin:.2f} nats on average"
    )


def cost_table(runs: dict) -> list[str]:
    rows = []
    for result in runs.values():
        usage, receipt = result["usage"], result["receipt"]
        planned = (receipt["applied"].get("planned") or {}).get("peak_memory_gb")
        rows.append(
            [
                result["name"],
                str(receipt["steps_done"]),
                minutes(usage["wall_seconds"]),
                minutes(usage["cpu_seconds"]),
                f"{receipt['tokens_per_s']:,.0f}",
                f"{usage['peak_bytes'] / 1e9:.2f}",
                f"{receipt['peak_memory_gb']:.2f}",
                "not estimated" if planned is None else f"{planned:.2f}",
            ]
        )
    head = ["", "steps", "minutes", "CPU minutes", "tokens/s"]
    return page.table([*head, "process tree GB", "MLX GB", "plan GB"], rows)


def gate_table(runs: dict) -> list[str]:
    """The comparisons with the model in use before, for each run."""
    rows = [
        [
            result["name"],
            one["title"],
            f"{one['count']} {one['unit']}",
            f"{one['old']:.3f}",
            f"{one['new']:.3f}",
            _gain(one),
            one["outcome"].replace("_", " "),
        ]
        for result in runs.values()
        for one in result["evaluation"]["decision"]["comparisons"]
        if one["against"] == "current"
    ]
    return page.table(["", "measure", "measured on", "before", "after", "change", "outcome"], rows)


def _gain(one: dict) -> str:
    gain, low, high = (plain_words.of_gain(one[n]) for n in ("gain", "low", "high"))
    return f"{gain} ({low} to {high}) {plain_words.gain_unit(one['compare'])}"


def time_table(runs: dict) -> list[str]:
    """The time of each stage, where the receipts record it."""
    seconds = {
        result["name"]: result["receipt"]["seconds"]
        for result in runs.values()
        if isinstance(result["receipt"].get("seconds"), dict)
    }
    if not seconds:
        return []
    parts = list(dict.fromkeys(part for spent in seconds.values() for part in spent))
    parts.sort(key=lambda part: part == "total")
    rows = [
        [name, *(f"{spent[part]:,.0f} s" if part in spent else "–" for part in parts)]
        for name, spent in seconds.items()
    ]
    shares = [
        f"- **{name}**: validating and scoring took {_share(spent, 'validating', 'scoring')} of the time, "
        f"the capability suite {_share(spent, ABILITIES_STAGE)}."
        for name, spent in seconds.items()
        if ABILITIES_STAGE in spent
    ]
    return ["**Time by stage**", "", *page.table(["", *parts], rows), "", *shares, ""]


def _share(spent: dict[str, float], *parts: str) -> str:
    return f"{sum(spent.get(part, 0) for part in parts) / spent['total']:.0%}"


def answers(runs: dict) -> list[str]:
    lines = ["**Held-out questions, before and after**", ""]
    for result in runs.values():
        for example in result["receipt"].get("benchmark", {}).get("examples", [])[:SHOWN_ANSWERS]:
            lines += [
                f"- {result['name']}: {quoted(example['prompt'])}",
                f"  - before: {quoted(example['before'])}",
                f"  - after: {quoted(example['after'])}",
                f"  - reference: {quoted(example['wanted'])}",
            ]
    return [*lines, ""]


def quoted(text: str) -> str:
    """On one line, short, and without Markdown's special characters."""
    flat = " ".join(text.split())
    flat = flat[:LONGEST_SHOWN] + " ..." if len(flat) > LONGEST_SHOWN else flat
    return "`" + flat.replace("`", "'") + "`" if flat else "(nothing)"


def minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"


def draw(results: dict, path: Path) -> None:
    """Loss in training and on held-out data by step, a panel for each run, as SVG without a background."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plain = {"text.color": GREY, "axes.labelcolor": GREY, "axes.edgecolor": GREY}
    plain |= {"xtick.color": GREY, "ytick.color": GREY, "font.size": 9}
    # The same numbers give the same file.
    plain |= {"svg.fonttype": "none", "svg.hashsalt": "bench-real"}
    with plt.rc_context(plain):
        runs = runs_of(results)
        figure, axes = plt.subplots(
            1, len(runs), figsize=(9, 2.8), layout="constrained", squeeze=False
        )
        panels = axes[0]
        for panel, result in zip(panels, runs.values(), strict=True):
            for colour, (name, label) in zip(
                COLOURS, (("loss", "training"), ("val_loss", "held out")), strict=True
            ):
                points = [(r["step"], r[name]) for r in result["curve"] if name in r]
                if points:
                    panel.plot(*zip(*points, strict=True), "o-", color=colour, label=label, ms=3)
            panel.set(title=result["name"], xlabel="step")
            panel.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylabel("loss, nats a token")
        if "dpo" in runs:
            panels[-1].set_ylabel("preference loss")
        panels[0].legend(frameon=False)
        figure.savefig(path, transparent=True, metadata={"Date": None})
        plt.close(figure)
