"""The words around the topics of a request to forget, by language: the tables that forget_topics.py reads.

The example of each cue says which topics a text has: "the whole business with my job -> my job". The tests run every
example. All patterns read lower-case text. Where several cues match, the first wins, so longer ones stand first.
"""

from fae_training.conversations.cues import Cue, one_of
from fae_training.conversations.forget_words import (
    BUSINESS,
    DE_MEMORY,
    I_SAID,
    MATTER,
    NO_MORE,
    PLEASE,
    REGARDING,
    THING,
    YOUR_MEMORY,
)

# fmt: off
_THE = r"(?= (?:the|my|our|his|her)\b)"
_WEEKDAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_DE_OF = one_of("mit, um, über, von, vom, zu, zum, zur, in, im, bei, beim")
_DE_MATTER = one_of("sache, geschichte, angelegenheit, kram, zeug, gerede, thema, vorfall")
_FR_MATTER = one_of("histoire, affaire, truc, sujet")
_ES_MATTER = one_of("asunto, tema, historia, cosa, lío")

# All that Fae knows is meant; the whole text.
EVERYTHING = {
    "en": (
        Cue("everything you know about me -> everything",
            r"(?:everything|all|all of (?:it|that)|all the (?:things|stuff)|every (?:single )?(?:thing|word))"
            r"(?: (?:that )?(?:you(?:'ve| have)? (?:know|learned|learnt|ever heard)|"
            r"(?:i've |i have |i )?(?:ever )?(?:told you|said)))?(?: about me)?"),
        Cue("our entire conversation history -> everything",
            r"(?:our (?:entire|whole|full|complete) (?:conversation|chat|talk)s?|all (?:of )?our (?:conversations|chats|talks))(?: history)?"),
    ),
    "de": (
        Cue("alles, was ich dir je erzählt habe -> everything",
            r"alles(?:,? was (?:du (?:über mich )?weißt|du über mich gelernt hast|"
            r"ich (?:dir )?(?:je |jemals |bisher )?(?:erzählt|gesagt) habe))?(?: über mich)?"),
    ),
    "fr": (
        Cue("tout ce que tu sais sur moi -> everything",
            r"tout(?: ce que (?:tu sais|je t'ai (?:jamais )?dit))?(?: (?:sur|de) moi)?"),
    ),
    "es": (
        Cue("todo lo que sabes de mí -> everything",
            r"todo(?: lo que (?:sabes|te (?:he dicho|dije|conté)))?(?: (?:de|sobre) mí)?"),
    ),
}

# Before a topic, in any number.
BEFORE = {
    "en": (
        # "The thing with".
        Cue("the whole business with my job -> my job",
            r"(?:(?:the|this|that|all (?:the|this|that|of the)) )?(?:(?:whole|entire|silly|stupid|damn|bloody) )?"
            rf"{MATTER}(?= (?:{REGARDING}|around|between|that|i)\b)"),
        Cue("all the whole divorce -> divorce", r"(?:(?:all )?(?:the|that|this) )?(?:whole|entire)"),
        Cue("that damn lawsuit -> lawsuit",
            r"(?:the|that|this|those|these)(?: (?:damned|damn|bloody|stupid|silly|fucking|goddamn|wretched|awful|whole))+"),
        Cue("I take back what I said about my faith -> my faith", r"i (?:withdraw|take back|regret)(?= (?:what|everything|anything)\b)"),
        # "What happened at", and how it was.
        Cue("what happened at the clinic -> clinic",
            r"what(?:ever)? (?:(?:has |had |all )?happened|went (?:on|down|wrong))"
            r"(?: (?:at|with|to|in|on|between|during|after|around|over))?"),
        Cue("how badly my exam went -> my exam", "how (?:badly|terribly|awfully)"),
        Cue("how it went at the bank -> bank", r"how (?:it|things|that) went(?: (?:at|with|in|on))?"),
        Cue("the time when I cried -> I cried",
            r"the (?:time|day|night|evening|moment)(?= (?:when|that|where|i|we)\b)|when(?= (?:i|we)\b)"),
        # What a person feels and thinks.
        Cue("how much I hate my boss -> my boss",
            r"how (?:much )?(?:i|we) (?:feel|felt|think|thought|love|loved|hate|hated)(?: (?:about|of|for))?"),
        Cue("all my worries about my visa -> my visa",
            r"(?:from )?(?:(?:all my|my|our) )?(?:conversations?|chats?|talks?|discussions?|feelings?|thoughts?|worr(?:y|ies)|complaints?|opinions?|"
            r"comments?|remarks?)(?= (?:about|for|on|over|of|regarding|with)\b)"),
        # What was said, and what Fae keeps of it.
        Cue("what I told you about my ex -> my ex", I_SAID),
        Cue("the discussion we had on my promotion -> my promotion", rf"(?:the|that|our) {MATTER} (?:that )?(?:we|i|you) had(?: \w+)?(?= (?:about|on|over|with|regarding)\b)"),
        Cue("that crap about my ex -> my ex", "(?:the|that|this|all that) (?:crap|rubbish|garbage|shit|bullshit|gossip|rant)(?= (?:about|on|with|over)\\b)"),
        Cue("I shouldn't have said that I drink -> I drink", "i should(?:n't| not) have (?:told you|said)"),
        Cue("all records you have of my illness -> my illness",
            r"(?:(?:all|any|every|the) )?(?:records?|memor(?:y|ies)|traces?|mentions?|details?)"
            r"(?: (?:that )?you have)?(?= (?:about|of|on)\b)"),
        # What a topic has to do with.
        Cue("anything to do with my divorce -> my divorce", "(?:(?:anything|having|has|have) )?to do with"),
        Cue("stuff relating to my tax -> my tax", "relat(?:ed|ing) to|involving|regarding|concerning"),
        Cue("as for my salary -> my salary", "about|as for|with|it(?= about)"),
        Cue("none of the bills of my aunt -> bills of my aunt",
            rf"none of|of(?= it\b)|(?:of|on|for|over){_THE}"),
        # "All of", and other fillers.
        Cue("the fact that my father drinks -> my father drinks", "the fact that|that"),
        Cue("both Anna and my knee -> Anna, my knee", "all|both|either"),
        Cue("everything about the clinic -> clinic",
            one_of("everything, anything, nothing, whatever, what, things?, stuff")),
        Cue("also the clinic -> clinic", one_of("also, ever, you know, the")),
    ),
    "de": (
        Cue("die ganze Sache mit Anna -> Anna",
            rf"(?:(?:diese[nr]?|die|den|der|dem|das) )?(?:ganzen? )?{_DE_MATTER}(?= (?:{_DE_OF}|der|des)\b)"),
        Cue("das Thema Scheidung -> Scheidung", "(?:das )?thema"),
        Cue("dem Gespräch über Anna -> Anna", "(?:dem|das|unser|unserem|ein|einem) gespräch"),
        Cue("das mit Anna -> Anna", rf"das(?= {_DE_OF}\b)"),
        Cue("rund um Anna -> Anna", rf"rund um|auf|{_DE_OF}"),
        Cue("sowohl Anna als auch mein Knie -> Anna, mein Knie", "sowohl|beides?"),
        Cue("alles, was du über Anna weißt -> Anna", one_of("alles, nichts, dinge, was, dass, dem, ganzen?")),
        Cue("was ich dir damals von Anna erzählt habe -> Anna", one_of("ich, du, dir, mir, mich")),
        Cue("jetzt endlich auch mal Anna -> Anna",
            one_of("bitte, auch, noch, mal, endlich, je, damals, heute, jetzt")),
    ),
    "fr": (
        Cue("cette histoire de divorce -> divorce", rf"(?:(?:(?:cette|cet|ce|la|le|mon|ma|notre|toute (?:cette|ma|mon)) |l' ?))?{_FR_MATTER}(?= (?:de|du|des|d'|avec|sur)\b|$)"),
        Cue("la conversation avec Paul -> Paul", "la conversation"),
        Cue("ce que je t'ai raconté sur Paul -> Paul", "(?:je |j')(?:t'ai|vous ai|ai|te l'ai) (?:dit|raconté|parlé|confié|écrit)"),
        Cue("ce qui s'est passé avec Paul -> Paul", "ce qui (?:s'est passé|est arrivé|concerne|touche)"),
        Cue("tout ce que je t'ai dit sur Paul -> Paul",
            "j'ai dit|je (?:t'ai|vous ai) dit|je te disais|tu sais"),
        Cue("à propos de Paul -> Paul", "à propos|au sujet|concernant|lors|le fait"),
        Cue("à la fois Anna et mon genou -> Anna, mon genou", "à la fois|aussi"),
        Cue("tous ce qu'on dit -> on dit", one_of("toute?s?, tous, ce qu[ei], ce qu', que")),
        Cue("chez Paul -> Paul", one_of("sur, de, du, des, d', avec, à, au, aux, chez, dans")),
    ),
    "es": (
        Cue("el asunto de mi divorcio -> mi divorcio",
            rf"(?:(?:el|la|es[ea]|est[ea]) )?{_ES_MATTER}(?= (?:del?|con|sobre)\b)"),
        Cue("la conversación sobre Ana -> Ana", "la conversación"),
        Cue("lo que pasó con Ana -> Ana", "lo que (?:pasó|ocurrió|sucedió|ha pasado|tiene que ver)"),
        Cue("lo que te conté de Ana -> Ana", one_of("te conté, te dije, le dije, te he dicho, dije, sabes")),
        Cue("lo relacionado con Ana -> Ana", "(?:lo )?relacionado|acerca de|el hecho"),
        Cue("tanto Ana como mi rodilla -> Ana, mi rodilla", "tanto|también"),
        Cue("todo lo del trabajo -> trabajo", one_of("tod[oa]s?, lo que, lo, que")),
        Cue("a Ana -> Ana", one_of("sobre, en, con, del, de, al?")),
    ),
}

# The day, and how thoroughly: these may stand within a topic as well.
ANYWHERE = {
    "en": (
        Cue("last week's quarrel with Tom -> quarrel with Tom",
            "(?:last (?:week|night|month|year)|yesterday|today)'s"),
        Cue("the quarrel I had yesterday with Tom -> quarrel I had with Tom",
            one_of("today, tonight, yesterday, recently")),
        Cue("my job every five minutes -> my job", r"every (?:few |couple of |\w+ )?(?:minutes?|hours?|seconds?|times?)"),
        Cue("my job completely -> my job", one_of("completely, entirely, totally")),
    ),
    "de": (
        Cue("den Streit gestern mit Tom -> den Streit mit Tom", one_of("gestern, heute, neulich, vorhin")),
        Cue("Anna vollständig -> Anna", one_of("komplett, vollständig")),
    ),
    "fr": (
        Cue("la dispute d'hier soir avec Paul -> la dispute avec Paul", r"(?:d')?(?:hier(?: soir)?|aujourd'hui)"),
        Cue("Anna complètement -> Anna", one_of("complètement, totalement, entièrement")),
    ),
    "es": (
        Cue("la pelea anoche con Ana -> la pelea con Ana", one_of("ayer, anoche, hoy")),
        Cue("Ana por completo -> Ana", one_of("por completo, completamente, totalmente")),
    ),
}

# After a topic, in any number.
AFTER = {
    "en": (
        Cue("my job please -> my job",
            rf"{PLEASE}|if you (?:can|could|would|please|don't mind)|(?:would|will|can) you"),
        Cue("my job thanks -> my job",
            one_of("thanks(?: a lot)?, thank you(?: (?:so|very) much)?, okay, ok, all right, alright, fae")),
        Cue("my job already -> my job", "already|if possible|if you would|if that's (?:okay|ok|possible)|lol|thx|ta"),
        Cue("my job for me -> my job", one_of("for me, to me, with me, around me, to anyone, anywhere")),
        # What was said, and where it is kept.
        Cue("the surgery I mentioned -> surgery",
            r"we (?:talked|spoke) about|(?:that )?i (?:told you|said|mentioned)|(?:that )?you (?:know|have|remember)"),
        Cue("my job from your memory -> my job", rf"(?:from|out of) {YOUR_MEMORY}"),
        # "And so on".
        Cue("my job as well -> my job",
            r"as well|too|and (?:so on|stuff|all that|everything|such|the like|things like that)"),
        # For how long, and how thoroughly.
        Cue("my job from now on -> my job", NO_MORE),
        Cue("my job for good -> my job",
            one_of("for good, for ever, forever, for now, once and for all, permanently")),
        Cue("my job altogether -> my job",
            one_of("altogether, at all, all the time, constantly, so much, every day")),
        # When.
        Cue("my job right now -> my job", one_of("(?:right )?now, right away, at once, immediately, tomorrow")),
        Cue("my job last Tuesday -> my job",
            r"(?:last|this|next) (?:night|week|weekend|month|time|year|morning|afternoon|evening|"
            rf"summer|winter|spring|autumn|{_WEEKDAY})|on {_WEEKDAY}"),
        Cue("my job earlier today -> my job",
            one_of("earlier(?: today)?, before, back then, a while ago, the other day")),
        Cue("how badly my interview went -> my interview", "went"),
    ),
    "de": (
        Cue("Anna danke schön -> Anna", one_of("danke(?: schön)?, bitte")),
        Cue("was mit Anna passiert ist -> Anna", "(?:passiert|geschehen|gewesen|vorgefallen) ist|(?:los )?war|passierte|gell|ja|ne|oder"),
        Cue("was ich über Anna gesagt habe -> Anna", "(?:gesagt|erzählt|erwähnt)(?: habe?| hatte)?|sagte|erzählte|weißt"),
        Cue("Anna aus deinem Gedächtnis -> Anna", rf"(?:aus|von) (?:deine[mnr] {DE_MEMORY}|dem gedächtnis)"),
        Cue("Anna für immer -> Anna", one_of("für immer, endgültig")),
        Cue("Anna jetzt wieder -> Anna", one_of("jetzt, wieder, damals, hier")),
    ),
    "fr": (
        Cue("Anna merci -> Anna", one_of("merci, aussi")),
        Cue("Anna pour toujours -> Anna", one_of("pour toujours, désormais, maintenant")),
    ),
    "es": (
        Cue("Ana gracias -> Ana", one_of("gracias, también")),
        Cue("Ana para siempre -> Ana", one_of("para siempre, nunca más, ahora, antes")),
    ),
}

# "The mortgage thing". A business is what it is called only after "that" or "the whole".
CALLED = Cue("the mortgage thing -> mortgage", THING)
CALLED_EMPHATICALLY = Cue("that family business -> family", BUSINESS)
EMPHATIC = "(?:all )?(?:that|this|those|these|the whole|the entire|all the|whole|entire)"

# Between two topics.
AND = {
    "en": (
        Cue("Anna as well as my knee -> Anna, my knee",
            one_of("and also, and, as well as, along with, plus, or, nor, &")),
    ),
    "de": (Cue("Anna und mein Knie -> Anna, mein Knie", one_of("und auch, und, sowie, als auch, oder, noch")),),
    "fr": (Cue("Anna ainsi que mon genou -> Anna, mon genou", one_of("et aussi, et, ainsi que, ou, ni")),),
    "es": (Cue("Ana y mi rodilla -> Ana, mi rodilla", one_of("y también, y, e, así como, o, u, como")),),
}
# Said between two commas.
ASIDE = Cue("Paul, please, and his dog -> Paul, his dog", rf"{PLEASE}|you know")
# An "and" that parts nothing.
ONE_THING = {
    "en": (
        Cue("the bed and breakfast -> bed and breakfast",
            one_of("bed and breakfast, rock and roll, drum and bass, trial and error, fish and chips, salt and pepper, "
                   "gin and tonic, mac and cheese, romeo and juliet, black and white, research and development, "
                   "arts and crafts, pros and cons, up and down")),
        Cue("the fight between Anna and Tom -> fight between Anna and Tom", "between"),
    ),
    "de": (Cue("der Streit zwischen Anna und Tom -> der Streit zwischen Anna und Tom", "zwischen"),),
    "fr": (Cue("la dispute entre Anna et Paul -> la dispute entre Anna et Paul", "entre"),),
    "es": (Cue("la pelea entre Ana y Luis -> la pelea entre Ana y Luis", "entre"),),
}
# What a further topic begins with, when there is no "and" before it.
BEGINS_A_THING = {
    "en": (
        Cue("Anna, my knee -> Anna, my knee",
            one_of("the, my, our, his, her, their, your, that, this, those, these")),
        Cue("Anna, about money -> Anna, money",
            one_of("all, everything, anything, what, about, of, with, any, both")),
    ),
    "de": (
        Cue("Anna, mein Knie -> Anna, mein Knie",
            one_of(r"der, die, das, den, dem, mein\w*, unser\w*, dein\w*, alles")),
    ),
    "fr": (
        Cue("Anna, l'hôpital -> Anna, l'hôpital",
            one_of("l', le, la, les, mon, ma, mes, notre, nos, ce, cette, ces, de, du")),
    ),
    "es": (
        Cue("Ana, el hospital -> Ana, el hospital",
            one_of(r"el, los, las, mi, mis, nuestr\w+, es[ea], lo, al?, del")),
    ),
}

# What comes after a topic and is something else: another part of the sentence, what begins a clause, a verb in one.
ENDS = {
    "en": (Cue("my job but play music -> my job", one_of("but, because, and then, instead")),),
    "de": (Cue("Anna aber nicht Tom -> Anna", one_of("aber, weil")),),
    "fr": (Cue("Anna mais pas Paul -> Anna", one_of("mais, parce que")),),
    "es": (Cue("Ana pero no Luis -> Ana", one_of("pero, porque")),),
}
BEGINS_A_CLAUSE = {
    "en": (
        Cue("my job and she likes jazz -> my job",
            one_of("i, i'm, i'll, i've, i'd, you, you're, we, we're, he, he's, she, she's, it, it's, they")),
        Cue("my job and where to eat sushi -> my job", one_of("who, which, where, when, why, if, so, then")),
        Cue("my job and tell me a joke -> my job",
            one_of("tell, play, set, show, give, start, let, let's, move on, help, remind, call, turn, do, make, go, "
                   "open, read, find, put, add, stop, talk, ask, check, focus, think, concentrate, switch, pretend, "
                   "come, get, be, keep, delete, erase, forget, remember, order, book, watch, look, use, try, buy, cook, bake, eat, drink, "
                   "walk, write, send, pick, choose, enjoy, relax, dance, sleep, smile, just")),
        Cue("my job, my dear -> my job",
            one_of("my (?:dear|love|friend|darling), dear, honey, darling, man, buddy, please, never, don't, no, yes, "
                   "sorry")),
    ),
    "de": (
        Cue("Anna und ich gehe -> Anna", one_of("ich, du, wir, er, sie, es, wer, wie, wo, je")),
        Cue("Anna und erzähl einen Witz -> Anna", one_of(r"erzähl\w*, spiel\w*, sag, zeig\w*, mach\w*, lass, hilf, bestell\w*, nimm, koch")),
    ),
    "fr": (
        Cue("Anna et j'arrive -> Anna", one_of(r"j'\w+, tu, il, elle, on, nous, vous")),
        Cue("Anna et raconte une blague -> Anna", one_of("dis, joue, montre, parle, raconte, fais, commande, prends, achète")),
    ),
    "es": (
        Cue("Ana y ella viene -> Ana", one_of("yo, tú, él, ella")),
        Cue("Ana y dime un chiste -> Ana", one_of("dime, pon, cuenta, haz, pide, compra, toma")),
    ),
}
IS_IN_A_CLAUSE = {
    "en": (
        Cue("my job and life is good -> my job",
            one_of("is, are, isn't, aren't, was, were, wasn't, will, won't, would, can, can't, could, should, must, "
                   "don't, didn't")),
    ),
    "de": (Cue("Anna und alles wird gut -> Anna", one_of("ist, sind, war, wird")),),
    "fr": (Cue("Anna et tout est bien -> Anna", one_of("est, sont, était")),),
    "es": (Cue("Ana y todo está bien -> Ana", one_of("está, son, era")),),
}

# Words that mean this conversation, which is no topic to search for elsewhere.
NO_TOPIC = {
    "en": "whole, part, bit, rest, first, second, last, previous, moment, time, earlier, before, today, yesterday, "
          "question, answer, asked, conversation, talk, talked, chat, message, word, sentence, mention, mentioned, "
          "idea, matter, subject, topic, happened, bother, else, ever",
    "de": "es, das, dies, dieses, diese, dem, ich, je, gespräch, frage, sache, letzte, gerade, eben, gesagt, habe, "
          "alles, nichts, mir, dir, uns, euch, ihm, ihr, ihn, ihnen, sie, er, wir, spät, schnell, laut, hause",
    "fr": "je, tout, de, ça, cela, viens, dire, question, dernière, histoire, lui, elle, eux, moi, toi, nous, vous, jamais, il, ils, elles",
    "es": "todo, lo, que, acabo, decir, conversación, pregunta, asunto, tema, él, ella, ellos, ellas, eso, esto, mí, ti, nosotros, nunca, nada",
}
# fmt: on
