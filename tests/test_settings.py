"""Which value of a setting applies, and where it came from."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from fae_training.calls import calling
from fae_training.calls.errors import BadRequest
from fae_training.calls.values import Range
from fae_training.lifecycle import launch, settings
from fae_training.lifecycle.kinds import KINDS
from fae_training.store import state

SFT = KINDS["sft"]


def script_module(name: str):
    path = Path(__file__).parents[1] / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def script_parser(name: str):
    return script_module(name).build_parser()


def resolve(home, argv=(), config=None, kind=SFT):
    if config is not None:
        state.write_json(home / "config.json", config)
    parser = launch.build_parser("", kind)
    call = calling.read_call(parser, ["--home", str(home), *argv], "person")
    return settings.resolve(call, kind)


def test_without_any_setting_the_defaults_and_the_default_preset_apply(home):
    found = resolve(home)
    assert found.values == SFT.defaults
    assert (found["steps"], found["rank"], found["learning_rate"]) == (50, 16, 5e-5)
    assert found.sources["seed"] == "default" and found.sources["steps"] == "preset light"


def test_a_preset_sets_its_row_and_nothing_else(home):
    found = resolve(home, ["--preset", "deep"])
    assert (found["steps"], found["rank"], found["learning_rate"]) == (500, 32, 1e-5)
    assert found.sources["rank"] == "preset deep" and found.sources["preset"] == "flag"


def test_a_flag_beats_the_config_and_the_config_beats_the_preset(home):
    config = {"sft": {"steps": 70, "learning_rate": 1}}
    found = resolve(home, ["--preset", "deep", "--steps", "7"], config)
    assert (found["steps"], found["learning_rate"], found["rank"]) == (7, 1, 32)
    assert found.sources["steps"] == "flag" and found.sources["learning_rate"] == "config.json"


def test_a_parameter_beats_the_config_and_a_flag_beats_a_parameter(home):
    state.write_json(home / "config.json", {"sft": {"steps": 70, "seed": 9}})
    argv = ['{"steps": 8, "learning_rate": 0.5}', "--home", str(home), "--learning-rate", "0.25"]
    call = calling.read_call(launch.build_parser("", SFT), argv, "program")
    found = settings.resolve(call, SFT)
    assert found.values | {"steps": 8, "learning_rate": 0.25, "seed": 9} == found.values
    assert [found.sources[n] for n in ("steps", "learning_rate", "seed")] == ["parameter", "flag", "config.json"]  # fmt: skip


def test_the_config_may_choose_the_preset_and_zero_is_a_value(home):
    found = resolve(home, ["--seed", "0"], {"sft": {"preset": "deep", "seed": 5}})
    assert found["steps"] == 500 and found["seed"] == 0 and found.sources["seed"] == "flag"


def test_the_part_of_another_kind_changes_nothing(home):
    assert resolve(home, config={"stt": {"steps": 3}}).values == SFT.defaults


@pytest.mark.parametrize(
    "config, words",
    [
        (
            {"sft": {"preset": "heavy"}},
            "preset = 'heavy', expected one of smoke, light, standard, deep",
        ),
        ({"sft": {"step": 5}}, "the unknown setting 'step'; did you mean 'steps'"),
        ({"sfT": {}}, "the unknown setting 'sfT'; did you mean 'sft'"),
        ({"min_days_between_run": 1}, "did you mean 'min_days_between_runs'"),
        ({"sft": {"steps": "50"}}, "steps = '50', expected a whole number from 1 to 1,000,000"),
        ({"sft": {"steps": 0}}, "steps = 0, expected a whole number from 1"),
        ({"sft": {"steps": True}}, "steps = true, expected a whole number"),
        ({"sft": {"steps": 2.5}}, "steps = 2.5, expected a whole number"),
        ({"sft": {"learning_rate": -1e-4}}, "learning_rate = -0.0001, expected a number above 0"),
        ({"sft": {"model": 4}}, "model = 4, expected a text such as 'auto'"),
        ({"sft": [1]}, "'sft' of config.json is a list, expected an object"),
        (
            {"sft": {"learning_rate": float("nan")}},
            "learning_rate = NaN, expected a number above 0 to 1",
        ),
        (
            {"sft": {"learning_rate": float("inf")}},
            "learning_rate = Infinity, expected a number above 0 to 1",
        ),
        ({"sft": {"steps": 10**400}}, "expected a whole number from 1 to 1,000,000"),
        (
            {"min_days_between_runs": float("nan")},
            "min_days_between_runs = NaN, expected a number from 0",
        ),
        ({"min_days_between_runs": "7"}, "min_days_between_runs = '7', expected a number"),
    ],
)
def test_an_invalid_config_is_named_and_never_guessed(home, config, words):
    with pytest.raises(BadRequest, match=words):
        resolve(home, config=config)


def test_a_choice_in_the_config_is_one_of_its_words(home):
    dpo = KINDS["dpo"]
    assert resolve(home, config={"dpo": {"guard": "rpo"}}, kind=dpo)["guard"] == "rpo"
    for part in ({"guard": "rp"}, {"guard": None}, {"schedule": ["cosine"]}, {"experts": 1}):
        with pytest.raises(BadRequest, match=r"expected (one of|true or false)"):
            resolve(home, config={"dpo": part}, kind=dpo)


def test_settings_that_change_keep_the_others_and_are_not_the_ones_before(home):
    before = resolve(home)
    after = before.changed("the adapter of sft-1", rank=4)
    assert (before["rank"], after["rank"], after["steps"]) == (16, 4, 50)
    assert after.sources["rank"] == "the adapter of sft-1"
    assert before.sources["rank"] == "preset light"


def test_house_rules_come_from_the_config_or_have_a_default(home):
    parser = launch.build_parser("", SFT)
    call = calling.read_call(parser, ["--home", str(home)], "person")
    assert settings.house_rule(call, "min_days_between_runs") == 7
    state.write_json(home / "config.json", {"min_days_between_runs": 0})
    assert settings.house_rule(call, "min_days_between_runs") == 0


NOT_IN_RANGE = (
    "-3",
    "0x10",
    "nan",
    "-inf",
    "1e400",
    "9" * 400,
    "",
    "three",
    "1,000",
    "2.5.1",
    "--1",
)
TRAINING = {"sft": "train", "dpo": "train_dpo", "stt": "train_stt", "keyword": "train_keyword"}


@pytest.mark.parametrize("script", [*TRAINING.values(), "train_speech_verifier", "export_data"])
def test_every_number_of_every_script_is_refused_with_what_was_expected(script, home, capsys):
    made = script_parser(script)
    numbers = [option for option in made.options.values() if isinstance(option.type, Range)]
    assert not [option.name for option in made.options.values() if option.type in (int, float)]
    assert numbers
    for option in numbers:
        for given in NOT_IN_RANGE:
            flag = option.flag
            with pytest.raises(BadRequest) as from_flag:
                calling.read_call(script_parser(script), [f"{flag}={given}"], "person")
            assert option.name.replace("_", "-") in from_flag.value.message
            assert str(option.type) in from_flag.value.message
            if given:  # an empty parameter is one that was not given
                with pytest.raises(BadRequest, match=re.escape(str(option.type))):
                    calling.read_call(
                        script_parser(script), [json.dumps({option.name: given})], "program"
                    )


def test_a_parameter_that_is_not_a_finite_number_is_refused(home):
    for given in (
        '{"steps": NaN}',
        '{"steps": Infinity}',
        '{"steps": 1e999}',
        '{"learning_rate": -1}',
        '{"steps": 1.5}',
    ):
        with pytest.raises(BadRequest, match="is not a"):
            calling.read_call(launch.build_parser("", SFT), [given], "program")
    call = calling.read_call(launch.build_parser("", SFT), ['{"steps": 8.0}'], "program")
    assert call.arguments.steps == 8 and isinstance(call.arguments.steps, int)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_default_and_every_preset_is_a_value_that_its_setting_takes(kind):
    known = {setting.name: setting for setting in kind.settings}
    assert len(known) == len(kind.settings), "a setting is there twice"
    optional = {"guard", "guard_weight"}  # they follow from the loss
    for values in (kind.defaults, *kind.presets.values()):
        for name, value in values.items():
            if name != "preset" and not (name in optional and value is None):
                assert known[name].value.from_json(value) == value, name


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_script_shows_its_own_presets(kind):
    """The table in a script's --help is the one that is used."""
    lines = script_module(kind.script.removesuffix(".py")).__doc__.splitlines()
    for name, preset in kind.presets.items():
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert [float(word) for word in line.split()[1:]] == list(map(float, preset.values()))


def test_a_whole_number_in_the_config_is_whole_however_it_is_written(home):
    found = resolve(home, config={"sft": {"steps": 70.0}})
    assert found["steps"] == 70 and isinstance(found["steps"], int)


@pytest.mark.parametrize(
    "given", ["-5", "nan", "inf", "1e400", "yesterday", "2026-13-01", "9" * 400]
)
def test_a_time_that_is_none_is_refused_with_what_was_expected(given):
    with pytest.raises(BadRequest, match="expected unix seconds or a date such as 2026-11-01"):
        calling.read_call(script_parser("export_data"), [f"--since={given}"], "person")
