"""Resolves settings and their sources: flag > parameter > the run of --like > config.json > preset > default."""

import difflib
from argparse import ArgumentTypeError
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fae_training.calls.call import Call
from fae_training.calls.error_words import shown
from fae_training.calls.errors import BadRequest, Failed
from fae_training.calls.options import Parser
from fae_training.calls.values import Choice, Range, YesNo
from fae_training.lifecycle import runs
from fae_training.lifecycle.kinds import DEFAULT_PRESET, KINDS, Kind, Setting
from fae_training.store.state import Home

PERSONAL_DETAILS = ("address", "telephone", "email", "birth_date", "health")
# The keys allowed in config.json besides a section for each kind.
HOUSE_RULES = {
    rule.name: rule
    for rule in (
        # The minimum interval between runs that Fae starts by itself; a person's runs never wait.
        Setting("min_days_between_runs", Range(0, 3650), 7.0),
        # "wait" pauses a run while the Mac is on battery; "train" continues.
        Setting("on_battery", Choice(("wait", "train")), "wait"),
        # Personal details, each excluded from the training data unless allowed here (conversations/personal.py).
        # There is no such setting for secrets.
        *(Setting(f"learn_{kind}", YesNo(), False) for kind in PERSONAL_DETAILS),
    )
}


@dataclass(frozen=True)
class Settings:
    """Resolved values, of the types given by their Settings, and the source of each."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def changed(self, source: str, **values: object) -> "Settings":
        """A copy with other values, which come from `source`."""
        return Settings(
            {**self.values, **values}, {**self.sources, **dict.fromkeys(values, source)}
        )


def add_options(parser: Parser, kind: Kind) -> None:
    """Add --preset, a flag for each setting with a help text, and --set and --like."""
    parser.add_argument(
        "--preset",
        choices=list(kind.presets),
        help=f"a named set of settings (default: {DEFAULT_PRESET})",
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
    parser.add_argument(
        "--set",
        action="append",
        metavar="KEY=VALUE",
        help=f"any setting, including {', '.join(_without_flag(kind))}; can be repeated",
    )
    parser.add_argument(
        "--like", metavar="RUN", help="use all settings of another run, or of 'latest'"
    )


def _without_flag(kind: Kind) -> list[str]:
    return [setting.name for setting in kind.settings if not setting.help]


def resolve(call: Call, kind: Kind) -> Settings:
    """The settings of one run.

    Raises BadRequest for an unknown preset, for an unknown name or invalid value in config.json or after --set, and for a
    setting given twice.
    """
    own, given, defaults = _part_of_config(call.home, kind), vars(call.arguments), kind.defaults
    like = _like(call, kind)
    of_like = like.settings.get("preset") if like else None
    preset = given.get("preset") or of_like or own.get("preset") or DEFAULT_PRESET
    flags = {name: given[name] for name in defaults if given.get(name) is not None}
    after_set = _after_set(given.get("set") or (), kind, flags)
    values = dict(defaults)
    sources = dict.fromkeys(defaults, "default")
    layers = [
        (kind.presets[preset], lambda name: f"preset {preset}"),
        (own, lambda name: "config.json"),
        (after_set, lambda name: call.sources["set"]),
        (flags, call.sources.__getitem__),
    ]
    if like:
        of_like, before = like.settings, like.record.get("sources", {})
        kept = {name: of_like[name] for name in defaults if name in of_like}
        layers.insert(2, (kept, lambda name: f"{before.get(name, 'default')}, as {like.id}"))
    for layer, source in layers:
        for name, value in layer.items():
            values[name], sources[name] = value, source(name)
    return Settings(values, sources)


def _like(call: Call, kind: Kind) -> runs.Run | None:
    """The run of --like. Raises Missing if there is none, BadRequest if --preset is given too."""
    given = vars(call.arguments)
    if not given.get("like"):
        return None
    like = runs.find(call.home, given["like"], kind.name)
    if given.get("preset"):
        raise BadRequest(
            "preset_and_like",
            f"--like uses all settings of {like.id}, including its preset {like.settings.get('preset')!r}, so --preset cannot be given too",
            kind.command(f"--like {like.id}"),
        )
    check_recorded(like, kind)
    return like


def check_recorded(run: runs.Run, kind: Kind) -> None:
    """Raises Failed if run.json has a setting or a preset that a run cannot have."""
    problem = None
    if run.settings.get("preset") not in (None, *kind.presets):
        problem = f"preset: {shown(run.settings['preset'])} is not one of {', '.join(kind.presets)}"
    for setting in kind.settings:
        value = run.settings.get(setting.name, setting.default)
        try:
            if value is not None or setting.default is not None:
                setting.value.from_json(value)
        except ArgumentTypeError as why:
            problem = f"{setting.name}: {why}"
    if problem:
        raise Failed(
            "state_corrupt",
            f"{run.file('run.json')}: {problem}",
            kind.command(f"--preset {DEFAULT_PRESET}"),
        )


def _after_set(given: Iterable[str], kind: Kind, flags: Mapping[str, object]) -> dict:
    """The parsed value of each --set. `flags`: settings given by other flags."""
    known = {setting.name: setting for setting in kind.settings}
    found: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise BadRequest(
                "bad_setting",
                f"--set {text!r} has no value, expected KEY=VALUE",
                kind.command("--set learning_rate=3e-5"),
            )
        _refuse_unknown({name: value}, set(known), "--set")
        if name in found or name in flags:
            raise BadRequest(
                "set_twice", f"{name} is given twice", f"leave one of them out: --set {name}=VALUE"
            )
        try:
            found[name] = known[name].value(value.strip())
        except ArgumentTypeError as problem:
            raise BadRequest(
                "bad_setting", f"--set {name}: {problem}", f"correct --set {name}=VALUE"
            ) from None
    return found


def house_rule(call: Call, name: str):
    """A rule for all kinds from config.json, or its default. Raises BadRequest as `resolve` does."""
    return _config(call.home).get(name, HOUSE_RULES[name].default)


def personal_details_to_learn(call: Call) -> frozenset[str]:
    """The PERSONAL_DETAILS that config.json allows in the training data."""
    return frozenset(kind for kind in PERSONAL_DETAILS if house_rule(call, f"learn_{kind}"))


def check_config(home: Home) -> None:
    """Raises BadRequest or Failed for anything in config.json that a script would refuse."""
    for kind in KINDS.values():
        _part_of_config(home, kind)


def _config(home: Home) -> dict:
    config = home.read("config.json", {}) or {}
    _refuse_unknown(config, {*HOUSE_RULES, *KINDS, "schema"}, "config.json")
    rules = {name: value for name, value in config.items() if name in HOUSE_RULES}
    return config | _checked(rules, HOUSE_RULES.values(), "config.json")


def _part_of_config(home: Home, kind: Kind) -> dict:
    own, where = _config(home).get(kind.name, {}), f"the part {kind.name!r} of config.json"
    if not isinstance(own, dict):
        raise BadRequest(
            "bad_setting", f"{where} is {shown(own)}, expected an object", f'"{kind.name}": {{}}'
        )
    preset = Setting("preset", Choice(tuple(kind.presets)), DEFAULT_PRESET)
    settings = (*kind.settings, preset)
    _refuse_unknown(own, {setting.name for setting in settings}, where)
    return _checked(own, settings, where)


def _checked(part: dict, settings: Iterable[Setting], where: str) -> dict:
    """`part` with each value parsed by its setting."""
    known = {setting.name: setting for setting in settings}
    checked = {}
    for name, value in part.items():
        setting = known[name]
        try:
            checked[name] = setting.value.from_json(value)
        except ArgumentTypeError:
            raise BadRequest(
                "bad_setting",
                f"{where} has {name} = {shown(value)}, expected {setting.value}",
                f"correct {name} in config.json, or remove it",
            ) from None
    return checked


def _refuse_unknown(part: dict, known: set[str], where: str) -> None:
    for name in part:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            raise BadRequest(
                "unknown_setting",
                f"{where} has the unknown setting {name!r}"
                + (f"; did you mean {close[0]!r}?" if close else ""),
                f"the settings are: {', '.join(sorted(known - {'schema'}))}",
            )
