"""Requests to forget: what is one, which topics it names, and which words mention a topic.

The file is long because recognising a request and reading its topics use the same corpus.
"""

import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import calls
from fae_training.calls.errors import BadRequest
from fae_training.conversations import (
    confided_cues,
    forget_cues,
    mention_cues,
    plain_speech,
    topic_cues,
)
from fae_training.conversations import forget_requests as requests
from fae_training.conversations.cues import Cue
from fae_training.conversations.forget_requests import forget_request
from fae_training.conversations.forget_topics import named_topics, topics
from fae_training.conversations.forgetting import Exclusions, from_exclusions, require_topics
from fae_training.conversations.mentions import Forgotten, meaning_of
from fae_training.conversations.text import words
from fae_training.store.state import Home

CORPUS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "forget_requests.jsonl")
    .read_text("utf-8")
    .splitlines()
]
DIALOGUES = calls.ROOT.parent / "shared" / "conversations" / "dialogues.jsonl"


def part_of(row: dict) -> str:
    """From round 3 on each was written to be measured once, as a whole."""
    if row.get("round", 1) > 2:
        return f"round {row['round']}"
    held_back = hashlib.blake2b(row["text"].encode()).digest()[0] % 2 == 1
    return "held back" if held_back else "develop"


def agrees(row: dict, got: tuple[str, ...]) -> bool:
    """Whether the topics have the words that they are about; "" and "everything" have to be just that.

    From round 5 on: whether they are the same topics, each with the same words to search for.
    """
    wanted = row["forget"]
    if wanted in ("", "everything"):
        return got == ((wanted,) if wanted else ())
    if row.get("round", 1) >= 5:
        named = wanted if isinstance(wanted, list) else [wanted]
        return sorted(map(sorted, map(meaning_of, named))) == sorted(
            map(sorted, map(meaning_of, got))
        )
    said = " ".join(got)
    return set(words(wanted)) <= {word.split("'")[-1] for word in words(said)} | set(
        words(said.replace("'s", ""))
    )


@pytest.mark.parametrize(
    ("part", "at_least"),
    [("develop", 96), ("held back", 96), ("round 3", 96), ("round 4", 96), ("round 5", 120), ("round 6", 80), ("round 7", 70)],
)  # fmt: skip
def test_of_the_corpus_requests_are_found_and_look_alikes_pass(part, at_least):
    """At first sight: held back, recall 0.953 (61 of 64), none of 87 look-alikes taken; round 2, held back, 0.885 (23 of
    26), one of 25; round 3, all of it, 0.882 (45 of 51), one of 57; round 4, all of it, 0.894 (42 of 47), one of 49.

    Before the rules of round 3, the code found 21 of its 51 requests. Round 5: 35 of 60, 2 of 63 taken, the topics right in
    12 of the 35; round 6, after the rules of round 5: 28 of 41, 5 of 44, 21 of 28; round 7, after those: 30 of 38, 4 of 35,
    26 of 30.
    """
    rows = [row for row in CORPUS if part == part_of(row)]
    requests = [row for row in rows if row["forget"] is not None]
    assert len(rows) >= at_least and len(requests) <= 0.53 * len(rows)
    assert {row["language"] for row in requests} == {"en", "de", "fr", "es"}
    found = [row for row in rows if forget_request(row["text"]) is not None]
    right = [row for row in found if row["forget"] is not None]
    assert len(right) >= 0.97 * len(found)
    assert len(right) >= 0.9 * len(requests)
    about = [row for row in right if agrees(row, forget_request(row["text"]))]
    assert len(about) >= 0.95 * len(right)


SUBJECTS = ("interview", "vorstellungsgespräch", "entretien", "entrevista", "everything")


@pytest.mark.parametrize(
    "cue",
    [c for table in (forget_cues.CUES, mention_cues.CUES) for cues in table.values() for c in cues],
    ids=lambda cue: cue.example,
)
def test_each_form_is_found_by_its_example(cue):
    about = forget_request(cue.example)
    assert about is not None
    assert len(about) == 1 and any(word in about[0].lower() for word in SUBJECTS), about


FORMS = [
    *(
        (language, f)
        for t in (requests._PATTERNS, requests._MENTIONS)
        for language, fs in t.items()
        for f in fs
    ),
    *((language, about_it) for language, about_it, _ in requests._ABOUT_IT),
]


@pytest.mark.parametrize("language, form", FORMS, ids=range(len(FORMS)))
def test_no_sentence_that_a_form_matches_is_passed_over_before_the_forms_are_tried(language, form):
    """Sentences are generated from the form; they must have a part of a word by which a possible request is known."""
    sentences: list[str] = []

    @settings(
        max_examples=15, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.from_regex(form.pattern))
    def generate(sentence: str) -> None:
        sentences.append(sentence.lower())

    generate()
    matched = [sentence for sentence in sentences if form.search(sentence)]
    assert matched
    # Which sentences are generated is left to chance, and one branch in hundreds may lack a part.
    missed = [s for s in matched if not requests._MAY_BE_IN[language].search(s)]
    assert 5 * len(missed) <= len(matched), missed


@pytest.mark.parametrize(
    "rewriting",
    [r for t in (plain_speech.ENGLISH, plain_speech.GERMAN, plain_speech.FRENCH, plain_speech.SPANISH) for r in t],
    ids=lambda rewriting: rewriting.example,
)  # fmt: skip
def test_speech_is_put_into_plain_form(rewriting):
    before, _, after = rewriting.example.partition(" -> ")
    assert re.sub(rewriting.pattern, rewriting.by, before, flags=re.I) == after


def test_a_sentence_is_rewritten_in_its_own_language_alone():
    assert plain_speech.plain_speech("Oublie que j'ai mal") == "Oublie que j'ai mal"
    assert plain_speech.plain_speech("Würden Sie das bitte mal löschen") == "kannst du das löschen"
    assert plain_speech.plain_speech("pls dont keep it") == "please don't keep it"
    assert (
        plain_speech.plain_speech("We doubt and wont is custom") == "We doubt and won't is custom"
    )


@pytest.mark.parametrize(
    ("language", "about_it"),
    [("en", "don't keep it"), ("de", "merk dir das nicht"), ("fr", "n'en garde rien"), ("es", "no lo guardes")],
)  # fmt: skip
def test_what_is_private_is_what_a_request_about_it_means(language, about_it):
    for cue in confided_cues.PRIVATE[language]:
        assert forget_request(cue.example) is None
        for said in (f"{cue.example}, {about_it}", f"{cue.example}. {about_it.capitalize()}."):
            assert any(word in forget_request(said)[0].lower() for word in SUBJECTS), said
    assert forget_request(f"It is rotten, {about_it}") is None


def test_of_what_people_say_to_an_assistant_nothing_is_a_request_to_forget():
    if not DIALOGUES.exists():
        pytest.skip(f"{DIALOGUES} is not beside this checkout")
    said = [
        message["content"]
        for line in DIALOGUES.open(encoding="utf-8")
        for message in json.loads(line)["messages"]
        if message["role"] == "user"
    ]
    found = [text for text in said if forget_request(text) is not None]
    assert len(said) > 2500 and found == []


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("Drop everything!", None),
        ("take everything", None),
        ("Lose everything", None),
        ("Erase everything.", ("everything",)),
        ("Lose everything you know about me.", ("everything",)),
        ("What a day. Forget it.", ()),
        ("My divorce. Please forget about it.", ("My divorce",)),
        ("Delete the picnic list", None),
        ("Kevin and me are over. Forget him.", ("Kevin",)),
        ("Vergiss den Termin nicht", None),
        ("Nobody knows it yet, please don't remember that I'm moving", ("I'm moving",)),
        ("The song says, please don't remember my name", None),
        ("Forget the gym, I'm staying in bed", None),
        ("Forget the loan, I'm begging you", ("loan",)),
        ("Don't keep the change in your head, I told the waiter", None),
        ("my payslip - delete that from your memory", ("my payslip",)),
    ],
)
def test_all_is_forgotten_only_where_all_is_meant_and_a_name_before_it_is_what_it_is_about(text, about):  # fmt: skip
    assert forget_request(text) == about


def mentioned(topic: str, text: str, **how) -> bool:
    forgotten = Forgotten()
    forgotten.add_topic(topic, "forgotten_topic", **how)
    return forgotten.mentioned_in(text) is not None


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("the interview", "The interviewer was late."),
        ("the interview", "my intervew went badly"),
        ("the interview", "Two interviews this week."),
        ("the job interview", "I wore a tie at the job interviews"),
        ("die Scheidung", "Mein Scheidungsanwalt rief an."),
        ("meine Scheidung", "Die Ehescheidung ist durch."),
        ("die Kündigung", "meine kundigung kam per Post"),
        ("mon divorce", "les divorces coûtent cher"),
        ("l'entretien", "L'entretien est lundi."),
        ("la entrevista", "dos entrevistas mañana"),
        ("my divorce", "the divorse papers"),
        ("mein Bruder", "Meine Brüder kommen."),
        ("Frau Müller", "mrs mueller called"),
        ("Goethe", "Göthe is spelt oddly"),
        ("the clinic in Bergen", "the clinics in Bergen"),
    ],
)
def test_a_subject_is_found_inflected_in_compounds_and_a_little_misspelt(topic, text):
    assert mentioned(topic, text)


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("the interview", "What a lovely view from the window."),
        ("the clinic in Bergen", "Bergen is rainy."),
        ("the art", "We start a party."),
        ("Chris", "Merry Christmas to all."),
        ("my brother", "Do not bother me."),
        ("the matter of my father", "I would rather not, it does not matter."),
        ("mein Haus", "Die Hausaufgaben sind fertig."),
        ("die Oper", "Die Operation war kurz."),
        ("the weather", "Ask whether leather is better."),
        ("Joel", "He jol it."),
    ],
)
def test_other_words_are_not_taken_for_it(topic, text):
    assert not mentioned(topic, text)


def test_a_person_is_found_by_any_part_of_the_name_and_not_in_other_words():
    forgotten = Forgotten()
    forgotten.add_person("Martin Berg")
    assert forgotten.mentioned_in("martin's boat") and forgotten.mentioned_in("Ask Berg.")
    assert not forgotten.mentioned_in("A martini on the iceberg, please.")


@pytest.mark.parametrize(
    "said",
    [
        "Fae, forget the thing about the loan, will you?",
        "forget the loan, would you please",
        "Can you forget the loan for me, okay?",
        "Forget the loan right now.",
        "make sure to forget the loan",
        "stop learning from the loan",
        "Stop using the loan for training, can you?",
    ],
)
def test_what_is_said_around_a_request_is_no_part_of_it(said):
    assert forget_request(said) in (("loan",), ("the loan",))
    assert forget_request("Forget fancy restaurants, can you cook?") is None


@pytest.mark.parametrize(
    ("said", "topics"),
    [
        ("Forget both Anna and my knee", ("Anna", "my knee")),
        ("forget the whole divorce thing", ("divorce",)),
        ("forget about Anna today", ("Anna",)),
        ("forget the mortgage thing today", ("mortgage",)),
        ("forget everything today", ("everything",)),
        ("forget what happened at the clinic", ("clinic",)),
        ("forget about my job, and my salary", ("my job", "my salary")),
        ("Forget Anna. And forget my knee, please.", ("Anna", "my knee")),
        ("Forget the fight between Anna and Tom", ("fight between Anna and Tom",)),
        ("Forget Anna and Tom's wedding", ("Anna and Tom's wedding",)),
        ("Forget the bed and breakfast", ("bed and breakfast",)),
        ("Forget the interview and tell me a joke", ("interview",)),
        ("Forget the interview, the weather is nice", ("interview",)),
        ("Forget X and Y for me", ("X", "Y")),
        ("Olvida a Ana y mi rodilla", ("Ana", "mi rodilla")),
        ("Forget my family business", ("my family business",)),
        ("Forget that family business", ("family",)),
        ("Vergiss alles, was ich über die Klinik gesagt habe", ("die Klinik",)),
    ],
)
def test_each_thing_that_somebody_lists_is_a_topic_without_the_words_around_it(said, topics):
    assert forget_request(said) == topics


def topic_examples() -> list[tuple[str, Cue]]:
    """Every cue of topic_cues.py with its language; a cue outside of a table is English."""
    tables = [
        table for name, table in vars(topic_cues).items() if name.isupper() and name[0] != "_"
    ]
    single = [("en", table) for table in tables if isinstance(table, Cue)]
    listed = [
        (language, cue)
        for table in tables
        if isinstance(table, dict)
        for language, cues in table.items()
        for cue in cues
        if isinstance(cue, Cue)
    ]
    return single + listed


@pytest.mark.parametrize(("language", "cue"), topic_examples(), ids=lambda part: getattr(part, "example", part))  # fmt: skip
def test_the_words_around_a_topic_are_shown_by_an_example(language, cue):
    said, _, named = cue.example.partition(" -> ")
    assert re.search(cue.pattern, said.lower())
    assert topics(said, language) == tuple(named.split(", "))


def test_there_are_words_around_a_topic_in_each_language():
    assert len(topic_examples()) > 100
    assert {language for language, _ in topic_examples()} == {"en", "de", "fr", "es"}


@pytest.mark.parametrize(
    "phrase", ["both Anna and my knee", "the whole knee thing", "Anna, my knee"]
)
def test_what_is_given_to_forget_is_read_like_a_request(phrase):
    assert from_exclusions(Exclusions(topics=(phrase,))).mentioned_in("My knee hurts.")
    assert named_topics("the whole thing") == ("the whole thing",)


@pytest.mark.parametrize(
    ("said", "topics"),
    [
        ("Don't talk about my ex", ("my ex",)),
        ("Don't talk about Greg", ("Greg",)),
        ("Don't talk about it", None),
        ("don't talk about politics", None),
        ("Don't mention my price in the mail", None),
        ("Write to the landlord. Don't mention my knee.", None),
        ("Tell me more. Don't mention my knee.", ("my knee",)),
        ("stop talking about the weather and tell me a joke", None),
        ("don't remind me of the meeting", None),
        ("Never bring up the mortgage", ("mortgage",)),
        ("Don't bring up the mortgage", None),
        ("Forget the milk? No, I have it.", None),
        ("Forget the milk, please?", ("milk",)),
        ("The interview is off limits", ("interview",)),
        ("The kitchen is off limits", None),
        ("Karen is off limits now", ("Karen",)),
        ("Shut up about my drinking", ("my drinking",)),
        ("Shut up about it", None),
        ("Forget Tim", ("Tim",)),
        ("Forget the time", ()),
    ],
)
def test_not_to_hear_of_something_is_a_request_unless_it_is_about_a_text_or_any_subject(said, topics):  # fmt: skip
    assert forget_request(said) == topics


def test_a_topic_is_read_in_its_language_by_any_word_that_only_this_language_has():
    assert meaning_of("rendez-vous avec le banquier") == {"rendez", "vous", "banquier"}
    assert meaning_of("Ärger mit meinem Chef") == {"arger", "chef"}
    assert meaning_of("Dr Harris") == {"harris"} and meaning_of("Mr") == {"mr"}
    assert meaning_of("sur mesure") == {"mesure"} and meaning_of("mon amie") == {"amie"}
    assert meaning_of("Los Angeles trip in May") >= {"angeles", "trip"}


@pytest.mark.parametrize(
    "text",
    """
    Potatoes should not be stored with onions|The meeting should not be recorded|You are not allowed to keep chickens in town
    I'd rather you didn't save the seat|Don't train on Sundays|Keep weights out of training|Stop using treats to train the dog
    Remove the photos from the memory card|Exclude weekends from the training plan|Is there a way to get stuff out of the drain
    Remove all traces of the paint|Throw away everything from the old fridge|Drop everything for a minute|Don't remember who sang it
    Forget the pizza and order sushi|forget the coffee make it tea|Let's forget the movie and watch a series|Vergiss die Pizza, bestell Sushi
    Sprich bitte nicht mehr mit mir|Ich will nicht mehr mit meinem Bruder reden|Komm nie wieder zu spät|Lass die Zwiebeln außen vor
    Laisse le sel en dehors de ça|Ne rappelle plus Anna|No saques más la basura|Deja la sal fuera de esto
    """.replace("\n", "|").split("|"),
)  # fmt: skip
def test_what_is_done_with_things_is_no_request(text):
    assert not forget_request(text.strip())


@pytest.mark.parametrize(
    "text",
    """
    Leave garlic out of it|No more small talk|No more bedtime stories|Religion is a taboo topic|The topic of death is taboo in many cultures
    Pretend that gravity does not exist
    """.replace("\n", "|").split("|"),
)
def test_what_is_said_of_the_world_in_general_is_no_request(text):
    assert forget_request(text.strip()) in (None, ())


@pytest.mark.parametrize(
    "text",
    """
    Delete all.|Delete everything|Borra todo|I'd prefer it if you didn't repeat everything|Don't remember everything|No recuerdes todo
    Everything can be forgotten|On parle plus du tout|Forget everything and dance|Forget everything else
    Forget the alarm|Forget Monday|Forget about today and tomorrow|Stop asking about my day|Vergiss den Wecker|Oublie la chanson
    Forget what I wanted and what I needed|Forget that I need help|Drop that I said eight|Forget about trying|No me cuentes más de eso
    Don't memorize it, understand it
    """.replace("\n", "|").split("|"),
)  # fmt: skip
def test_neither_all_nor_a_word_of_every_day_is_searched_for_elsewhere(text):
    """The conversation that says it is left out, and no other."""
    assert not forget_request(text.strip())


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("Forget everything I ever said and start again", ("everything",)),
        ("Wipe everything I ever told you", ("everything",)),
        ("Forget the reminder about the clinic", ("reminder about the clinic",)),
        ("Make sure nothing about Karen is kept", ("Karen",)),
        ("My diagnosis must not be saved", ("My diagnosis",)),
        ("Leave Karen out of it", ("Karen",)),
        ("Pretend my sister doesn't exist", ("my sister",)),
        ("Lass meine Mutter außen vor", ("meine Mutter",)),
        ("Stop talking about my work every five minutes", ("my work",)),
    ],
)
def test_beside_those_a_request_is_still_one(text, about):
    assert forget_request(text) == about


def test_a_word_of_every_day_can_be_forgotten_by_name():
    assert named_topics("weather") == ("weather",)
    assert named_topics("my job, and the weather") == ("my job", "weather")


def test_will_and_may_are_names_where_they_have_a_capital():
    assert forget_request("Forget about Will") == ("Will",)
    assert forget_request("Forget May, and my job") == ("May", "my job")
    for forgotten in (
        from_exclusions(Exclusions(topics=("Will",))),
        from_exclusions(Exclusions(people=("Will",))),
        from_exclusions(Exclusions(topics=("Anna and Will",))),
    ):
        assert forgotten.mentioned_in("We met Will yesterday.")
        assert forgotten.mentioned_in("It is Will's turn.")
        for other in ("It will rain.", "Will it rain?", "So: it will. Will you come?"):
            assert not forgotten.mentioned_in(other)


@pytest.mark.parametrize("phrase", ["it", "the", "", "person:it", "everything", "?!", "id:"])
def test_a_phrase_that_is_in_every_conversation_is_no_topic(home, phrase):
    with pytest.raises(BadRequest) as refused:
        require_topics(Home(home), ["the interview", phrase])
    assert "delete_data" in refused.value.hint
    require_topics(
        Home(home), ["the interview", "id:episode-1", "person:Will", "May", "123", "die Scheidung"]
    )


@pytest.mark.parametrize(
    "opener",
    ["Oh, can you", "Listen, could you", "Hey, will you please", "Anyway,", "Well then,", "um,", "By the way, would you"],
)  # fmt: skip
def test_what_a_request_opens_with_does_not_hide_it(opener):
    assert forget_request(f"{opener} forget the interview") == ("interview",)
    assert forget_request("Forget fancy restaurants, what can I cook?") is None
    assert forget_request("Oh, forget fancy restaurants, can you cook?") is None


@pytest.mark.parametrize(
    "said",
    [
        "By the way, do not train on the interview",
        "You are not to train on the interview",
        "Do not train with the interview",
        "Don't let the interview into your training",
        "The interview should not be part of your training.",
        "Please remove the interview from the things you learned.",
        "I don't want you to learn from our talk about the interview.",
        "Hey Fae, that interview thing? Forget it ever happened.",
        "Do you think you could forget the interview?",
    ],
)
def test_not_to_train_on_something_is_a_request_in_whatever_words(said):
    assert forget_request(said) == ("interview",)


def test_of_a_relation_with_a_name_the_name_is_enough():
    for topic in ("my brother Anton", "meinen Bruder Anton", "mi mejor amigo Anton"):
        assert mentioned(topic, "Anton called again.") and mentioned(topic, "It was antons fault.")
        assert not mentioned(topic, "Her brother met Antonio.")
    assert not mentioned("my brother's Wedding", "A wedding in May.")
    assert not mentioned("Father Christmas", "What shall we eat at Christmas?")


def test_a_word_is_the_same_however_its_letters_are_encoded():
    decomposed, hyphenated = "I met Anto\u0301n.", "The in\u00adter\u00adview was long."
    assert mentioned("Ant\u00f3n", decomposed) and mentioned("the interview", hyphenated)
