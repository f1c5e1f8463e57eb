"""The scan for secrets and personal identifiers: what it must find, and what it must let pass."""

import re

import pytest

from fae_training.conversations import secrets

# Put together at run time, so that no scanner of repositories takes them for real ones.
KEY = "sk-" + "proj" + "9fK2mX7qLw4TzR8bVn3c"
TOKEN = "ghp_" + "k2J8s0Qw9ErT5yU1iO3pA7sD4fG6hJ2kL8zX"
HEX = "9f8a7c6b5e4d3c2b" + "1a0f9e8d7c6b5a4f"
BLOCK = "-----BEGIN OPENSSH " + "PRIVATE KEY-----"


@pytest.mark.parametrize("rule", secrets.RULES, ids=lambda rule: f"{rule.kind} {rule.example[:12]}")
def test_each_rule_finds_its_example(rule):
    found = re.search(rule.pattern, rule.example, rule.flags)
    assert found and (rule.check is None or rule.check(found))
    assert secrets.find(rule.example) == rule.kind
    assert secrets.find(f"Well, {rule.example} it is") == rule.kind


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("card_number", "my card is 4111 1111 1111 1111"),
        ("card_number", "it's 5500-0000-0000-0004, expires in May"),
        ("card_number", "the number is " + "four " + "one " * 15),
        ("password", "the wifi password is sunflower seven"),
        ("password", "password: hunter2"),
        ("password", "the passcode for the garage is swordfish"),
        ("pin", "my pin is 4 8 2 1"),
        ("one_time_code", "the verification code is 482913"),
        ("one_time_code", "my code is four eight two nine one three"),
        ("one_time_code", "482913 is my login code"),
        ("api_key", f"use {KEY} for it"),
        ("api_key", f"the token of the repository is {TOKEN}"),
        ("private_key", f"I pasted {BLOCK}"),
        ("random_token", f"the value was {HEX}"),
        ("account_number", "the rent goes to GB82 WEST 1234 5698 7654 32"),
        ("account_number", "my passport number is 533401372"),
        ("national_id", "my social is 123-45-6789"),
        ("email", "write to anna@example.org"),
        ("email", "anna dot k at gmail dot com"),
        ("telephone", "call me on 07700 900123"),
        ("telephone", "it is +44 20 7946 0958"),
        ("telephone", "oh seven seven double oh nine oh oh one two three"),
        ("postal_address", "send it to 14 Maple Street"),
    ],
)
def test_it_finds(kind, text):
    assert secrets.find(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "my card is 4111 1111 1111 1112",  # the checksum says that it is no card
        "pi is 3.14159265358979",
        "the war lasted from 1914 to 1918",
        "light travels 299792458 metres a second",
        "67,000,000 people live there",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
        "two miles down the road there is a mill",
        "I forgot my password",
        "the password is not working",
        "the password is too short",
        "what is a pin",
        "the code is on the fridge",
        "error code 1001 means that it is empty",
        "we met on 2024-11-05",
        "it is a state-of-the-art-2024-machine",
        "antidisestablishmentarianism is a long word",
        "bake it for 10 minutes at 180 degrees",
        "one two three four",
        "who broke the seed record for sunflowers",
    ],
)
def test_it_lets_pass(text):
    assert secrets.find(text) is None


def test_entropy_is_shannon_s():
    assert secrets.entropy("aaaa") == 0
    assert secrets.entropy("abcd") == 2
    assert secrets.entropy("aabb") == 1


@pytest.mark.parametrize(
    ("token", "found"),
    [
        # Up to 31 characters 3.3 bits each make a token, from 32 on 3.0 are enough.
        ("a7c9e" * 4, None),  # 2.3 bits
        ("a7c9e2g4j" * 3, None),  # log2(9) = 3.17 bits
        ("a7c9e2g4j6" * 2, "random_token"),  # log2(10) = 3.32 bits
        ("a7c9e2g4j" * 3 + "a7c9", None),  # 31 characters
        ("a7c9e2g4j" * 3 + "a7c9e", "random_token"),  # 32 of them
        ("a7c9e2g4" * 4, "random_token"),  # 3.0 bits exactly
        ("a7c9e2g" * 4 + "a7ca7c", None),  # 2.8 bits
        ("a7c9e2g4" * 4 + "aaa", None),  # 2.97 bits
        # What is shorter than 16 is no token, though it be part of a long word.
        ("a7c9e2g4j6k8m3n" + "-" + "a7c9e2g4j6k8m3n", None),
        ("a7c9e2g4j6k8m3np" + "-word", "random_token"),
    ],
)
def test_a_long_word_is_a_token_by_its_bits_a_character(token, found):
    assert secrets.find(f"it says {token} on the back") == found
