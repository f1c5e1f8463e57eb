"""The words that several tables of requests to forget share (forget_cues.py, confided_cues.py, mention_cues.py,
topic_cues.py)."""

from fae_training.conversations.cues import one_of

PLEASE = one_of("please, bitte, s'il te plaît, s'il vous plaît, stp, por favor")

# From when on, and "never again".
FROM_NOW_ON = one_of("from now on, in (?:the )?future, hereafter")
NO_MORE = rf"(?:again|any ?more|any longer|ever(?: again)?|{FROM_NOW_ON})"
DE_FROM_NOW_ON = one_of("ab jetzt, ab sofort, künftig, in zukunft")
DE_NO_MORE = rf"(?:nie wieder|nie mehr|niemals(?: wieder)?|(?:{DE_FROM_NOW_ON} )?nicht mehr)"

# What Fae keeps things in.
YOUR_MEMORY = (
    r"(?:your (?:own )?(?:notes|files|logs|data|records?|learning)|"
    r"(?:your|the) (?:memory|memories|mind|head|brain|training(?: data)?))(?!'s)"
)
# "The memory card", "the training plan" are other things.
_NOT_OTHER = (
    r"(?! (?:cards?|foam|sticks?|lane|chips?|games?|folders?|plans?|planners?|schedules?|sessions?|camps?|days?|courses?|program\w*|"
    r"manuals?|videos?|grounds?|rides?|shoes|partners?|materials?|centres?|rooms?)\b)"
)
MEMORY = (
    rf"(?:(?:{YOUR_MEMORY}|the (?:data|records?|learning)(?!'s)|training|learning){_NOT_OTHER}|"
    r"(?:what|(?:all )?the things|everything|anything) you(?:'ve| have)? (?:learn|know|remember|learned|learnt))"
)
DE_MEMORY = one_of("gedächtnis, speicher, training, kopf, erinnerung(?:en)?, daten")

# "Everything that I ever told you ABOUT my job".
I_SAID = (
    r"(?:that )?(?:i|you|we)(?:'ve| have)? (?:\w+ )?"
    r"(?:told(?: you)?|tell(?: you)?|said|say|mentioned|discussed|talked|spoke|know|remember|learned|learnt|heard|stored|kept|have|got)"
    r"(?: (?:this (?:morning|week|afternoon|evening)|last (?:night|week|month|year|time)|yesterday|earlier|before|today|just now|the other day))?"
)
REGARDING = one_of("about, on, regarding, concerning, to do with, with, of, from, for, to")

# "Don't MENTION my job".
TALK_OF = one_of(
    "mention, reference, talk about, speak (?:of|about), discuss, go on about, ask (?:me )?(?:questions )?about, "
    "bring up the (?:subject|topic) of, raise the (?:subject|topic|matter|question) of"
)
MENTION = rf"(?:{TALK_OF}|bring up|refer to)"

# What people call a subject, without naming it: "the whole THING with my job". A word of BUSINESS may also be part
# of the topic itself, as in "the family business".
THING = one_of(
    "thing, stuff, conversation, discussion, chat, situation, nonsense, ordeal, fiasco, debacle, topic, subject"
)
BUSINESS = one_of(
    "business, story, affair, matter, issue, mess, saga, drama, incident, conversation, talk"
)
MATTER = rf"(?:{THING}|{BUSINESS}|things|part|bit|data|question|episode)"
