"""Which value holds, and where it came from: flag > parameter > config.json > preset > default."""

import difflib
from argparse import ArgumentTypeError
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fae_training.calling import Call, Parser
from fae_training.errors import BadRequest
from fae_training.kinds import DEFAULT_PRESET, KINDS, Kind, Setting
from fae_training.values import Choice, Range, YesNo

PERSONAL_DETAILS = ("address", "telephone", "email", "birth_date", "health")
# What config.json may hold beside a part for each kind.
HOUSE_RULES = {
    rule.name: rule
    for rule in (
        # Runs that Fae starts by itself are at least so far apart; a person's run never waits.
        Setting("min_days_between_runs", Range(0, 3650), 7.0),
        # "wait" pauses a run while the Mac is on battery; "train" goes on.
        Setting("on_battery", Choice(("wait", "train")), "wait"),
        # Details of people, each of them left out of the training data unless it is let in (conversations/personal.py).
        # There is no such setting for secrets.
        *(Setting(f"learn_{kind}", YesNo(), False) for kind in PERSONAL_DETAILS),
    )
}


@dataclass(frozen=True)
class Settings:
    """Resolved values, each of the type that its Setting's `value` reads, and for each its source."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def changed(self, source: str, **values: object) -> "Settings":
        """The same with other values, which come from `source`."""
        return Settings(
            {**self.values, **values}, {**self.sources, **dict.fromkeys(values, source)}
        )


def add_options(parser: Parser, kind: Kind) -> None:
    """--preset, and a flag for each setting that has a help text."""
    parser.add_argument(
        "--preset",
        choices=list(kind.presets),
        help=f"a row of the table of presets (default: {DEFAULT_PRESET})",
    )
    for setting in kind.settings:
        flag = f"--{setting.name.replace('_', '-')}"
        if not setting.help:
            continue
        if isinstance(setting.value, YesNo):
            parser.add_argument(flag, action="store_true", default=None, help=setting.help)
        elif isinstance(setting.value, Choice):
            parser.add_argument(flag, choices=setting.value.words, help=setting.help)
        else:
            parser.add_argument(
                flag, type=setting.value, metavar=setting.metavar, help=setting.help
            )


def resolve(call: Call, kind: Kind) -> Settings:
    """The settings of one run.

    Raises BadRequest for an unknown preset, for a name in config.json that nothing reads, and for a value there that
    its setting does not take.
    """
    own, given, defaults = _part_of_config(call, kind), vars(call.arguments), kind.defaults
    preset = given.get("preset") or own.get("preset") or DEFAULT_PRESET
    values = dict(defaults)
    sources = dict.fromkeys(defaults, "default")
    layers = (
        (kind.presets[preset], lambda name: f"preset {preset}"),
        (own, lambda name: "config.json"),
        ({n: given[n] for n in defaults if given.get(n) is not None}, call.sources.__getitem__),
    )
    for layer, source in layers:
        for name, value in layer.items():
            values[name], sources[name] = value, source(name)
    return Settings(values, sources)


def house_rule(call: Call, name: str):
    """A rule for all kinds from config.json, or its default. Raises BadRequest as `resolve` does."""
    return _config(call).get(name, HOUSE_RULES[name].default)


def personal_details_to_learn(call: Call) -> frozenset[str]:
    """Those of PERSONAL_DETAILS that config.json lets into the training data."""
    return frozenset(kind for kind in PERSONAL_DETAILS if house_rule(call, f"learn_{kind}"))


def _config(call: Call) -> dict:
    config = call.home.read("config.json", {}) or {}
    _refuse_unknown(config, {*HOUSE_RULES, *KINDS, "schema"}, "config.json")
    rules = {name: value for name, value in config.items() if name in HOUSE_RULES}
    return config | _checked(rules, HOUSE_RULES.values(), "config.json")


def _part_of_config(call: Call, kind: Kind) -> dict:
    own, where = _config(call).get(kind.name, {}), f"the part {kind.name!r} of config.json"
    if not isinstance(own, dict):
        raise BadRequest(
            "bad_setting", f"{where} is {own!r}, expected an object", f'"{kind.name}": {{}}'
        )
    preset = Setting("preset", Choice(tuple(kind.presets)), DEFAULT_PRESET)
    settings = (*kind.settings, preset)
    _refuse_unknown(own, {setting.name for setting in settings}, where)
    return _checked(own, settings, where)


def _checked(part: dict, settings: Iterable[Setting], where: str) -> dict:
    """`part` with each value as its setting reads it."""
    known = {setting.name: setting for setting in settings}
    checked = {}
    for name, value in part.items():
        setting = known[name]
        try:
            checked[name] = setting.value.from_json(value)
        except ArgumentTypeError:
            raise BadRequest(
                "bad_setting",
                f"{where} has {name} = {value!r}, expected {setting.value}",
                f"correct {name} in config.json, or leave it out",
            ) from None
    return checked


def _refuse_unknown(part: dict, known: set[str], where: str) -> None:
    for name in part:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            raise BadRequest(
                "unknown_setting",
                f"{where} has {name!r}, which nothing reads"
                + (f"; did you mean {close[0]!r}?" if close else ""),
                f"the settings are: {', '.join(sorted(known - {'schema'}))}",
            )
