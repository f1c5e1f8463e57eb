"""The scans for secrets and for personal details: what they must find, and what they must let pass."""

import hashlib
import json
import re
from pathlib import Path

import pytest

import calls
from fae_training.conversations import filters, personal, secret_exchanges, secrets
from fae_training.conversations.number_words import written
from fae_training.lifecycle import settings

CORPUS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "secrets.jsonl").read_text("utf-8").splitlines()
]
DIALOGUES = calls.ROOT.parent / "shared" / "conversations" / "dialogues.jsonl"

# Put together at run time, so that no scanner of repositories takes them for real ones.
KEY = "sk-" + "proj" + "9fK2mX7qLw4TzR8bVn3c"
TOKEN = "ghp_" + "k2J8s0Qw9ErT5yU1iO3pA7sD4fG6hJ2kL8zX"
HEX = "9f8a7c6b5e4d3c2b" + "1a0f9e8d7c6b5a4f"
BLOCK = "-----BEGIN OPENSSH " + "PRIVATE KEY-----"


def turns_of(row: dict) -> list[tuple[str, str]]:
    """What was said and answered. A middle dot parts the keys, so that no scanner of repositories takes them for real."""
    if "text" in row:
        return [(row["text"].replace("·", ""), "I see.")]
    return [(question, reply) for question, reply in row["turns"]]


def round_of(row: dict) -> int:
    return row.get("round", 1)


def is_held_back(row: dict) -> bool:
    text = row.get("text") or "\n".join(part for turn in row["turns"] for part in turn)
    return hashlib.blake2b(text.encode()).digest()[0] % 2 == 1


def label_of(row: dict) -> str:
    """ "secret", "personal" or "none", as the scans see it."""
    turns = turns_of(row)
    texts = [text for turn in turns for text in turn]
    if any(map(secrets.find, texts)) or secret_exchanges.spread(turns):
        return "secret"
    return "personal" if any(map(personal.find, texts)) else "none"


@pytest.mark.parametrize("held_back", [False, True], ids=["develop", "held back"])
def test_of_the_corpus_secrets_and_details_are_found_and_look_alikes_pass(held_back):
    """Of the held-back part at first sight: 100 of 103 secrets, 72 of 74 details, 1 of 180 look-alikes taken."""
    rows = [row for row in CORPUS if is_held_back(row) == held_back and round_of(row) == 1]
    of = {label: [row for row in rows if row["label"] == label] for label in ("secret", "none")}
    details = [row for row in rows if row["label"] in personal.KINDS]
    assert len(rows) > 300 and len(of["none"]) >= len(rows) // 2 - 5
    assert sum(label_of(row) == "secret" for row in of["secret"]) >= 0.97 * len(of["secret"])
    assert sum(label_of(row) != "none" for row in details) >= 0.9 * len(details)
    assert sum(label_of(row) != "none" for row in of["none"]) <= 0.01 * len(of["none"])
    for kind in personal.KINDS:
        mine = [row for row in details if row["label"] == kind]
        assert sum(label_of(row) != "none" for row in mine) >= 0.85 * len(mine), kind


@pytest.mark.parametrize(("number", "recall"), [(2, 0.97), (3, 0.9), (4, 0.9)])
def test_of_secrets_in_odd_phrasing_nearly_all_are_found_and_no_look_alike_is(number, recall):
    """At first sight: round 2, 21 of 65 found and 1 of 68 look-alikes taken; round 3, after the rules of round 2, 19 of 40
    and 0 of 48; round 4, after those, 26 of 33 and 2 of 32.
    """
    rows = [row for row in CORPUS if round_of(row) == number]
    of = {label: [row for row in rows if row["label"] == label] for label in ("secret", "none")}
    assert {row["language"] for row in of["secret"]} == {"en", "de", "fr", "es"}
    assert len(of["secret"]) >= 33 and len(of["none"]) >= 32
    assert sum(label_of(row) == "secret" for row in of["secret"]) >= recall * len(of["secret"])
    assert [row for row in of["none"] if label_of(row) != "none"] == []


def test_what_people_say_to_an_assistant_is_hardly_ever_left_out():
    """All that is found there is three addresses; looked at by eye, none is taken wrongly."""
    if not DIALOGUES.exists():
        pytest.skip(f"{DIALOGUES} is not beside this checkout")
    texts = [
        message["content"]
        for line in DIALOGUES.open(encoding="utf-8")
        for message in json.loads(line)["messages"]
        if message["role"] == "user"
    ]
    found = [text for text in texts if secrets.find(text) or personal.find(text)]
    assert len(texts) > 2500 and 3 <= len(found) <= 0.01 * len(texts), found


def test_a_german_comparison_is_no_disease():
    assert not personal.health("Meine Tochter hat morgen Prüfung und ich bin nervöser als sie.")
    assert personal.health("My dad has als.") and personal.health("Mein Mann hat ALS.")


def test_the_settings_name_the_details_and_let_in_no_secret():
    assert list(personal.KINDS) == list(settings.PERSONAL_DETAILS)
    text = "Write to anna@example.org or call 020 7946 0958."
    assert personal.find(text, ["email"]) == "telephone"
    assert personal.find(text, ["email", "telephone"]) is None
    everything = settings.PERSONAL_DETAILS
    assert filters.reason_to_leave_out(text, "Yes.", everything) is None
    assert filters.reason_to_leave_out("My password is tulips.", "Yes.", everything) == "secret"


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("forty eight, twenty one", "4821"),
        ("double seven one three", "7713"),
        ("oh seven seven double oh nine", "077009"),
        ("one thousand nine hundred and eighty four", "1984"),
        ("siebenundvierzig elf", "4711"),
        ("zéro six, trente-neuf, quatre-vingt-dix-huit, soixante-dix", "06399870"),
        ("treinta y nueve dos", "392"),
        ("one day", "one day"),
        ("two or three", "two or three"),
    ],
)
def test_numbers_in_words_are_read(said, read):
    assert written(said) == read


@pytest.mark.parametrize(
    ("turns", "places"),
    [
        ([("My PIN is", "Yes?"), ("four seven one one", "Good.")], {0, 1}),
        ([("Why?", "So."), ("I'll tell you my password", "Go on."), ("tulips", "Good.")], {1, 2}),
        ([("What was my PIN?", "4711.")], {0}),
        ([("It wants a code.", "What is the code?"), ("8 8 9 0", "Good.")], {0, 1}),
        ([("my card number is", "Yes?"), ("4111", "Go on."), ("2222", "Good.")], {0, 1, 2}),
        ([("My gmail account.", "What about it?"), ("It's marmalade.", "Okay.")], {0, 1}),
        ([("My gmail account.", "Why?"), ("It's marmalade.", "Okay.")], set()),
        ([("My account was hacked.", "Oh."), ("It's marmalade.", "Okay.")], set()),
        ([("Ask me.", "What's the password?"), ("open sesame", "Right.")], {0, 1}),
        ([("Ask me.", "What's the password?"), ("I forgot it", "Oh.")], set()),
        ([("the password is", "Yes?"), ("correct horse", "Okay.")], {0, 1}),
        ([("Remember my bank login", "Go ahead."), ("marmalade seven", "Saved.")], {0, 1}),
        ([("Remember my bank", "Go ahead."), ("marmalade seven", "Saved.")], set()),
        ([("My PIN does not work.", "Try again."), ("How often?", "Three times.")], set()),
        ([("My PIN is", "Yes?"), ("Is it raining?", "No.")], set()),
        ([("What is the area code?", "0123 it is.")], set()),
    ],
)
def test_a_secret_over_several_turns_removes_all_of_them(turns, places):
    assert secret_exchanges.spread(turns) == places


@pytest.mark.parametrize("named", secrets.NAMED, ids=lambda named: named.kind)
def test_a_number_is_known_by_its_name(named):
    assert secrets.named_number(named.example) is not None
    assert re.search(named.name, named.example, re.I)


@pytest.mark.parametrize("rule", secrets.RULES, ids=lambda rule: f"{rule.kind} {rule.example[:12]}")
def test_each_rule_finds_its_example(rule):
    found = re.search(rule.pattern, rule.example, rule.flags)
    assert found and (rule.check is None or rule.check(found))
    assert secrets.find(rule.example) == rule.kind
    assert secrets.find(f"Well, {rule.example} it is") == rule.kind


def found_in(text: str) -> str | None:
    return secrets.find(text) or personal.find(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("card_number", "my card is 4111 1111 1111 1111"),
        ("card_number", "my card is 4111 1111 1111 1112"),  # misheard, and called a card
        ("card_number", "it's 5500-0000-0000-0004, expires in May"),
        ("card_number", "the number is " + "four " + "one " * 15),
        ("password", "the wifi password is sunflower seven"),
        ("password", "password: hunter2"),
        ("password", "Password swordfish"),
        ("password", "Username sam, password is the dog's name, Rover"),
        ("password", "It is hunter two with a capital H, my netflix password"),
        ("password", "You know my Amazon account, it's swordfish"),
        ("password", "secret answer: Rover"),
        ("password", "my api token is abc"),
        ("password", "The laptop opens with the word marmalade"),
        ("password", "user sam pass mango"),
        ("password", "I always use marmalade as my password"),
        ("password", "our router password, lemon tart"),
        ("pin", "remember my code: delta echo four two"),
        ("pin", "gate code alpha seven tango"),
        ("pin", "the vault combination is left ten right twenty left five"),
        ("pin", "to open the gate enter 55 then 41"),
        ("one_time_code", "the backup codes are 8392 1174 and 5520 9981"),
        (
            "seed_phrase",
            "My recovery phrase is about lamp river above stone again cloud apple chair music bread horse",
        ),
        ("password", "the passcode for the garage is swordfish"),
        ("pin", "my pin is 4 8 2 1"),
        ("one_time_code", "the verification code is 482913"),
        ("pin", "my code is four eight two nine one three"),
        ("one_time_code", "482913 is my login code"),
        ("api_key", f"use {KEY} for it"),
        ("api_key", f"the token of the repository is {TOKEN}"),
        ("private_key", f"I pasted {BLOCK}"),
        ("random_token", f"the value was {HEX}"),
        ("account_number", "the rent goes to GB82 WEST 1234 5698 7654 32"),
        ("national_id", "my passport number is 533401372"),
        ("national_id", "my social is 123-45-6789"),
        ("email", "write to anna@example.org"),
        ("email", "anna dot k at gmail dot com"),
        ("telephone", "call me on 07700 900123"),
        ("telephone", "it is +44 20 7946 0958"),
        ("telephone", "oh seven seven double oh nine oh oh one two three"),
        ("address", "send it to 14 Maple Street"),
    ],
)
def test_it_finds(kind, text):
    assert found_in(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "the parcel is 4111 1111 1111 1112",  # the checksum says that it is no card
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
        "Password forgotten",
        "forgot my password, Anna",
        "the seed phrase for our wallet was lost when they were moving from their house after the flood",
        "the code is 14 15 am",
        "the passwords swordfish",
        "never use your name as a password",
        "The laptop opens with a click",
        "open the door and type hello",
        "open Spotify and enter party mode",
        "You know my account, it's frozen",
        "my account was hacked, it's swordfish",
        "delta echo four two is the flight",
        "my code: delta is a river",
        "the confirmation code comes at 10:30 am on March 4th 2 pm",
        "a recovery phrase is a list of words that you have to keep in a safe place at home",
        "log in, then pass the salt",
    ],
)
def test_it_lets_pass(text):
    assert found_in(text) is None


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


@pytest.mark.parametrize(
    "text",
    """
    My account manager, it's Sarah|My account of events: it's chaos|My work account, it's Outlook|My new account, it's green
    My username, it's Polish|Our wifi is Vodafone|my router is upstairs|Our network is mesh|Wifi is magic|Our wifi - it's Vodafone
    The wifi here, it's decent|Mein WLAN ist lahm|Mi wifi es lenta|Mon compte, c'est compliqué|Mein Konto, es ist überzogen
    The word that opens the book is call|Le mot qui ouvre le texte est beau|Give me a hint, the answer is Paris
    The knitting pattern is left right left right|The dance pattern is left, right, left|It follows the pattern up up down down left right
    Coffee is what I get into my day with|This is how I log in every day|Users pass messages|The users pass exams
    Vitamin combo B six B twelve|The chess combination Nf3 e5 Bc4|The wifi password is unbelievably long|My password is older than you
    In the book, the password is mellon|My code prints 12345|The paint code is RAL 7016|Le code postal est 75001|El código postal es 28001
    Mein Passwort ist vergessen|La contraseña es fácil
    """.strip().replace("\n", "|").split("|"),
)  # fmt: skip
def test_what_accounts_networks_words_and_codes_are_like_is_no_secret(text):
    assert secrets.find(text.strip()) is None


@pytest.mark.parametrize(
    "text",
    """
    my gmail account, it's marmalade|our wifi is marmalade|hotspot is marmalade|the word that opens the app is marmalade
    the word which unlocks my phone is mellon|my phone pattern is up left down|marmalade is how I log in
    the wifi password is lovely|my password is mellon|My code is 12345|user sam, pass mango
    """.strip()
    .replace("\n", "|")
    .split("|"),
)
def test_beside_those_a_secret_is_still_one(text):
    assert secrets.find(text.strip()) is not None


def test_a_telephone_number_is_none_of_a_book_because_its_digits_could_be():
    """One in eleven numbers of ten digits has the check digit of an ISBN."""
    numbers = [f"{area} 867 {last}" for area in (212, 555, 617) for last in range(5300, 5322)]
    assert all(personal.find(f"My phone number is {number}.") == "telephone" for number in numbers)
    for number in ("+49 30 901820", "+49 30 90182012", "0176 12345678", "+49 176 12345678"):
        assert personal.find(f"Call {number}.") == "telephone", number
    for book in ("978-3-16-148410-0", "9783161484100", "3-16-148410-0", "ISBN 0306406152"):
        assert personal.find(f"I ordered {book}.") is None, book


@pytest.mark.parametrize(
    "said",
    [
        "My password is correct horse battery staple, remember it",
        "correct horse battery staple is my password",
        "The bank password I use is Rosebud",
        "4111_1111_1111_1111",
        "4111/1111/1111/1111",
        "4111, 1111, 1111, 1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\r\n1111\r\n1111\r\n1111",
        "4111 1111 -\n1111 1111",
        "4111\t1111\t1111\t1111",
        "4111\u20131111\u20131111\u20131111",
    ],
)
def test_a_secret_is_found_whatever_is_around_it_and_between_its_digits(said):
    assert secrets.find(said)
    assert not secrets.find("The password I use is too weak, remember to change it")


def test_a_secret_that_was_announced_is_found_also_after_a_question_and_if_it_begins_like_talk():
    announced = ("I want to tell you my bank password", "Okay.")
    assert secret_exchanges.spread([announced, ("Are you ready?", "Yes."), ("Rosebud", "Noted.")])
    assert secret_exchanges.spread([announced, ("correct horse battery staple", "Noted.")])
    assert not secret_exchanges.spread([announced, ("What time is it?", "Ten."), ("Thanks", "Bye")])


@pytest.mark.parametrize(
    "number", ["4111·1111·1111·1111", "4111•1111•1111•1111", "４１１１ １１１１ １１１１ １１１１"]
)
def test_a_card_number_is_found_with_any_sign_between_its_groups_and_in_full_width_digits(number):
    assert secrets.find(f"my card is {number}") == "card_number"
