"""General capabilities: the items of the capability suite that a model gets right."""

from collections.abc import Callable
from pathlib import Path

from fae_training.capabilities import answering, suite
from fae_training.capabilities.checks import passed
from fae_training.capabilities.task import Item
from fae_training.judgement.benchmark import GUARD, PASSED, Measure, of_each
from fae_training.language.scoring import PerModel, ProbeReport, Subject
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.session import ABILITIES_STAGE
from fae_training.store.state import read_json, write_json

# The share of items that may be lost, chance included, for the capability to count as kept.
MARGIN = 0.05
# Where the base model gets a smaller share right, the proposal says that a loss could hardly show.
FEWEST_TO_LOSE = 0.2
# So many results are written to disk together: as many as a killed process loses.
KEPT_TOGETHER = 8


class Capabilities:
    """No item of the suite is trained on (the export leaves out near copies), so it is scored
    whole, without a `choose` part.

    Results are kept in cache/ by the suite's version, the model and the adapter as they are found,
    so no model answers an item twice, even after it was interrupted.
    """

    stage = ABILITIES_STAGE
    apart = True

    def __init__(self, run: Run, tokenizer):
        self.run, self.tokenizer = run, tokenizer
        self.suite = suite.of_run(run)

    @property
    def items(self) -> int:
        return len(self.suite.items)

    def measure(self, subject: Subject, finished: Callable[[int], None]) -> dict[str, bool]:
        """Item id -> whether the model's answer is right."""
        name = f"{self.suite.version}-{self.run.record['model_fingerprint']}-{subject.adapter or 'base'}"
        path = self.run.home.file("cache", f"suite-{name}.json")
        kept = (read_json(path) or {}).get("passed", {})
        items = [item for item in self.suite.items if item.id not in kept]
        finished(self.items - len(items))
        if items:
            kept = kept | self._answered(subject, items, kept, path, finished)
        return {item.id: kept[item.id] for item in self.suite.items}

    def _answered(
        self,
        subject: Subject,
        items: list[Item],
        kept: dict[str, bool],
        path: Path,
        finished: Callable[[int], None],
    ) -> dict[str, bool]:
        """As measure, for some of the items; kept: the results of others."""
        prompts = answering.prompted(self.tokenizer, items)
        # Without a prompt there is no answer.
        new = {
            item.id: False for item, prompt in zip(items, prompts, strict=True) if not prompt.tokens
        }
        finished(len(new))
        self.run.home.directory("cache")
        try:
            for number, tokens in answering.finished(
                subject.model,
                self.tokenizer,
                items,
                prompts,
                lambda: finished(0),
                only_verdicts=True,
            ):
                text = answering.text_of(self.tokenizer, tokens, prompts[number])
                new[items[number].id] = passed(items[number], text)
                if len(new) % KEPT_TOGETHER == 0:
                    write_json(path, {"passed": kept | new})
                finished(1)
        finally:
            if new:
                write_json(path, {"passed": kept | new})
        return new

    def report(self, found: PerModel[dict[str, bool]]) -> ProbeReport:
        """Tool calls are a measure of their own: training on talk without tools makes a model
        forget them first."""
        with_tools = [item.id for item in self.suite.items if item.tools]
        without = [item.id for item in self.suite.items if not item.tools]
        groups = [
            ("tools", "Using tools", "requests with tools", with_tools),
            ("abilities", "Formats, instructions, memory, reasoning", "tasks", without),
        ]
        measures = tuple(
            Measure(
                name=name,
                title=title,
                unit=unit,
                value_unit="share right",
                better="higher",
                role=GUARD,
                compare=PASSED,
                margin=MARGIN,
                least=0.0,
                items=tuple(ids),
                **of_each(lambda who, ids=ids: [getattr(found, who)[name] for name in ids]),
            )
            for name, title, unit, ids in groups
            if ids or not self.suite.items
        )
        right = sum(found.base.values())
        notes = ()
        if not self.items:
            notes = (
                "no ability was tested: --suite own uses your own tasks alone, and there are none in "
                f"{self.run.home.file('benchmarks')}",
            )
        elif right < FEWEST_TO_LOSE * self.items:
            notes = (
                f"the base model gets {right} of {self.items} tasks of the suite right, so a loss of ability "
                "could hardly show here",
            )
        return ProbeReport(measures=measures, notes=notes, suite=self.suite.version)
