"""Whether what a person says next is a verdict on the answer before it, and which.

Kinds: "shorter", "longer", "simpler" and "tone" ask for the same answer in another form, "meant" says that the
question was misunderstood, "wrong" that the answer is, "reask" asks again in other words, "praise" accepts. None is
everything else, which is nearly all of dialogue: so a cue alone never decides. It must also be what the sentence is
about ("she said it was too long" is about something else), and fit the answer that it would judge.
"""

import re

from fae_training.conversations.text import (
    STOPWORDS,
    content_words,
    overlap,
    stem,
    without_wake_word,
    words,
)

REPHRASE = ("shorter", "longer", "simpler", "tone")
KINDS = (*REPHRASE, "meant", "wrong", "reask", "praise")

_MANNER = (
    r"formal|casual|polite|professional|friendly|warm|relaxed|enthusiastic|excited|gentle|stiff|harsh|cold|chirpy|cheerful"
    r"|serious|sarcastic|blunt|rude|nice|kind|condescending|patroni[sz]ing|upbeat|dry|robotic|emotional|direct|playful|personal"
    r"|gently|nicely|kindly|politely|warmly|softly|pushy|bossy|businesslike|sympathetic|encouraging|soft|bubbly|preachy|informal|respectful"
)
_THAT = r"(?:it|that|this)"

_CUES = {
    "shorter": r"\btoo (?:long|wordy|much (?:detail|information|info|text)|lengthy|verbose)\b|\b(?:way )?too much\b$|\bshort(?:er|en)\b"
    r"|\b(?:more |be )?concise(?:ly)?\b|\bbrief(?:ly|er)?\b|\b(?:key|main|important) (?:points?|ideas?|facts?|bits?)\b|\bgist\b|\bnutshell\b"
    r"|\btl ?dr\b|\bsum (?:it|that|this|all that)? ?up\b|\bsummar(?:y|i[sz]e)\b|\b(?:less|fewer) (?:detail|details|words|text)\b"
    r"|\b(?:in|just|only)? ?(?:a|one|two|a couple of|a few) (?:short )?(?:sentences?|lines?|words?)(?: (?:only|please|max))?$|\bto the point\b|\brambling\b"
    rf"|\bshort (?:version|answer|one|form)\b|\b(?:boil|cut|trim|pare|strip) (?:{_THAT} )?(?:down|back)\b|\b(?:trim|condense|compress) {_THAT}\b"
    r"|\bcut to the chase\b|\b(?:skip|spare me|leave out|drop|without) (?:all )?the (?:details?|rest|long)\b|\blong winded\b|\bmouthful\b|\bbottom line\b|\bless talk\b|\b(?:so|too) many words\b|\bquick(?:er)? (?:version|answer)\b|\bsuccinct(?:ly)?\b|\b(?:snappier|snappy|crisp|crisper|condensed|abbreviated|compact)\b|\blong story short\b|\bnot (?:so|that|as) (?:long|much|detailed|wordy)\b"
    r"|\b(?:just|only) the (?:\w+ )?(?:answer|basics|essentials|facts|highlights|headlines?|result)\b|\bthe (?:essentials|highlights)\b|\b(?:half as|less) long\b|\b(?:one|a) (?:short )?paragraph\b|\b(?:cut|keep) (?:it|that|this) (?:short|to)\b|\bon and on\b|\blong (?:answer|explanation)$"
    r"|\b(?:too many|all those|all these) (?:details?|facts|numbers)\b|\bwithout (?:all )?the (?:background|history|extras?)\b|\byes or no\b|\bwrap it up\b|\bin short\b|\b(?:one|a|two|three) (?:short )?(?:sentences?|lines?|words?) (?:is|are|will do|would do|would be)\b|\btoo much talk(?:ing)?\b",
    "longer": r"\blonger\b|^(?:a (?:bit|little|lot) )?more(?: please)?\b$|^more please\b|\bnot (?:\w+ )?enough\b|\b(?:that|it|this)(?: is| was|\'s) (?:a bit |very |so |rather |quite |pretty )?(?:short|brief|thin)\b|\b(?:explain|go|say) (?:it |that |a (?:bit|little) )?(?:further|more$)|\bfurther details?\b|\bmore examples?\b|\bmore details?\b|\btell me more$|\bmore (?:about|on) (?:it|that|this)\b|\belaborate\b|\bexpand\b|\bgo deeper\b|\bin(?:to)? (?:more|greater) (?:detail|depth)\b"
    r"|\bmore (?:fully|thorough(?:ly)?|depth|in depth|complete)\b|\b(?:long|full|fuller|complete|whole) (?:version|story|answer|explanation)\b|\b(?:too|bit|so) (?:short|brief)\b"
    r"|\bsay (?:a (?:little|bit) )?more\b|\b(?:not|isn't|wasn't) enough(?: detail)?\b|\bneed more(?: than that)?\b|\b(?:want|like|love|need)(?: to)? (?:hear more|know more|more|the details)\b|\bflesh (?:it|that|this) out\b|\bgo on (?:a bit )?more\b|\bwalk me through (?:it|that)\b|\bfill me in\b|\bmore (?:info|information|context|background|specifics?|facts)\b|\b(?:dig|drill) (?:deeper|down)\b|\bin full\b|\bspell (?:it|that) out\b|\ball the details\b|\bnot (?:so|that|as) (?:short|brief)\b|\bdevelop (?:it|that|this)\b|\badd (?:some |a bit )?more\b|\bleave (?:anything|nothing) out\b|\bdetailed\b",
    "simpler": r"\bsimpl(?:er|y|ify)\b|\bmake (?:it|that|this) (?:simple|easy|clear)\b|\bin (?:normal|ordinary|human|easy|everyday|basic|other) (?:words|language|terms|english)\b|\b(?:so|such) that (?:a|an|my|even|i)\b.*\b(?:gets?|understands?|follows?)\b|\bsimple (?:words|terms|language|english)\b|\bplain (?:english|words|language)\b|\blike i'm (?:an? )?(?:\w+ )?(?:five|six|5|6|seven|eight|child|kid|ten|stupid|idiot|year old|beginner|toddler)\b|\bin plain \w+|\beasier\b|\beveryday (?:words|language|english)\b"
    r"|\b(?:less|too) (?:technical|complicated|complex|jargon|abstract|difficult|scientific)\b|\bdumb (?:it|that|this) down\b|\bover my head\b|\b(?:didn't|don't|can't|couldn't) (?:understand|follow|get (?:it|that|any))\b"
    r"|\blost me\b|\bno idea what (?:that|you|any)\b|\blayman\S*|\bbreak (?:it|that|this) down\b|\bfor dummies\b|\bless jargon\b|\ba child (?:would|could|can)\b|\b(?:to|for|were|was|with) an? (?:\w+ )?(?:child|kid|five year old|ten year old|beginner|layman|layperson)\b|\b(?:no|without(?: the| all the)?) (?:jargon|technical \w+|fancy words|big words)\b|\b(?:too|so|very|really|this is|that's|that is|that was|i'm|i am|a bit|still) (?:confusing|confused|advanced|lost)\b"
    r"|\b(?:clearer|more clearly)\b|\b(?:explain|explained|say|put|words|version|simple|easy)\b.*\bfor (?:a )?(?:beginners?|kids?|children|child)\b|\b(?:easy|easier|smaller|shorter|less fancy) (?:words|terms)\b|\bspeak english\b|^english please\b|\beli ?5\b|\b(?:went|goes|flew) over my head\b|\bmakes no sense to me\b|\bbasic terms\b|\bnot (?:so|that|as) (?:technical|complicated|complex)\b",
    "tone": rf"\b(?:make|sounds?|be|say|put|write|phrase|word) (?:it |that |this )?(?:a (?:bit|little|lot|touch) |much |slightly |way |far |a shade )?(?:more|less|not so|too) (?!short|long|detail|brief|concise|simpl|clear|technical|complicated|complex|specific|precise)\w+|\b(?:stop|quit) (?:being|sounding|acting) (?:so |that )?\w+|\b(?:calm|settle) (?:it )?down\b|\bchill\b|^(?:(?:a bit|a little|much|and|but|maybe) )?(?:more|less|not so|not as) \w+(?:y|al|ed|ful|ive|ous|ic|ent|ant)(?: please)?$|\b(?:more|less|too|so|bit|little|very|be|sound|sounds) (?:{_MANNER})(?:ly)?\b|\b(?:warmer|kinder|softer|nicer|politer|gentler|friendlier|happier|colder|calmer)\b"
    rf"|\btone (?:it|that|this) down\b|\b(?:different|another|more \w+|less \w+|friendly|kinder) tone\b|\bdrop the (?:attitude|sarcasm|act)\b|\bloosen (?:it |that )?up\b|\blighten (?:it )?up\b"
    r"|\bwith (?:more|some|less|a bit (?:more|of)) (?:feeling|enthusiasm|warmth|energy|heart|respect|emotion|humou?r)\b|\brephrase (?:it|that|this)\b|\b(?:soften|sweeten|spice|jazz|liven) (?:it|that|this)\b|\b(?:funnier|livelier|cheekier|gloomier|sweeter|bolder|snarkier)\b|\b(?:mind|watch|change) (?:your|the) tone\b|\b(?:don\'t|stop) (?:shout|shouting|lectur\w+|preach\w*|nagging|flattering)\b|\b(?:more|less) like a (?:friend|robot|person|human|human being|lawyer|teacher|salesman)\b|\bcheer up\b|\b(?:no|fewer|less|without) (?:exclamation marks|jokes|slang|emojis|swearing)\b",
    "praise": r"\b(?:perfect(?!ly)|exactly(?! as\b| the same|\?)|spot on|brilliant|excellent|wonderful|awesome|amazing|fantastic|superb|splendid|well done|nicely done|bravo|nailed it)\b"
    r"|\b(?:great|lovely|nice|clear|helpful|fantastic|super|neat) (?:answer|explanation|summary|job|idea|tip|work|choice|one|stuff)\b|\bgood (?:answer|explanation|summary|job|tip|work|choice|idea|one|thinking)\b|\b(?:love|loved|like|liked) (?:it|that|this)\b|\b(?:that's|that is|that was|this is|it's) (?:so |really |just |absolutely |much )?(?:it|the one|clearer|better|great|lovely|good|beautiful|nice|clever|funny|cool|neat|sweet(?! of)|helpful|useful|right|what i (?:wanted|needed|meant))\b"
    r"|\bwhat i (?:wanted|needed|was looking for|was after)\b|\b(?:really|very|so|that|that's|that was) (?:helps?|helped|helpful|useful|clear)\b|\b(?:much|far|way) better\b|\byou're (?:the best|great|a star|a genius|right|brilliant)\b"
    r"|\bcouldn't (?:have )?(?:put|said|say|put) (?:it|that)? ?better\b|\b(?:that|it) worked\b|\b(?:that|it) (?:did|does) (?:the trick|it|the job)\b|\bthat's a (?:great|good|lovely|nice)\b|\bwhat a (?:\w+ )?(?:answer|story|idea|joke|poem|line|tip|name)\b|\b(?:that|this) works(?: for me)?\b|\b(?:sounds|looks) (?:great|good|perfect|lovely|right)\b|\b(?:makes|that makes) (?:perfect |total |more )?sense\b(?! to)|^(?:yes )?(?:ideal|super|impressive|bingo|bravo|nice one|good call|nice work|clear now|much clearer)\b|\bthat\'ll do (?:nicely|it)\b|^(?:thanks?|thank you|cheers)(?: (?:so|very) much| a lot)?(?: fae)?$",
}  # fmt: skip
_CUES = {kind: re.compile(pattern) for kind, pattern in _CUES.items()}

# Words that a request for another form is made of; any other word of meaning shows that it is about something else.
_NEUTRAL = {
    stem(word)
    for word in """answer reply response explanation version part bit little lot time again sentence line point idea story whole
    way fae say explain put tell write try rephrase redo sound sounds kind sort first one two few next still even really just
    read give word make call keep huh hmm wow whoa whoah hey sorry well thing stuff detail information message text
    bring come turn need nice use used speak talk talking language english hear back little too long short style
    attitude manner feeling voice always never everyone anyone haha ha ah yay right mean follow understand grasp choice pick tone walk step fill properly""".split()  # noqa: SIM905
}  # fmt: skip
_ADDRESSED = re.compile(
    r"^that\b|\b(?:you|please|say|explain|give me|make (?:it|that)|tell me|keep|that's|that was|don't|i need|i want|i got)\b"
)
_OTHERS = re.compile(
    r"\b(?:he|she|they|we|his|her|their|wife|husband|mother|father|mum|mom|dad|boss|teacher|doctor|friend|brother|sister|son|daughter"
    r"|everyone|people|somebody|someone)\b(?!.*\byou\b)"
)
_ASKS_SOMETHING = re.compile(
    r"^(?!what does (?:that|this|it) (?:even )?mean in\b)(?:(?:and|so|but|ok|okay|oh|then|well|um|hm+) )*(?:is|are|was|were|does|do|did|has|have|should|shall|will it|would it|what|why|when|where|who|how|which|whose)\b"
)
_REFUSAL = re.compile(r"^(?:no|nope|nah|not)\b")

_MEANT = re.compile(
    r"\b(?:i|what i) (?:really |actually )?meant\b(?! (?:to|it|no|well|that as|every)\b)|\bi mean$|\bnot what i meant\b"
    r"|^(?:no |sorry |oh |um |nope )*i (?:mean|said) (?!no\b|yes\b|who\b|what the\b|that's\b|so\b|it's\b|that wrong\b)"
    r"|\b(?:i was|i'm|i am) (?:actually |really )?(?:asking|talking|referring|thinking)(?: of| to)?(?: about)? (?!myself|of\b)"
    r"|\b(?:you misunderstood|you misheard|you got me wrong|misunderstanding|let me rephrase)\b|\bmy question was\b|\bnot (?:that|this) (?:kind|sort|type|one)\b|\bthe other (?:kind|sort|meaning|sense)\b|^(?:that's |you've got |you got )?the wrong \w+ (?:i|the)\b|^wrong (?!answer|number|again)\w+ (?:i|the|not)\b|\b(?:what )?i(?:'m| am| was) (?:really )?(?:after|looking for) (?:is|was|the)\b|^(?:no )?to be clear\b"
)
_WRONG = re.compile(
    r"\b(?:that's|that is|thats|this is|you're|you are|it's|your answer is|that answer is|answer was|that was|you got (?:that|it|this)|you've got (?:that|it|this)) (?:just |completely |totally |simply |all |so |not |plain )*"
    r"(?:wrong|incorrect|mistaken|false|untrue|inaccurate|a mistake|an error|off by|nonsense|rubbish)\b"
    r"|\b(?:that's|that is|thats|it's|you're|is|was) not (?:quite |actually |at all )?(?:right|correct|true|accurate|what i asked|what i wanted|what i said|it|so)\b"
    r"|\b(?:that|it|this) (?:isn't|wasn't|ain't|can't be|cannot be|doesn't sound|doesn't seem) (?:quite |actually )?(?:right|correct|true|accurate|what i asked|what i wanted)\b"
    r"|^(?:no |nope |sorry |uh |um |er |sorry but )*(?:wrong|incorrect|false|not (?:right|true|correct))(?: answer)?$|^(?:wrong|incorrect|false|nope)(?= (?:it|that|the|a|there|i|you|they|he|she|\w+s? (?:is|are|was|has|have))\b)"
    r"|\bi (?:don't|do not) think (?:that's|that is|it's|so$|that was)\b|\byou (?:made (?:that|it) up|didn't answer|haven't answered|are not answering|invented)\b"
    r"|\b(?:doesn't|does not|didn't|did not) (?:really )?answer\b|\b(?:spelled|spelt|pronounced|written|counted|calculated) (?:wrong|wrongly|incorrectly)\b|\bi never said\b|\b(?:check|try|look) (?:that |it )?again\b|^(?:actually |sorry |uh |um |er )*(?:no|nope) (?:no )?(?:it|that|there|they|you|he|she)(?: (?:is|are|was|did|do|does|has))?(?:'s(?! (?:ok|okay|fine|all|alright|good|enough|great|right|nothing|cool|kind)\b)|n't| not| isn't| wasn't| aren't| is| are| was| didn't| don't| doesn't)\b"
    r"|^(?:uh |um |er )+no$|^(?:uh |um |er )*nope$|\bare you sure (?:that )?(?:it|that|they|he|she)(?:'s| is| was| are|'re)?\b|^(?:actually |no |sorry |um )*not (?:true|right|correct)\b|\bi (?:don't|do not) think so\b|\bnot an answer\b|\b(?:way|miles) off\b|\bnot even close\b|\bi doubt (?:that|it)\b|\b(?:you\'re|you are) (?:confusing|mixing|thinking of)\b|\byou (?:got|have|\'ve got) (?:that|it|them) (?:mixed up|backwards|the wrong way)\b|\b(?:don\'t|do) you mean\b|\bit should (?:be|have been)\b|\bthat\'s not how\b|\bsurely (?:not|it\'s|that\'s)\b|\b(?:that|it) can\'t be\b|\bdidn't ask (?:you )?(?:that|for|about)\b|^(?:but )?you (?:forgot|missed|left out|skipped|mixed up|confused)\b|\bthat doesn't (?!matter|help|sound bad)\w+$"
    r"|\b(?:pretty|quite|fairly|almost) (?:sure|certain) (?:it|that|he|she|they)(?:'s| is| was| were)\b|\b(?:it isn't|it's not)$|^(?:no|nope) (?:they're|it's|that's|he's|she's|we're|you're|i'm) not\b"
)  # fmt: skip
_WANTS_NEW = re.compile(
    r"\b(?:another|else|different|one more|next|new|also|other|instead|too|then)\b|^(?:and|what about|how about|but) "
)
_NUMBER = re.compile(
    r"\d+|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april|may|june|july|august|september"
    r"|october|november|december|today|tomorrow|yesterday|first|last|before|after|oldest|newest)\b"
)
_QUESTION_STARTS = re.compile(
    r"\b(?:what|how|why|when|where|who|which|can|could|is|are|do|does|should|tell me)\b"
)
_CLOSER = re.compile(
    r"\b(?:anything|something) else\b|\bwould you like (?:to know|to hear|me to|more)\b|\bcan i help\b|\bwant (?:me to|to know|to hear|more)\b",
    re.I,
)
_ASKED = re.compile(
    r"^(?:(?:no|so|but|sorry|again) )*(?:i asked|i want to know|i'd like to know|my question is|the question is|i need to know|tell me)(?: you)?(?: about)? "
)
# "When did it sink" and "where did it sink" share every word of meaning and are two questions.
_QUESTION_WORD = re.compile(r"\b(?:who|when|where|why)\b")
# Nobody speaks a verdict in more words than these; longer sentences tell of something else.
LONGEST_VERDICT = 20
REASK_SECONDS = 600
REASK_OVERLAP = 0.5


def classify(said: str, user: str, reply: str, silence: float) -> str | None:
    """The kind of verdict in `said` on `reply`, the answer to `user`; None when it is none. `silence`: seconds between
    the reply and `said`."""
    plain = " ".join(words(without_wake_word(said)))
    if not plain or not reply.strip():
        return None
    asked = _is_a_question(reply)
    about_others = _OTHERS.search(plain) is not None
    kind = _misunderstood_or_wrong(plain, said, user, reply, asked, about_others)
    if kind:
        return kind
    clauses = [
        " ".join(words(c)) for c in re.split(r"[,.;:!?]", without_wake_word(said)) if c.strip()
    ]
    parts = (
        [plain, *clauses] if len(clauses) > 1 and len(words(plain)) <= LONGEST_VERDICT else [plain]
    )
    about_others = about_others or re.search(r"\b\w+er than\b", plain) is not None
    if not about_others:
        # A request may come with a reason ("I'm no economist, make it simple"); praise with more is only a preface.
        requests = [part for part in parts if not asked and _may_be_a_request(part)]
        verdicts = [plain] if _may_be_praise(plain) else []
        for kind in (*REPHRASE, "praise"):
            for part in verdicts if kind == "praise" else requests:
                if (
                    _CUES[kind].search(part)
                    and _is_the_whole(kind, part, user)
                    and _fits(kind, part, reply)
                ):
                    return kind
    return "reask" if silence <= REASK_SECONDS and asks_again(plain, user) else None


def _is_a_question(reply: str) -> bool:
    """Whether Fae asked something that `said` may answer: "no" is then no verdict. An answer that only closes with
    "anything else?" asked nothing."""
    sentences = [part for part in re.split(r"(?<=[.!?])\s+", reply.strip()) if part]
    last = sentences[-1]
    return (
        last.endswith("?")
        and len(words(last)) >= 0.4 * len(words(reply))
        and not _CLOSER.search(last)
    )


def _misunderstood_or_wrong(
    plain: str, said: str, user: str, reply: str, asked: bool, about_others: bool
) -> str | None:
    if (
        not asked
        and not plain.startswith("is ")
        and not said.rstrip().endswith("?")
        and _MEANT.search(plain)
    ):
        return "meant"
    if _ASKS_SOMETHING.match(plain) and not plain.startswith(("is it ", "are you sure")):
        return None
    if (
        not asked
        and _WRONG.search(plain)
        and not (about_others and not re.match(r"(?:no|nope|that|you|wrong)\b", plain))
    ):
        return "wrong"
    in_reply, in_user = content_words(reply), content_words(user)
    if not asked and re.match(
        r"(?:no )?not (?:the|a|an|my|that) \w+(?: \w+)? (?:but )?(?:the|a|an|my) \w+", plain
    ):
        return "meant"  # "not the president, the city"
    # "Not the planet, Freddie": the answer took a word in another sense. "It's Prince, not Michael Jackson".
    contrast = re.match(r"(?:no )?not (?:the|a|an|that) (\w+) (?=\w)", plain) or re.search(
        r"\w not (?:the |a |an |that |about )?([\w' ]+?)$", plain
    )
    if contrast and not asked:
        named = content_words(contrast[1])
        if named and named <= in_reply:
            stated = re.match(r"(?:no )?(?:it's|it was|it is|that's|they)", plain)
            return "wrong" if stated else "meant"
    if (
        not asked
        and plain.startswith("no ")
        and len(words(plain)) <= 12
        and not re.search(r"\b(?:i|i'm|i've|i'd|i'll|she|he|we|they|thanks|thank)\b", plain)
    ):
        # "No, Newport on the Isle of Wight": the same thing again, named more exactly.
        again = content_words(plain[3:])
        if re.search(
            r"\b(?:is|was|are|were|has|have|had|means?|did|wrote|made|built|won|sang|came|began|ran|took|led|found|became|lives?|plays?|wears?)\b|ed (?:it|in|by|on)\b",
            plain,
        ):
            # "No, Ag is silver": a sentence of its own, about what was asked or answered, says what is true.
            return "wrong" if again & (in_user | in_reply) else None
        if again & in_user and again - in_user - in_reply:
            return "meant"
    if (
        not asked
        and not said.rstrip().endswith("?")
        and not about_others
        and _other_figure(plain, user, reply)
    ):
        return "wrong"
    return None


def _other_figure(plain: str, user: str, reply: str) -> bool:
    """Whether `plain` gives another figure for what was asked: "it ended in 1945" after "in 1944"."""
    said, answered = set(re.findall(r"\d{2,}", plain)), set(re.findall(r"\d{2,}", reply))
    return bool(said and answered and not said & answered) and (
        re.match(r"(?:no |but |actually )*(?:it|that|they|he|she)\b", plain) is not None
        or bool(content_words(plain) & content_words(user))
    )


def _may_be_a_request(plain: str) -> bool:
    """Not a question, and not the next item of a list ("and simpler?")."""
    return not _ASKS_SOMETHING.match(plain) and not plain.startswith("and ")


def _may_be_praise(plain: str) -> bool:
    return not _REFUSAL.match(plain) and (
        not _ASKS_SOMETHING.match(plain) or plain.startswith("what a ")
    )


def _is_the_whole(kind: str, plain: str, user: str) -> bool:
    """Whether the sentence is made of the cue, polite words and words of the question, and of nothing else."""
    left = content_words(_CUES[kind].sub(" ", plain)) - _NEUTRAL - content_words(user)
    # One stray word is let pass in a sentence that plainly addresses Fae.
    return len(left) <= (1 if _ADDRESSED.search(plain) else 0)


def _fits(kind: str, plain: str, reply: str) -> bool:
    """Whether the verdict can be about this answer: five words cannot be too long."""
    length = len(words(reply))
    if kind == "shorter":
        return length >= 12 and not re.search(r"\bhow (?:much )?short", plain)
    if kind == "longer":
        return length <= 60
    return True


def asks_again(plain: str, user: str) -> bool:
    """Whether `plain` is the question `user` once more in other words: much the same words of meaning, the same
    numbers, and not the same sentence with one part exchanged, which is a new question."""
    said_so = _ASKED.match(plain) is not None
    plain = _ASKED.sub("", plain)
    now, before = words(plain), words(without_wake_word(user))
    meaning, meant = content_words(plain), content_words(user)
    wanted = _QUESTION_WORD.search(plain), _QUESTION_WORD.search(user.lower())
    if all(wanted) and wanted[0][0] != wanted[1][0]:
        return False
    if said_so and meaning == meant:
        return True
    if len(meant) < 2 or len(meaning) < 2 or _WANTS_NEW.search(plain):
        return False
    if set(_NUMBER.findall(plain)) != set(_NUMBER.findall(user.lower())):
        return False
    if now == before:
        return True
    questioning = _ASKS_SOMETHING.search(plain) or _QUESTION_STARTS.search(plain)
    if (
        overlap(meaning, meant) < (REASK_OVERLAP if questioning else 0.65)
        or len(meaning & meant) < 2
    ):
        return False
    # What a question is about mostly stands at its end: "the French word for night", "... for tree".
    if _last(before) not in meaning and _last(now) not in meant:
        return False
    return not _one_part_exchanged(before, now)


def _last(tokens: list[str]) -> str | None:
    """The stem of the last word of meaning."""
    return next((stem(word) for word in reversed(tokens) if word not in STOPWORDS), None)


def _one_part_exchanged(before: list[str], now: list[str]) -> bool:
    """Whether the two differ in one stretch only, as in "a river in Spain" and "a river in Italy"."""
    same = 0
    while same < min(len(before), len(now)) and before[same] == now[same]:
        same += 1
    end = 0
    while end < min(len(before), len(now)) - same and before[-1 - end] == now[-1 - end]:
        end += 1
    old, new = before[same : len(before) - end], now[same : len(now) - end]
    if same == 0 and len(content_words(" ".join(now[len(now) - end :]))) >= 2:
        return False  # another way to begin the same question: "suggest names for ...", "what's a good name for ..."
    return same + end >= len(before) / 2 and bool(
        content_words(" ".join(new)) - content_words(" ".join(old))
    )
