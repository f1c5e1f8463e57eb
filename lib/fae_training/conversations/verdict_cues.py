"""How people judge an answer: the table of cues for each kind of verdict that verdicts.py reads.

Cues are searched for in lower-case words without punctuation. The kinds stand in the order in which
they are tried. tests/test_verdicts.py runs each example.
"""

# fmt: off
from fae_training.conversations.cues import Cue, one_of

_THAT = one_of("it, that, this")
_MANNER = one_of(
    "formal, casual, polite, professional, friendly, warm, relaxed, enthusiastic, excited, "
    "gentle, stiff, harsh, cold, chirpy, cheerful, serious, sarcastic, blunt, rude, nice, "
    "kind, condescending, patroni[sz]ing, upbeat, dry, robotic, emotional, direct, playful, "
    "personal, gently, nicely, kindly, politely, warmly, softly, pushy, bossy, businesslike, "
    "sympathetic, encouraging, soft, bubbly, preachy, informal, respectful"
)
_PERFECT = one_of(
    r"perfect(?!ly), exactly(?! as\b| the same|\?), spot on, brilliant, excellent, wonderful, "
    r"awesome, amazing, fantastic, superb, splendid, well done, nicely done, bravo, nailed it"
)
_YOUR_ANSWER_IS = one_of(
    "that's, that is, thats, this is, you're, you are, it's, your answer is, that answer is, "
    "answer was, that was, you got (?:that|it|this), you've got (?:that|it|this)"
)
_FINE = one_of(
    "it, the one, clearer, better, great, lovely, good, beautiful, nice, clever, funny, cool, "
    "neat, sweet(?! of), helpful, useful, right, what i (?:wanted|needed|meant)"
)
_WRONG = one_of(
    "wrong, incorrect, mistaken, false, untrue, inaccurate, a mistake, an error, off by, "
    "nonsense, rubbish"
)
# "No, it's ..." corrects; "no, it's fine" does not.
_DENIED = (
    r"(?:'s(?! (?:ok|okay|fine|all|alright|good|enough|great|right|nothing|cool|kind)\b)|n't| not"
    r"| isn't| wasn't| aren't| is| are| was| didn't| don't| doesn't)"
)

CUES = {
    "shorter": (
        Cue("too long",
            r"\btoo (?:long|wordy|much (?:detail|information|info|text)|lengthy|verbose)\b"),
        Cue("way too much", r"\b(?:way )?too much\b$"),
        Cue("shorter", r"\bshort(?:er|en)\b"),
        Cue("could you make that more concise", r"\b(?:more |be )?concise(?:ly)?\b"),
        Cue("briefly please", r"\bbrief(?:ly|er)?\b"),
        Cue("Only the main points.", r"\b(?:key|main|important) (?:points?|ideas?|facts?|bits?)\b"),
        Cue("just give me the gist", r"\bgist\b"),
        Cue("could I have that in a nutshell", r"\bnutshell\b"),
        Cue("Tldr?", r"\btl ?dr\b"),
        Cue("Sum it up", r"\bsum (?:it|that|this|all that)? ?up\b"),
        Cue("summarise please", r"\bsummar(?:y|i[sz]e)\b"),
        Cue("less detail please", r"\b(?:less|fewer) (?:detail|details|words|text)\b"),
        Cue("one line only",
            r"\b(?:in|just|only)? ?(?:a|one|two|a couple of|a few) (?:short )?"
            r"(?:sentences?|lines?|words?)(?: (?:only|please|max))?$"),
        Cue("get to the point", r"\bto the point\b"),
        Cue("you're rambling", r"\brambling\b"),
        Cue("short answer please", r"\bshort (?:version|answer|one|form)\b"),
        Cue("boil it down", rf"\b(?:boil|cut|trim|pare|strip) (?:{_THAT} )?(?:down|back)\b"),
        Cue("condense it for me", rf"\b(?:trim|condense|compress) {_THAT}\b"),
        Cue("cut to the chase", r"\bcut to the chase\b"),
        Cue("skip the details",
            r"\b(?:skip|spare me|leave out|drop|without) (?:all )?the (?:details?|rest|long)\b"),
        Cue("that was long winded", r"\blong winded\b"),
        Cue("that was a mouthful, trim it", r"\bmouthful\b"),
        Cue("just the bottom line", r"\bbottom line\b"),
        Cue("less talk please", r"\bless talk\b"),
        Cue("too many words", r"\b(?:so|too) many words\b"),
        Cue("the quick version please", r"\bquick(?:er)? (?:version|answer)\b"),
        Cue("more succinctly please", r"\bsuccinct(?:ly)?\b"),
        Cue("make it snappier",
            r"\b(?:snappier|snappy|crisp|crisper|condensed|abbreviated|compact)\b"),
        Cue("long story short please", r"\blong story short\b"),
        Cue("not so long please", r"\bnot (?:so|that|as) (?:long|much|detailed|wordy)\b"),
        Cue("just the facts please",
            r"\b(?:just|only) the (?:\w+ )?(?:answer|basics|essentials|facts|highlights"
            r"|headlines?|result)\b"),
        Cue("the highlights please", r"\bthe (?:essentials|highlights)\b"),
        Cue("half as long please", r"\b(?:half as|less) long\b"),
        Cue("one short paragraph please", r"\b(?:one|a) (?:short )?paragraph\b"),
        Cue("keep it short", rf"\b(?:cut|keep) {_THAT} (?:short|to)\b"),
        Cue("you go on and on", r"\bon and on\b"),
        Cue("that's a long answer", r"\blong (?:answer|explanation)$"),
        Cue("too many facts", r"\b(?:too many|all those|all these) (?:details?|facts|numbers)\b"),
        Cue("without the background please",
            r"\bwithout (?:all )?the (?:background|history|extras?)\b"),
        Cue("just say yes or no", r"\byes or no\b"),
        Cue("wrap it up", r"\bwrap it up\b"),
        Cue("in short please", r"\bin short\b"),
        Cue("one sentence will do",
            r"\b(?:one|a|two|three) (?:short )?(?:sentences?|lines?|words?) "
            r"(?:is|are|will do|would do|would be)\b"),
        Cue("too much talking", r"\btoo much talk(?:ing)?\b"),
    ),
    "longer": (
        Cue("Longer please", r"\blonger\b"),
        Cue("a bit more please", r"^(?:a (?:bit|little|lot) )?more(?: please)?\b$"),
        Cue("more please about the owls", r"^more please\b"),
        Cue("that's not nearly enough", r"\bnot (?:\w+ )?enough\b"),
        Cue("that was rather thin",
            r"\b(?:that|it|this)(?: is| was|\'s) (?:a bit |very |so |rather |quite |pretty )?"
            r"(?:short|brief|thin)\b"),
        Cue("Explain further",
            r"\b(?:explain|go|say) (?:it |that |a (?:bit|little) )?(?:further|more$)"),
        Cue("further details please", r"\bfurther details?\b"),
        Cue("give me more examples", r"\bmore examples?\b"),
        Cue("some more details please", r"\bmore details?\b"),
        Cue("tell me more", r"\btell me more$"),
        Cue("more on that", rf"\bmore (?:about|on) {_THAT}\b"),
        Cue("Can you elaborate?", r"\belaborate\b"),
        Cue("Expand on that", r"\bexpand\b"),
        Cue("go deeper", r"\bgo deeper\b"),
        Cue("in greater depth please", r"\bin(?:to)? (?:more|greater) (?:detail|depth)\b"),
        Cue("more thoroughly please",
            r"\bmore (?:fully|thorough(?:ly)?|depth|in depth|complete)\b"),
        Cue("give me the long version",
            r"\b(?:long|full|fuller|complete|whole) (?:version|story|answer|explanation)\b"),
        Cue("too short", r"\b(?:too|bit|so) (?:short|brief)\b"),
        Cue("say more please", r"\bsay (?:a (?:little|bit) )?more\b"),
        Cue("that wasn't enough", r"\b(?:not|isn't|wasn't) enough(?: detail)?\b"),
        Cue("I need more than that", r"\bneed more(?: than that)?\b"),
        Cue("I'd love to know more",
            r"\b(?:want|like|love|need)(?: to)? (?:hear more|know more|more|the details)\b"),
        Cue("Could you flesh that out", rf"\bflesh {_THAT} out\b"),
        Cue("go on a bit more", r"\bgo on (?:a bit )?more\b"),
        Cue("walk me through it", r"\bwalk me through (?:it|that)\b"),
        Cue("fill me in", r"\bfill me in\b"),
        Cue("give me more information",
            r"\bmore (?:info|information|context|background|specifics?|facts)\b"),
        Cue("dig deeper", r"\b(?:dig|drill) (?:deeper|down)\b"),
        Cue("tell me in full", r"\bin full\b"),
        Cue("spell it out for me", r"\bspell (?:it|that) out\b"),
        Cue("give me all the details", r"\ball the details\b"),
        Cue("not that short please", r"\bnot (?:so|that|as) (?:short|brief)\b"),
        Cue("develop that", rf"\bdevelop {_THAT}\b"),
        Cue("add some more", r"\badd (?:some |a bit )?more\b"),
        Cue("leave nothing out", r"\bleave (?:anything|nothing) out\b"),
        Cue("I want a detailed answer", r"\bdetailed\b"),
    ),
    "simpler": (
        Cue("Simpler, please.", r"\bsimpl(?:er|y|ify)\b"),
        Cue("make that clear please", rf"\bmake {_THAT} (?:simple|easy|clear)\b"),
        Cue("what? in normal words please",
            r"\bin (?:normal|ordinary|human|easy|everyday|basic|other) "
            r"(?:words|language|terms|english)\b"),
        Cue("say it so that my kid gets it",
            r"\b(?:so|such) that (?:a|an|my|even|i)\b.*\b(?:gets?|understands?|follows?)\b"),
        Cue("simple words please", r"\bsimple (?:words|terms|language|english)\b"),
        Cue("plain English please", r"\bplain (?:english|words|language)\b"),
        Cue("explain it like I'm five",
            r"\blike i'm (?:an? )?(?:\w+ )?(?:five|six|5|6|seven|eight|child|kid|ten|stupid|idiot"
            r"|year old|beginner|toddler)\b"),
        Cue("in plain terms please", r"\bin plain \w+"),
        Cue("make it easier", r"\beasier\b"),
        Cue("use everyday language", r"\beveryday (?:words|language|english)\b"),
        Cue("less technical",
            r"\b(?:less|too) (?:technical|complicated|complex|jargon|abstract|difficult"
            r"|scientific)\b"),
        Cue("huh? dumb it down", rf"\bdumb {_THAT} down\b"),
        Cue("that was over my head", r"\bover my head\b"),
        Cue("I still don't get it",
            r"\b(?:didn't|don't|can't|couldn't) (?:understand|follow|get (?:it|that|any))\b"),
        Cue("you lost me", r"\blost me\b"),
        Cue("I have no idea what that means", r"\bno idea what (?:that|you|any)\b"),
        Cue("in layman's terms please", r"\blayman\S*"),
        Cue("Break it down for me please", rf"\bbreak {_THAT} down\b"),
        Cue("for dummies please", r"\bfor dummies\b"),
        Cue("in words a child would get", r"\ba child (?:would|could|can)\b"),
        Cue("ok now explain it as if I were a child",
            r"\b(?:to|for|were|was|with) an? (?:\w+ )?"
            r"(?:child|kid|five year old|ten year old|beginner|layman|layperson)\b"),
        Cue("say that without the jargon",
            r"\b(?:no|without(?: the| all the)?) (?:jargon|technical \w+|fancy words|big words)\b"),
        Cue("that was confusing",
            r"\b(?:too|so|very|really|this is|that's|that is|that was|i'm|i am|a bit|still) "
            r"(?:confusing|confused|advanced|lost)\b"),
        Cue("say it more clearly", r"\b(?:clearer|more clearly)\b"),
        Cue("explain it for kids",
            r"\b(?:explain|explained|say|put|words|version|simple|easy)\b.*\bfor (?:a )?"
            r"(?:beginners?|kids?|children|child)\b"),
        Cue("smaller words please",
            r"\b(?:easy|easier|smaller|shorter|less fancy) (?:words|terms)\b"),
        Cue("speak English", r"\bspeak english\b"),
        Cue("english please", r"^english please\b"),
        Cue("eli5 please", r"\beli ?5\b"),
        Cue("that went over my head", r"\b(?:went|goes|flew) over my head\b"),
        Cue("makes no sense to me", r"\bmakes no sense to me\b"),
        Cue("basic terms please", r"\bbasic terms\b"),
        Cue("not so technical please", r"\bnot (?:so|that|as) (?:technical|complicated|complex)\b"),
    ),
    "tone": (
        Cue("be less rude",
            r"\b(?:make|sounds?|be|say|put|write|phrase|word) (?:it |that |this )?"
            r"(?:a (?:bit|little|lot|touch) |much |slightly |way |far |a shade )?"
            r"(?:more|less|not so|too) (?!short|long|detail|brief|concise|simpl|clear|technical"
            r"|complicated|complex|specific|precise)\w+"),
        Cue("stop being so cheerful",
            r"\b(?:stop|quit) (?:being|sounding|acting) (?:so |that )?\w+"),
        Cue("calm down a bit", r"\b(?:calm|settle) (?:it )?down\b"),
        Cue("chill", r"\bchill\b"),
        Cue("more formal",
            r"^(?:(?:a bit|a little|much|and|but|maybe) )?(?:more|less|not so|not as) \w+"
            r"(?:y|al|ed|ful|ive|ous|ic|ent|ant)(?: please)?$"),
        Cue("less stiff",
            rf"\b(?:more|less|too|so|bit|little|very|be|sound|sounds) {_MANNER}(?:ly)?\b"),
        Cue("nicer please",
            r"\b(?:warmer|kinder|softer|nicer|politer|gentler|friendlier|happier|colder|calmer)\b"),
        Cue("tone it down", rf"\btone {_THAT} down\b"),
        Cue("in a friendly tone please",
            r"\b(?:different|another|more \w+|less \w+|friendly|kinder) tone\b"),
        Cue("drop the attitude", r"\bdrop the (?:attitude|sarcasm|act)\b"),
        Cue("loosen it up a bit", r"\bloosen (?:it |that )?up\b"),
        Cue("lighten up", r"\blighten (?:it )?up\b"),
        Cue("With more enthusiasm!",
            r"\bwith (?:more|some|less|a bit (?:more|of)) "
            r"(?:feeling|enthusiasm|warmth|energy|heart|respect|emotion|humou?r)\b"),
        Cue("rephrase that", rf"\brephrase {_THAT}\b"),
        Cue("liven it up", rf"\b(?:soften|sweeten|spice|jazz|liven) {_THAT}\b"),
        Cue("funnier please",
            r"\b(?:funnier|livelier|cheekier|gloomier|sweeter|bolder|snarkier)\b"),
        Cue("mind your tone", r"\b(?:mind|watch|change) (?:your|the) tone\b"),
        Cue("stop lecturing me",
            r"\b(?:don\'t|stop) (?:shout|shouting|lectur\w+|preach\w*|nagging|flattering)\b"),
        Cue("less like a robot",
            r"\b(?:more|less) like a (?:friend|robot|person|human|human being|lawyer|teacher"
            r"|salesman)\b"),
        Cue("cheer up", r"\bcheer up\b"),
        Cue("no jokes please",
            r"\b(?:no|fewer|less|without) (?:exclamation marks|jokes|slang|emojis|swearing)\b"),
    ),
    "praise": (
        Cue("perfect", rf"\b{_PERFECT}\b"),
        Cue("great answer",
            r"\b(?:great|lovely|nice|clear|helpful|fantastic|super|neat) "
            r"(?:answer|explanation|summary|job|idea|tip|work|choice|one|stuff)\b"),
        Cue("good tip",
            r"\bgood (?:answer|explanation|summary|job|tip|work|choice|idea|one|thinking)\b"),
        Cue("love it", rf"\b(?:love|loved|like|liked) {_THAT}\b"),
        Cue("that's right",
            r"\b(?:that's|that is|that was|this is|it's) "
            rf"(?:so |really |just |absolutely |much )?{_FINE}\b"),
        Cue("just what I needed", r"\bwhat i (?:wanted|needed|was looking for|was after)\b"),
        Cue("that helped a lot",
            r"\b(?:really|very|so|that|that's|that was) (?:helps?|helped|helpful|useful|clear)\b"),
        Cue("much better", r"\b(?:much|far|way) better\b"),
        Cue("you're the best", r"\byou're (?:the best|great|a star|a genius|right|brilliant)\b"),
        Cue("couldn't have put it better",
            r"\bcouldn't (?:have )?(?:put|said|say|put) (?:it|that)? ?better\b"),
        Cue("it worked!", r"\b(?:that|it) worked\b"),
        Cue("that did the trick, thanks", r"\b(?:that|it) (?:did|does) (?:the trick|it|the job)\b"),
        Cue("that's a lovely thought", r"\bthat's a (?:great|good|lovely|nice)\b"),
        Cue("what a lovely story",
            r"\bwhat a (?:\w+ )?(?:answer|story|idea|joke|poem|line|tip|name)\b"),
        Cue("that works for me", r"\b(?:that|this) works(?: for me)?\b"),
        Cue("sounds lovely", r"\b(?:sounds|looks) (?:great|good|perfect|lovely|right)\b"),
        Cue("now it makes sense",
            r"\b(?:makes|that makes) (?:perfect |total |more )?sense\b(?! to)"),
        Cue("yes, ideal",
            r"^(?:yes )?(?:ideal|super|impressive|bingo|bravo|nice one|good call|nice work|clear "
            r"now|much clearer)\b"),
        Cue("that'll do nicely", r"\bthat\'ll do (?:nicely|it)\b"),
        Cue("thank you so much",
            r"^(?:thanks?|thank you|cheers)(?: (?:so|very) much| a lot)?(?: fae)?$"),
    ),
    "meant": (
        Cue("I meant the drink",
            r"\b(?:i|what i) (?:really |actually )?meant\b(?! (?:to|it|no|well|that as|every)\b)"),
        Cue("the cream for cooking I mean", r"\bi mean$"),
        Cue("that's not what I meant to ask", r"\bnot what i meant\b"),
        Cue("No, I mean the illness",
            r"^(?:no |sorry |oh |um |nope )*i (?:mean|said) "
            r"(?!no\b|yes\b|who\b|what the\b|that's\b|so\b|it's\b|that wrong\b)"),
        Cue("I'm talking about the poem",
            r"\b(?:i was|i'm|i am) (?:actually |really )?(?:asking|talking|referring|thinking)"
            r"(?: of| to)?(?: about)? (?!myself|of\b)"),
        Cue("you misunderstood me",
            r"\b(?:you misunderstood|you misheard|you got me wrong|misunderstanding|let me "
            r"rephrase)\b"),
        Cue("my question was about the one in milan", r"\bmy question was\b"),
        Cue("not that kind of bow", r"\bnot (?:that|this) (?:kind|sort|type|one)\b"),
        Cue("the other kind of bow", r"\bthe other (?:kind|sort|meaning|sense)\b"),
        Cue("you got the wrong Jordan the player is who",
            r"^(?:that's |you've got |you got )?the wrong \w+ (?:i|the)\b"),
        Cue("wrong Jordan, the river", r"^wrong (?!answer|number|again)\w+ (?:i|the|not)\b"),
        Cue("what I was after was the river",
            r"\b(?:what )?i(?:'m| am| was) (?:really )?(?:after|looking for) (?:is|was|the)\b"),
        Cue("no, to be clear, the river", r"^(?:no )?to be clear\b"),
    ),
    "wrong": (
        Cue("that's wrong",
            rf"\b{_YOUR_ANSWER_IS} (?:just |completely |totally |simply |all |so |not "
            rf"|plain )*{_WRONG}\b"),
        Cue("that's not right",
            r"\b(?:that's|that is|thats|it's|you're|is|was) not (?:quite |actually |at all )?"
            r"(?:right|correct|true|accurate|what i asked|what i wanted|what i said|it|so)\b"),
        Cue("that isn't correct",
            r"\b(?:that|it|this) (?:isn't|wasn't|ain't|can't be|cannot be|doesn't sound|doesn't "
            r"seem) (?:quite |actually )?(?:right|correct|true|accurate|what i asked|what i "
            r"wanted)\b"),
        Cue("wrong",
            r"^(?:no |nope |sorry |uh |um |er |sorry but )*"
            r"(?:wrong|incorrect|false|not (?:right|true|correct))(?: answer)?$"),
        Cue("wrong, it was Picasso",
            r"^(?:wrong|incorrect|false|nope)"
            r"(?= (?:it|that|the|a|there|i|you|they|he|she|\w+s? (?:is|are|was|has|have))\b)"),
        Cue("I don't think that's right",
            r"\bi (?:don't|do not) think (?:that's|that is|it's|so$|that was)\b"),
        Cue("you made that up",
            r"\byou (?:made (?:that|it) up|didn't answer|haven't answered|are not answering"
            r"|invented)\b"),
        Cue("that doesn't answer it",
            r"\b(?:doesn't|does not|didn't|did not) (?:really )?answer\b"),
        Cue("That's spelled wrong",
            r"\b(?:spelled|spelt|pronounced|written|counted|calculated) "
            r"(?:wrong|wrongly|incorrectly)\b"),
        Cue("I never said that", r"\bi never said\b"),
        Cue("check again", r"\b(?:check|try|look) (?:that |it )?again\b"),
        Cue("no it doesn't",
            r"^(?:actually |sorry |uh |um |er )*(?:no|nope) (?:no )?"
            r"(?:it|that|there|they|you|he|she)(?: (?:is|are|was|did|do|does|has))?"
            rf"{_DENIED}\b"),
        Cue("uh no", r"^(?:uh |um |er )+no$"),
        Cue("nope", r"^(?:uh |um |er )*nope$"),
        Cue("are you sure it's by ear",
            r"\bare you sure (?:that )?(?:it|that|they|he|she)(?:'s| is| was| are|'re)?\b"),
        Cue("not true, it has four", r"^(?:actually |no |sorry |um )*not (?:true|right|correct)\b"),
        Cue("I don't think so at all", r"\bi (?:don't|do not) think so\b"),
        Cue("that's not an answer", r"\bnot an answer\b"),
        Cue("that's way off", r"\b(?:way|miles) off\b"),
        Cue("not even close", r"\bnot even close\b"),
        Cue("I doubt that", r"\bi doubt (?:that|it)\b"),
        Cue("you're thinking of hawks",
            r"\b(?:you\'re|you are) (?:confusing|mixing|thinking of)\b"),
        Cue("you got that backwards",
            r"\byou (?:got|have|\'ve got) (?:that|it|them) (?:mixed up|backwards|the wrong way)\b"),
        Cue("don't you mean hawks", r"\b(?:don\'t|do) you mean\b"),
        Cue("it should be hawks", r"\bit should (?:be|have been)\b"),
        Cue("that's not how it works", r"\bthat\'s not how\b"),
        Cue("surely not", r"\bsurely (?:not|it\'s|that\'s)\b"),
        Cue("that can't be", r"\b(?:that|it) can\'t be\b"),
        Cue("I didn't ask you that", r"\bdidn't ask (?:you )?(?:that|for|about)\b"),
        Cue("you forgot an h",
            r"^(?:but )?you (?:forgot|missed|left out|skipped|mixed up|confused)\b"),
        Cue("that doesn't rhyme", r"\bthat doesn't (?!matter|help|sound bad)\w+$"),
        Cue("I'm pretty sure it was 1989",
            r"\b(?:pretty|quite|fairly|almost) (?:sure|certain) (?:it|that|he|she|they)"
            r"(?:'s| is| was| were)\b"),
        Cue("not in the uk it isn't", r"\b(?:it isn't|it's not)$"),
        Cue("no they're not",
            r"^(?:no|nope) (?:they're|it's|that's|he's|she's|we're|you're|i'm) not\b"),
    ),
}
