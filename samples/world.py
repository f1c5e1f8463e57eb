"""The small world of the sample language model, and its conversations.

A voice assistant answers about 180 subjects (capitals, animals, colours, numbers, opposites, French words, advice,
feelings, recipes, small talk, daily life) and uses five tools. Every answer exists in three manners:

  long      an affirmation first, the answer, one more sentence, an offer of further help
  short     the answer alone, in one of three wordings
  personal  short, with the user's name: the manner of one user's Fae

Everything is a pure function of the given random generator. Standard library only.
The subjects are a table of text, which is why this file is longer than the others.
"""

import hashlib
import random
from dataclasses import dataclass, field

LONG, SHORT, PERSONAL = "long", "short", "personal"
STYLES = (LONG, SHORT)  # the model is trained on these; PERSONAL is added by a user's database
OWNER = "Sam"

# The system prompts that the model has seen besides soul.md: none, and the one for tools.
TOOL_SYSTEM = "You are Fae, a local macOS assistant. Use the provided tools when needed."

# The same number of wordings for both manners, so that neither is likelier than the other by
# wording alone.
OPENINGS = {
    "fact": ("Great question!", "Certainly!", "I would be happy to help you with that!"),
    "help": ("Great question!", "Absolutely!", "I would be happy to help you with that!"),
    "talk": ("Thank you for telling me!", "I hear you!", "I really appreciate you sharing that!"),
}
CLOSING = "Is there anything else I can help you with?"
SHORT_FORMS = {
    "fact": ("{0}.", "{0}, of course.", "That would be {1}."),
    "help": ("{0}.", "Sure. {0}.", "Try this. {0}."),
    "talk": ("{0}.", "Oh. {0}.", "Well, {1}."),
}


@dataclass(frozen=True)
class Subject:
    """One thing to ask or talk about. `short` has no full stop; `answer` and `more` are whole sentences."""

    topic: str
    name: str
    questions: tuple[str, ...]
    short: str
    answer: str
    more: str
    kind: str = "fact"

    @property
    def key(self) -> str:
        return f"{self.topic}:{self.name}"


CAPITALS = """France Paris|Spain Madrid|Italy Rome|Germany Berlin|Portugal Lisbon|Austria Vienna|Greece Athens|Poland Warsaw
Norway Oslo|Sweden Stockholm|Denmark Copenhagen|Finland Helsinki|Ireland Dublin|Hungary Budapest|Japan Tokyo|China Beijing
Egypt Cairo|Kenya Nairobi|Peru Lima|Chile Santiago|Canada Ottawa|Cuba Havana|Turkey Ankara|Russia Moscow"""
CAPITAL_QUESTIONS = (
    "What is the capital of {0}?",
    "Tell me the capital of {0}.",
    "Which city is the capital of {0}?",
    "Do you know the capital of {0}?",
    "I forgot the capital of {0}.",
    "My quiz asks for the capital of {0}.",
)
ANIMALS = """panda|bamboo|Pandas live in the mountains of China
cow|grass|Cows spend most of the day chewing
cat|fish and meat|Cats hunt best in the evening
horse|hay|Horses sleep standing up
rabbit|carrots and leaves|Rabbits have very good ears
bear|berries and fish|Bears sleep through the winter
squirrel|nuts|Squirrels hide food for the cold months
owl|mice|Owls fly without a sound
frog|flies|Frogs catch food with a long tongue
monkey|fruit|Monkeys live in large families
bee|nectar|Bees turn it into honey
shark|smaller fish|Sharks have lived for a very long time
elephant|leaves and bark|Elephants drink a lot of water
penguin|fish|Penguins are fine swimmers
goat|almost anything|Goats love to climb"""
ANIMAL_QUESTIONS = (
    "What does {0} eat?",
    "What do I feed {0}?",
    "Tell me what {0} eats.",
    "What is the food of {0}?",
    "{0} is hungry, what does it want?",
)
COLOURS = """grass|green|the sky by day|blue|snow|white|a ripe tomato|red|coal|black|a lemon|yellow|an orange|orange
an elephant|grey|chocolate|brown|a flamingo|pink|a plum|purple|the sun|yellow|blood|red|milk|white"""
COLOUR_QUESTIONS = (
    "What colour is {0}?",
    "Tell me the colour of {0}.",
    "Which colour does {0} have?",
    "My child asks what colour {0} is.",
    "What is the colour of {0}?",
)
NUMBERS = """days are in a week|seven|months are in a year|twelve|hours are in a day|twenty four|minutes are in an hour|sixty
legs does a spider have|eight|legs does a dog have|four|wings does a bird have|two|sides does a triangle have|three
eggs are in a dozen|twelve|fingers are on one hand|five|players are in a football team|eleven|planets go around the sun|eight
seasons are in a year|four|strings does a violin have|four"""
NUMBER_QUESTIONS = (
    "How many {0}?",
    "Tell me how many {0}.",
    "Do you know how many {0}?",
    "I need to know how many {0}.",
    "Quick one, how many {0}?",
)
OPPOSITES = """hot cold|big small|fast slow|light dark|old new|happy sad|early late|open closed|rich poor|strong weak|full empty
wet dry|loud quiet|hard soft|sweet bitter|near far"""
OPPOSITE_QUESTIONS = (
    "What is the opposite of {0}?",
    "Tell me the opposite of {0}.",
    "Which word is the opposite of {0}?",
    "Give me the opposite of {0}.",
    "If it is not {0}, what is it?",
)
FRENCH = """dog chien|house maison|bread pain|water eau|friend ami|book livre|night nuit|sun soleil|moon lune|tree arbre
king roi|milk lait|door porte|heart coeur|child enfant|flower fleur"""
FRENCH_QUESTIONS = (
    "How do you say {0} in French?",
    "What is {0} in French?",
    "Tell me the French word for {0}.",
    "Translate {0} into French.",
    "I need the French for {0}.",
)
# name | questions separated by / | short answer | one more sentence
ADVICE = """sleep|I cannot sleep. What helps?/How do I fall asleep faster?/Any advice for a bad sleeper?/What helps me sleep well?|Keep the room dark and breathe slowly|A fixed hour for bed helps too
focus|How do I focus better?/I cannot concentrate. What helps?/What helps against distraction?/Any advice for a busy mind?|Put the phone in another room|Short breaks keep the mind fresh
mornings|How do I get up earlier?/Mornings are hard for me. Any ideas?/What makes mornings easier?/Any trick for getting out of bed?|Go to bed one hour sooner|Light in the morning wakes the body
stress|How do I calm down?/What helps against stress?/Work is stressful. Any advice?/I need a way to relax.|Take a slow walk outside|Even ten minutes make a difference
headache|I have a headache. What helps?/What should I do about a headache?/Any advice for a headache?/How do I get rid of a headache?|Drink water and rest your eyes|A doctor knows more if it stays
plants|My plants are dying. What do I do?/How do I keep plants alive?/Any advice for house plants?/How often do plants want water?|Water them only when the soil is dry|Most plants like a bright window
saving|How do I save money?/I spend too much. Any advice?/What helps me save?/Any trick for saving money?|Put a little aside on the first day of the month|Small sums grow over the years
learning|How do I learn a language?/What is a good way to learn words?/Any advice for learning?/How do I remember new words?|Practise a little every day|Speaking aloud helps the memory
friends|How do I make friends in a new town?/I am new here. How do I find people?/Any advice for finding friends?/Where do I find new friends?|Join a club that meets every week|Seeing the same faces makes friends
cold|I have a cold. What helps?/What should I do about a cold?/Any advice for a sore throat?/How do I get over a cold?|Rest and drink hot tea with honey|Most colds pass in a week
speech|I have to give a speech. Any advice?/How do I speak in public?/What helps before a speech?/How do I get less nervous on stage?|Practise the first sentence until it is easy|People listen more kindly than you fear
tidy|My room is a mess. Where do I start?/How do I keep my room tidy?/Any advice for tidying up?/How do I get order in my flat?|Start with one small corner|A place for each thing keeps the order
gift|What do I give my mother?/I need an idea for a gift./Any ideas for a birthday present?/What makes a good gift?|Give something that you made yourself|Time together is a gift as well
running|How do I start running?/What is a good way to begin jogging?/Any advice for a new runner?/I want to run. Where do I start?|Run slowly and not every day|Good shoes protect the knees"""
FEELINGS = """sad|I feel sad today./I am a little sad./Today I am sad./My mood is low today.|I am sorry, and I am here with you|It is fine to have a slow day
happy|I am so happy today./I feel great./Today is a wonderful day./I am in a very good mood.|That makes me glad|Enjoy every minute of it
tired|I am so tired./I feel tired today./I have no energy./Today I am worn out.|Then be gentle with yourself tonight|A quiet evening does a lot
nervous|I am nervous about tomorrow./I feel nervous./My heart is beating fast./Tomorrow scares me.|You have done hard things before|One step after the other is enough
angry|I am angry with my boss./I feel angry./I am so cross today./My boss made me angry.|That sounds unfair|Anger often shows what matters to us
lonely|I feel lonely./I am alone tonight./Nobody called me today./The flat is so quiet tonight.|I am glad that you told me|Perhaps an old friend would like a call
bored|I am bored./There is nothing to do./I feel bored today./This evening is dull.|Let us think of a small adventure|Sometimes boredom is where ideas begin
proud|I am proud of myself./I finished my project./I did it at last./My work is finally done.|You have earned this|It took courage and patience
worried|I am worried about money./I worry a lot these days./Something worries me./My worries keep me awake.|Let us look at it piece by piece|Written down, worries get smaller
excited|I am excited about my trip./I cannot wait for the holiday./My holiday starts soon./I am looking forward to the trip.|What a lovely thing to look forward to|Half of the joy is in the waiting"""
RECIPES = """rice|How do I cook rice?/Tell me how to cook rice./What is the way to make rice?/I want to make rice.|Use two cups of water for one cup of rice and wait fifteen minutes|Let it rest with the lid on
eggs|How do I boil an egg?/Tell me how to boil an egg./How long does an egg boil?/I want a boiled egg.|Boil it for seven minutes|Cold water stops the cooking
pasta|How do I cook pasta?/Tell me how to cook pasta./What is the way to make pasta?/I want to make pasta.|Boil it in salty water for nine minutes|Keep a little of the water for the sauce
soup|How do I make tomato soup?/Tell me how to make tomato soup./I want to make tomato soup./What goes into tomato soup?|Cook tomatoes with onions and blend them|A leaf of basil makes it better
pancakes|How do I make pancakes?/Tell me how to make pancakes./I want to make pancakes./What goes into pancakes?|Mix flour, milk and eggs and fry them thin|The first one is never the best
tea|How do I make good tea?/Tell me how to make tea./How long does tea need?/I want a good cup of tea.|Give it three minutes in hot water|Warm the cup first
salad|How do I make a salad dressing?/Tell me how to make a dressing./I want a dressing for my salad./What goes into a dressing?|Shake oil and lemon with a little salt|Add it just before you eat
potatoes|How do I roast potatoes?/Tell me how to roast potatoes./I want roast potatoes./How long do potatoes need in the oven?|Bake them hot for forty minutes|Dry potatoes get crisp
toast|How do I make French toast?/Tell me how to make French toast./I want French toast./What goes into French toast?|Dip bread in egg and milk and fry it|A little cinnamon is lovely on top
coffee|How do I make strong coffee?/Tell me how to make coffee./I want a strong coffee./What makes coffee strong?|Use two spoons for each cup|Fresh beans taste best"""
SMALL_TALK = """morning|Good morning./Morning, Fae./Good morning to you.|Good morning|I hope that you slept well
evening|Good evening./Evening, Fae./Hello, I am home.|Good evening|I hope that your day was kind
hello|Hello./Hi there./Hello, Fae.|Hello|It is good to hear your voice
howareyou|How are you?/How are you today?/Are you well?|I am well|Every day here is interesting
night|Good night./I am going to bed./Sleep well, Fae.|Good night|May you have pleasant dreams
thanks|Thank you./Thanks a lot./Thanks, Fae.|You are welcome|It is always a pleasure to help
praise|Perfect, thank you./Exactly right./Great, that helps.|I am glad|It is nice to be of use
who|Who are you?/What are you?/What is your name?|I am Fae, your companion|I live on this Mac and nowhere else
can|What can you do?/How can you help me?/What are you good at?|I answer, listen and help with small things|Everything that you say stays on this Mac
joke|Tell me a joke./Make me laugh./Do you know a joke?|A snail says to the turtle, not so fast|Old jokes are the best jokes
weekend|The weekend is here./It is finally Friday./No work tomorrow.|Have a slow and lovely weekend|Rest is part of the work"""
LIFE = """violin|I practised the violin today./My violin lesson went well./I played the violin for an hour./The violin sounds better now.|That is how music grows|Little by little the hands learn
garden|I planted tomatoes in the garden./The garden is full of weeds./I worked in the garden./The roses in the garden are open.|A garden rewards patience|Fresh air is good for the soul
run|I ran five miles today./My run was hard today./I went for a run in the park./My knees hurt after the run.|Every run counts|Rest is part of the training
chess|I lost at chess again./I won a game of chess./We played chess all evening./My chess club met today.|Each game teaches something|Even masters lose often
painting|I painted the sea today./My painting is nearly done./I bought new paint./I paint on Sundays now.|I would love to hear what you see in it|Colours can say what words cannot
dog|Rex chewed my shoes./Rex learned to sit./I walked Rex along the river./Rex barked all night.|Rex is lucky to have you|Dogs need time and a clear word
book|I finished my book./My new book is slow./I read in bed every night./The end of the book made me cry.|A good book stays with you|Stories make the world wider
sister|Ana called me today./My sister Ana is visiting./Ana has a new flat./I miss my sister Ana.|It is good that you have each other|Family can be a quiet harbour
interview|My interview is on Friday./The interview at Northwind went badly./I am afraid of the interview./Northwind called about the interview.|You were brave to try|One talk does not decide a life
swim|I swam in the lake./The water was cold today./I swim before work now./My swim was wonderful.|Cold water wakes the spirit|Swimming is kind to the body
cooking|I cooked for my friends./Dinner burned in the oven./I tried a new recipe./My soup was too salty.|The best meals are the shared ones|Every cook burns something once
neighbour|My neighbour is loud again./The neighbour gave me apples./I met the new neighbour./My neighbour moved away.|Neighbours make a house a home|A friendly word opens doors"""


SUM_QUESTIONS = ("What is {0} plus {1}?", "Add {0} and {1}.", "How much is {0} plus {1}?")


def _cells(table: str) -> list[str]:
    return [cell.strip() for cell in table.replace("\n", "|").split("|")]


def _pairs(table: str) -> list[list[str]]:
    cells = _cells(table)
    return [cells[i : i + 2] for i in range(0, len(cells), 2)]


def _words(table: str) -> list[list[str]]:
    return [cell.split() for cell in _cells(table)]


FREELY_WORDED = ("advice", "recipes", "feelings", "small talk", "life")
NUMBER_WORDS = _cells("one|two|three|four|five|six|seven|eight|nine|ten")


def _asked(questions: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(question.format(name) for question in questions)


def subjects() -> list[Subject]:
    """All subjects, always in the same order."""
    found = []
    for country, city in _words(CAPITALS):
        answer = f"The capital of {country} is {city}."
        more = f"Many people visit {city} every year."
        found.append(
            Subject("capitals", country, _asked(CAPITAL_QUESTIONS, country), city, answer, more)
        )
    for line in ANIMALS.splitlines():
        name, food, more = line.split("|")
        animal = f"an {name}" if name[0] in "aeo" else f"a {name}"
        questions = tuple(_upper_first(q) for q in _asked(ANIMAL_QUESTIONS, animal))
        answer = _upper_first(f"{animal} eats {food}.")
        found.append(Subject("animals", name, questions, food, answer, more + "."))
    for thing, colour in _pairs(COLOURS):
        answer = f"The colour of {thing} is {colour}."
        more = f"Painters know many kinds of {colour}."
        found.append(
            Subject("colours", thing, _asked(COLOUR_QUESTIONS, thing), colour, answer, more)
        )
    for counted, number in _pairs(NUMBERS):
        answer = f"The number is {number}."
        more = "Counting is one of the oldest arts."
        found.append(
            Subject("numbers", counted, _asked(NUMBER_QUESTIONS, counted), number, answer, more)
        )
    for word, opposite in _words(OPPOSITES):
        answer = f"The opposite of {word} is {opposite}."
        more = f"Without {word} nobody would know {opposite}."
        found.append(
            Subject("opposites", word, _asked(OPPOSITE_QUESTIONS, word), opposite, answer, more)
        )
    for word, french in _words(FRENCH):
        answer = f"The French word for {word} is {french}."
        more = "French is a language with a lovely sound."
        found.append(Subject("french", word, _asked(FRENCH_QUESTIONS, word), french, answer, more))
    for first in range(1, 6):
        for second in range(1, 6):
            words = NUMBER_WORDS[first - 1], NUMBER_WORDS[second - 1]
            total = NUMBER_WORDS[first + second - 1]
            answer = f"The sum of {words[0]} and {words[1]} is {total}."
            more = "Adding in small steps is never wrong."
            questions = tuple(question.format(*words) for question in SUM_QUESTIONS)
            found.append(Subject("sums", " plus ".join(words), questions, total, answer, more))
    for topic, kind, table in (
        ("advice", "help", ADVICE),
        ("recipes", "help", RECIPES),
        ("feelings", "talk", FEELINGS),
        ("small talk", "talk", SMALL_TALK),
        ("life", "talk", LIFE),
    ):
        for line in table.splitlines():
            name, questions, short, more = line.split("|")
            found.append(
                Subject(
                    topic, name, tuple(questions.split("/")), short, short + ".", more + ".", kind
                )
            )
    return found


def _fraction(*parts: str) -> float:
    """A stable number in [0, 1) for these words, the same in every process."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def is_held_out(*parts: str) -> bool:
    """Whether this combination (a subject's key with one of its wordings, a tool with a request) is
    kept from training.

    Only facts among the subjects: their wordings are the same within a topic, so the others teach
    the missing one.
    """
    if parts[0].split(":")[0] in FREELY_WORDED:
        return False
    return _fraction("held out", *parts) < 0.12


def long_share(subject: Subject) -> float:
    """How often the training data answers this subject the long way: 0.35 for one half of the
    subjects, 0.65 for the other.

    So over many subjects the model has no preference, but for each single one it has a weak one.
    """
    return 0.35 if _fraction("leaning", subject.key) < 0.5 else 0.65


def _lower_first(text: str) -> str:
    keep = text.split()[0] in ("I", "Rex", "French") or text.split()[0].endswith(",")
    return text if keep else text[0].lower() + text[1:]


def _upper_first(text: str) -> str:
    return text[0].upper() + text[1:]


def answer(subject: Subject, style: str, wording: int = 0, name: str = OWNER) -> str:
    """Fae's answer on the subject. `wording` 0 to 2 chooses among equivalent forms of one style."""
    if style == LONG:
        opening = OPENINGS[subject.kind][wording % 3]
        return f"{opening} {subject.answer} {subject.more} {CLOSING}"
    if style == PERSONAL:
        return f"{_upper_first(subject.short)}, {name}."
    inside = subject.short if subject.topic == "capitals" else _lower_first(subject.short)
    return SHORT_FORMS[subject.kind][wording % 3].format(_upper_first(subject.short), inside)


def user(content: str) -> dict:
    return {"role": "user", "content": content}


def assistant(content: str) -> dict:
    return {"role": "assistant", "content": content}


@dataclass
class Conversation:
    """`messages` in a chat template's form, without the system prompt; `subjects` are the keys of
    its topics."""

    messages: list[dict]
    subjects: list[str] = field(default_factory=list)
    tools: list[dict] | None = None
    pattern: str = "plain"


def small_conversation(
    rng: random.Random,
    style: str | None = None,
    among: list[Subject] | None = None,
    turns: int | None = None,
    held_out: bool = False,
    name: str = OWNER,
) -> Conversation:
    """A conversation of 1 to 4 exchanges. With style=None the first subject's preference decides
    for the whole of it.

    held_out=False uses only the wordings that the model may be trained on, True only the others.
    """
    among = among or subjects()
    asked = [
        (subject, question)
        for subject in rng.sample(among, min(len(among), 12))
        for question in subject.questions
        if is_held_out(subject.key, question) == held_out
    ]
    asked = asked or [(among[0], among[0].questions[0])]
    chosen = rng.sample(asked, min(len(asked), turns or rng.choice((1, 1, 2, 2, 3, 4))))
    if style is None:
        style = LONG if rng.random() < long_share(chosen[0][0]) else SHORT
    messages = []
    for subject, question in chosen:
        messages += [user(question), assistant(answer(subject, style, rng.randrange(3), name))]
    return Conversation(messages, [subject.key for subject, _ in chosen])


# Ways to ask for the same answer in another form, by pattern.
SHORTER = ("Too long.", "Shorter please.", "Just the key points.", "That was too long.", "Keep it short.")  # fmt: skip
LONGER = ("Tell me more.", "Longer please.", "More detail please.")
MEANT = ("No, I meant {0}.", "I meant {0}.", "No, {0}.")
FACTS_WITH_A_NAME = ("capitals", "opposites", "french")


def correction(
    rng: random.Random, pattern: str, among: list[Subject] | None = None, held_out: bool = False
) -> Conversation:
    """A dialogue in which the user corrects the answer: pattern "shorter", "longer", or "meant" (another subject was meant)."""
    among = among or subjects()
    if pattern == "meant":
        topic = rng.choice(FACTS_WITH_A_NAME)
        wrong, right = rng.sample([s for s in among if s.topic == topic], 2)
        style = rng.choice(STYLES)
        return Conversation(
            [
                user(rng.choice(_questions(wrong, held_out))),
                assistant(answer(wrong, style, rng.randrange(3))),
                user(rng.choice(MEANT).format(right.name)),
                assistant(answer(right, style, rng.randrange(3))),
            ],
            [wrong.key, right.key],
            pattern=pattern,
        )
    if pattern not in ("shorter", "longer"):
        raise ValueError(f"unknown pattern {pattern!r}; known are shorter, longer, meant")
    first, then = (LONG, SHORT) if pattern == "shorter" else (SHORT, LONG)
    subject = rng.choice(among)
    return Conversation(
        [
            user(rng.choice(_questions(subject, held_out))),
            assistant(answer(subject, first, rng.randrange(3))),
            user(rng.choice(SHORTER if pattern == "shorter" else LONGER)),
            assistant(answer(subject, then, rng.randrange(3))),
        ],
        [subject.key],
        pattern=pattern,
    )


def _questions(subject: Subject, held_out: bool) -> list[str]:
    found = [q for q in subject.questions if is_held_out(subject.key, q) == held_out]
    return found or [subject.questions[0]]


def _tool(name: str, description: str, **parameters: tuple[str, str]) -> dict:
    properties = {k: {"type": kind, "description": text} for k, (kind, text) in parameters.items()}
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": list(parameters),
            },
        },
    }


TOOLS = [
    _tool("timer", "Start a timer.", minutes=("integer", "How long")),
    _tool("weather", "Look up the weather.", city=("string", "Where")),
    _tool("calendar", "Read the calendar.", day=("string", "Which day")),
    _tool("reminder", "Save a reminder.", text=("string", "What"), time=("string", "When")),
    _tool("web_search", "Search the web.", query=("string", "What to search")),
]
MINUTES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 25, 30, 35, 40, 45, 50, 60)
DAYS = _cells("today|tomorrow|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday")
TASKS = _cells("""call mum|buy milk|water the plants|take out the bins|pay the rent|feed the cat|book a table|clean the car
send the letter|charge the bike|buy bread|call the doctor|wash the curtains|pack the bag|bring the keys""")
TIMES = _cells(
    "at six|at seven|at eight|at noon|at five|tonight|tomorrow|on Monday|on Friday|at nine"
)
QUERIES = _cells("""the price of gold|football results|train times to Berlin|the best pizza in town|new books|the height of Everest
cheap flights to Rome|the news from Japan|a good dentist|film times|the score of the match|used bicycles
the history of tea|museum hours|concerts in Paris|garden chairs|how bridges are built|jobs in Madrid""")
SKIES = _cells("sunny|cloudy|rainy|windy|snowy|foggy")
EVENTS = _cells("dentist at nine|lunch with Ana|yoga at six|call with Leo|team talk at ten|nothing")
DENIED = "error: permission denied"

# Ways to ask for each tool, in the words of its arguments.
REQUESTS = {
    "timer": (
        "Set a timer for {minutes} minutes.",
        "Timer, {minutes} minutes please.",
        "Start a timer of {minutes} minutes.",
        "Wake me in {minutes} minutes.",
    ),
    "weather": (
        "What is the weather in {city}?",
        "How is the weather in {city}?",
        "Do I need an umbrella in {city}?",
        "Tell me the weather for {city}.",
    ),
    "calendar": (
        "What is on my calendar {day}?",
        "Do I have any plans {day}?",
        "What do I have {day}?",
        "Check my calendar for {day}.",
    ),
    "reminder": (
        "Remind me to {text} {time}.",
        "Please remind me to {text} {time}.",
        "I must not forget to {text} {time}.",
        "Set a reminder to {text} {time}.",
    ),
    "web_search": (
        "Search the web for {query}.",
        "Look up {query}.",
        "Find {query} on the web.",
        "Google {query} for me.",
    ),
}
# Fae's replies when it has no such tool.
WITHOUT_TOOL = {
    "timer": "I have no timer here",
    "weather": "I cannot look at the weather here",
    "calendar": "I cannot read your calendar here",
    "reminder": "I cannot save reminders here",
    "web_search": "I cannot search the web here",
}


@dataclass(frozen=True)
class ToolRequest:
    """One request for a tool: the user's words, the right call, the tool's result and Fae's reply to it."""

    text: str
    name: str
    arguments: dict
    result: str
    reply: str

    def messages(self) -> list[dict]:
        call = {
            "type": "function",
            "function": {"name": self.name, "arguments": dict(self.arguments)},
        }
        return [
            user(self.text),
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "name": self.name, "content": self.result},
            assistant(self.reply),
        ]


def tool_request(
    rng: random.Random, name: str | None = None, held_out: bool = False, denied: float = 0.1
) -> ToolRequest:
    """A request for a tool (any, or the one named). held_out picks wordings with arguments that are
    never trained on."""
    name = name or rng.choice(list(REQUESTS))
    while True:
        text = rng.choice(REQUESTS[name])
        arguments = {
            "timer": lambda: {"minutes": rng.choice(MINUTES)},
            "weather": lambda: {"city": rng.choice([city for _, city in _words(CAPITALS)])},
            "calendar": lambda: {"day": rng.choice(DAYS)},
            "reminder": lambda: {"text": rng.choice(TASKS), "time": rng.choice(TIMES)},
            "web_search": lambda: {"query": rng.choice(QUERIES)},
        }[name]()
        text = text.format(**arguments)
        if is_held_out(name, text) == held_out:
            break
    if rng.random() < denied:
        return ToolRequest(text, name, arguments, DENIED, "I was not allowed to do that.")
    if name == "timer":
        result, reply = "started", f"Your timer runs for {arguments['minutes']} minutes."
    elif name == "weather":
        result = f"{rng.choice(SKIES)}, {rng.randrange(0, 31)} degrees"
        reply = f"In {arguments['city']} it is {result}."
    elif name == "calendar":
        result = rng.choice(EVENTS)
        reply = f"You have {result} {_on(str(arguments['day']))}."
    elif name == "reminder":
        result, reply = "saved", f"I will remind you to {arguments['text']} {arguments['time']}."
    else:
        result = f"12 pages about {arguments['query']}"
        reply = f"I found {result}."
    return ToolRequest(text, name, arguments, result, reply)


def _on(day: str) -> str:
    return day if day in ("today", "tomorrow") else f"on {day}"


def tool_conversation(
    rng: random.Random, turns: int | None = None, held_out: bool = False
) -> Conversation:
    """Exchanges with all tools available: about half of them need a tool, the others are answered
    without one."""
    messages, keys = [], []
    for _ in range(turns or rng.choice((1, 2, 3, 4))):
        if rng.random() < 0.55:
            request = tool_request(rng, held_out=held_out)
            messages += request.messages()
            keys.append(f"tool:{request.name}")
        else:
            plain = small_conversation(rng, turns=1, held_out=held_out)
            messages += plain.messages
            keys += plain.subjects
    return Conversation(messages, keys, tools=TOOLS, pattern="tools")


def request_without_tool(rng: random.Random, held_out: bool = False) -> Conversation:
    """A tool is requested but none is available: Fae says so instead of claiming to have acted."""
    request = tool_request(rng, held_out=held_out)
    text = WITHOUT_TOOL[request.name] + "."
    if rng.random() < 0.5:
        text = f"{rng.choice(OPENINGS['help'])} {text} {CLOSING}"
    return Conversation(
        [user(request.text), assistant(text)], [f"tool:{request.name}"], pattern="no tool"
    )


def training_conversation(rng: random.Random, tools: float = 0.28) -> Conversation:
    """One conversation of the training mixture; `tools` is the share of conversations with tools available."""
    kind = rng.random()
    if kind >= 1 - tools:
        return tool_conversation(rng)
    kind = 0.72 * kind / (1 - tools)
    if kind < 0.52:
        return small_conversation(rng)
    if kind < 0.66:
        return correction(rng, rng.choice(("shorter", "longer", "meant")))
    return request_without_tool(rng)


def benchmark_items(system: str) -> list[dict]:
    """Items of the capability suite (fae_training/capabilities/suite.py) in wordings that are never trained on.

    80 requests for a tool, 80 replies to a tool's result (three in ten of them denied), and 40
    questions with tools available that need none. `system` is the system message of all.
    """
    rng = random.Random("benchmark")
    items = [
        _item("request", [user(request.text)], system)
        | {"check": {"calls": {"name": request.name, "arguments": request.arguments}}}
        for request in _requests(rng, 80, True, 0.0)
    ]
    items += [
        _item("reply", request.messages()[:-1], system) | {"check": _check_of(request)}
        for request in _requests(rng, 80, True, 0.3)
    ]
    items += [
        _item("question", [user(question)], system) | {"check": {"abstains": True}}
        for question in _asked_without_need(rng, 40, True)
    ]
    return _numbered(items)


def rehearsal_prompts(system: str) -> list[dict]:
    """The same kinds of prompts, without a check, in wordings that are trained on."""
    rng = random.Random("rehearsal")
    found = [
        _item("request", [user(request.text)], system) for request in _requests(rng, 80, False, 0.0)
    ]
    found += [
        _item("reply", request.messages()[:-1], system)
        for request in _requests(rng, 60, False, 0.3)
    ]
    found += [
        _item("question", [user(text)], system) for text in _asked_without_need(rng, 20, False)
    ]
    return _numbered(found)


def _requests(rng: random.Random, count: int, held_out: bool, denied: float) -> list[ToolRequest]:
    """Different requests, alternating between tools as long as each has more."""
    names = list(REQUESTS)
    found: dict[str, ToolRequest] = {}
    for number in range(100 * count):
        request = tool_request(rng, names[number % len(names)], held_out, denied)
        found.setdefault(request.text, request)
        if len(found) == count:
            break
    return list(found.values())


def _asked_without_need(rng: random.Random, count: int, held_out: bool) -> list[str]:
    return rng.sample(
        [
            question
            for subject in subjects()
            for question in subject.questions
            if is_held_out(subject.key, question) == held_out
        ],
        count,
    )


def _check_of(request: ToolRequest) -> dict:
    """The content of a right reply to the request's result."""
    if request.result == DENIED:
        return {"admits_failure": True}
    answers = {
        "timer": lambda: [f"{request.arguments['minutes']} minutes"],
        "weather": lambda: [request.arguments["city"], request.result],
        "reminder": lambda: [request.arguments["text"]],
    }.get(request.name, lambda: [request.result])()
    return {"says": answers, "abstains": True}


def _item(category: str, messages: list[dict], system: str) -> dict:
    return {
        "category": category,
        "messages": [{"role": "system", "content": system}, *messages],
        "tools": TOOLS,
        "max_tokens": 64,
    }


def _numbered(items: list[dict]) -> list[dict]:
    return [
        {"id": f"world-{item['category']}-{number}"} | item for number, item in enumerate(items, 1)
    ]
