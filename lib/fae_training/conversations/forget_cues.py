"""The forms of requests to forget in English (forget_requests.py); forget_cues_de_fr_es.py has the other languages.

Each cue has a group `topic`: what is to be forgotten. All of them read a lower-case sentence without its end.
"""

from fae_training.conversations.cues import Cue, one_of
from fae_training.conversations.forget_cues_de_fr_es import FRENCH, GERMAN, SPANISH
from fae_training.conversations.forget_words import (
    FROM_NOW_ON,
    I_SAID,
    MEMORY,
    MENTION,
    NO_MORE,
    REGARDING,
)

# fmt: off
_PLEASE = one_of(
    "please, kindly, fae, hey fae, i beg you, do me a favou?r and, be so kind (?:as to|and), seriously, for god's sake, "
    "can you, could you, would you, will you, can we, could we, i want you to, i'd like you to, i would like you to, "
    "i need you to, you (?:can|could|should|must|may|have to|need to), let's, let us, make sure (?:that )?you, "
    "make sure to, just, now, so, oh, ok, okay, no, also, and, actually, yes, well, all right, alright, try to, simply, "
    "i told you, never mind, let it go, drop it, scratch that, strike that, on second thoughts?, wait, hey, sorry, "
    f"listen, look, you know what, by the way, go ahead and, well then, all right then, anyways?, anyhow, "
    "u+h*m+, u+h+, e+r+m?, h+m+, right, then, one more thing, another thing, before i forget, (?:let me|may i) ask you to, "
    f"do you think (?:that )?you (?:could|can), {FROM_NOW_ON}, "
    # How people call somebody, and what they begin with.
    "yo, bro, dude, mate, buddy, man, girl, honey, sweetie, darling, my dear, dear, love, like, ngl, tbh, lol, omg, ugh, god, gosh, "
    "i mean, you see, you know, alas, anyway, maybe, perhaps, possibly, really, for (?:heaven's|goodness'?|pete's|christ's|fuck's) sake, "
    "just to be clear, honestly, look here, again, first(?:ly| of all)?, then again, before we go on, before we start, "
    "while (?:we are|we're|i'm|i am|you're) at it, if (?:you don't mind|you can|possible|that's (?:ok|okay|all right|possible)|"
    "it's (?:not too much trouble|no trouble|possible|okay|ok)|you would), it's my (?:wish|request) that you, "
    "och, aye, right then, going forward, new rule, i changed my mind, i've changed my mind, do the needful and, "
    # What they ask with.
    "you(?:'re| are) (?:now )?to, i(?:'d| would) ask (?:you to|that you), i(?:'m| am) (?:kindly )?(?:requesting|begging|telling) (?:that )?you(?: to)?, "
    "i(?:'d| would) (?:like|love) for you to, i(?:'d| would) have you, it(?:'s| is) important that you, my wish is that you, "
    "i (?:told|asked|begged) you(?: already| before)? to, i (?:\\w+ )?wish (?:that )?you would, i wish you'd, i (?:ask|beg|urge|order) you to, "
    "i(?:'d| would) (?:really |very much |so |much )?(?:appreciate|love|like|prefer) it if you(?:'d| could| would), "
    "i(?:'d| would) be (?:\\w+ )?(?:grateful|glad|happy|thankful|obliged|relieved) if you(?:'d| could| would), "
    "it would be (?:\\w+ )?(?:good|great|nice|kind|lovely|best|better|helpful|wonderful)(?: of you)? (?:if you(?:'d| could| would)|to), "
    "it(?:'s| is) (?:\\w+ )?(?:better|best|time)(?: if)? (?:that )?you, i think it(?:'s| is| would be) (?:better|best) if you, "
    "would it be (?:possible|okay|ok|all right|too much(?: to ask)?)(?: for you)? to, is it (?:possible|okay|ok) for you to, "
    "would you be (?:so kind as|able|willing) to, could you be so kind (?:as to|and), are you able to, "
    "(?:could|might|may|can) i (?:please |kindly )?(?:ask|request|beg) (?:of you |you )?(?:to|that you), (?:could|might|may|can) i (?:please |kindly )?(?:ask|request|beg)(?: of you| you)?(?= not\\b), i(?:'m| am) asking you(?: to|(?= not\\b)), "
    "i (?:really )?need you to, i (?:just |really )?want you to, you (?:had|'d) better, you'd better, make(?= forget\\b)"
)
BEGINS_EN = rf"^(?:{_PLEASE}[ ,]+)*"
# "All the stuff from the attic", "everything for the party" are things; "every mention of it" is talk.
_ABOUT = one_of(
    r"about, regarding, concerning, to do with, (?<=\bmention )of, (?<=\bmentions )of, (?<=\bmemory )of, (?<=\bmemories )of, "
    r"(?<=\brecords )of, (?<=\bdetails )of, (?<=\bdetail )of, (?<=\brecord )of, (?<=\breferences )to, (?<=\breference )to"
)
WHATEVER = (
    r"(?:everything|anything|all|whatever|what|things|stuff|(?:all |any )?(?:of )?(?:my|our) (?:conversations?|talks?|chats?|discussions?)|"
    r"(?:(?:all|any|every)(?: (?:the|my|of the))? |the |no )(?:details?|records?|memor(?:y|ies)|references?)|"
    r"(?:the|that|all|any)(?: the)?(?: whole)? (?:data|info(?:rmation)?|stuff|things?|part|bit|talk|conversation|story|business)|"
    r"(?:all|any|every)(?: single)? (?:things?|words?|bits?|details?|mentions?|traces?|memor(?:y|ies)|records?|references?))"
)
ERASE = (
    r"(?:delete|remove|erase|expunge|banish|wipe|scrub|purge|strike|cross|scratch|scrap|clear(?: out)?|drop|lose|dump|bin|"
    r"disregard|take|put|get rid of|get|throw (?:away|out)|unlearn)"
)
IT = r"(?:it|that|them|him|her|this|any of (?:it|that|this)|all of (?:it|that|this)|(?:it|that|them) all|all that)"
# Verbs that keep something, as a person says them to someone who might.
KEEP = r"(?:remember|memori[sz]e|keep|store|save|retain|record|log|repeat|learn(?: from)?|hold on to|hang on to|train on)"
# "Don't remember who sang it" is short for "I don't remember".
_NOT_RECALLED = (
    r"(?!(?:who|where|when|why|if|whether|which)\b|(?:what|how)\b(?! (?:i|we|happened|went)\b)|"
    r"(?:the|his|her|its|their|that) (?:(?:last|first|exact) \w+|names?|titles?|words?|authors?|artists?|singers?|lyrics|year|date|place|day|rest)\b)"
)
KEPT = (
    r"(?:remembered|memori[sz]ed|kept|stored|saved|retained|recorded|logged|learned|learnt|trained on|"
    r"used (?:to train|in|for|as) (?:you|(?:your )?(?:training|learning)(?: data)?))"
)
_GONE = r"(?:forgotten|gone|deleted|erased|removed|wiped|unlearned)"
# A bare "erase the ..." is about Fae's memory, unless its object is something that an assistant or
# a computer can erase too.
_TO_ERASE = one_of(
    "alarm, timer, reminder, meeting, appointment, calendar, event, list, item, entry, file, folder, document, disk, drive, "
    "partition, photo, picture, image, drawing, video, clip, recording, song, track, playlist, text, letter, line, sentence, "
    "paragraph, word, verse, stanza, chapter, section, title, heading, comma, bullet, point, typo, table, row, column, cell, "
    "slide, page, draft, code, function, variable, branch, commit, database, app, account, profile, password, e-?mail, mail, "
    "message, chat, history, note, post, comment, tab, bookmark, cookie, cache, download, contact, number, board, blackboard, "
    "whiteboard, screen, pencil, mark, formatting, layer, background, order, booking, tape, card, copy, duplicate, backup, plan, trip, "
    "schedule, agenda, itinerary, recipe, memo, invoice, receipt, report, presentation, spreadsheet, form, survey, subscription, "
    "membership, invitation, invite, poll, task, to-?do, chore, step, option, version, setting, filter, rule, shortcut, ringtone, "
    "station, channel, episode, podcast, game, score, label, tag, link, key, user, group, spam, junk, widget, voicemail, template"
)
_ELSEWHERE = r"(?!.*\b(?:in|into|on|onto|from|at|before|after|with|to|for|off|by|and|then|when|if)\b)"
_MINE = rf"(?!.*\b(?:{_TO_ERASE})s?\b){_ELSEWHERE}(?:the|my|our|his|her|their|that|this)(?: [\w'-]+){{1,4}}"
LEARN_NOT = r"(?:(?:do |please )?not(?: to)?(?= )|do not|don't|never|must not|should not|shouldn't|mustn't|no longer|not|you(?:'re| are) (?:not|never) (?:allowed )?to|i forbid you to)(?:(?: you)? ever| you dare(?: to)?)?"
# What hands hold and cloths wipe.
_THINGS = one_of(
    "counter, table, floor, window, nose, face, mouth, hand, shoe, glass, glasses, mirror, sink, stove, oven, desk, tear, dust, surface, "
    "tile, wall, dish, dishes, spill, mess, laptop, phone, computer, tablet, stick, fridge, plate, pan, bath, bathroom, kitchen, toilet, car, "
    "dog, baby, bottom, rope, rail, railing, bar, handle, ticket, money, bag, luggage, stock, share, steering wheel, leash, lid, shelf, "
    "shelves, bench, chair, door, boots, wheel, coat, hat, umbrella, balloon, string, pole, bike"
)
_TALK = rf"(?!.*\b(?:{_TO_ERASE}|{_THINGS})s?\b){_ELSEWHERE}(?:the|my|our|his|her|their|that|this)(?: [\w'-]+){{1,4}}"
_NOT_A_MEMORY = (
    r"(?!.*\b(?:from|in|of|on) (?:this|that|the|my|our) (?:\w+ )?(?:text|draft|letter|document|e-?mail|essay|file|list|"
    r"note|table|page|speech|message|calendar|phone|computer)s?\b)"
)
# "The loan stuff", "the whole thing with the loan".
_TALK_WORDS = (
    rf"(?!.*\b(?:{_TO_ERASE})s?\b)(?:whole )?(?:[\w'-]+ (?:stuff|thing|business|conversation|talk|chat|discussion|story|topic)|"
    r"(?:stuff|things?|business|conversation|talk|chat|discussion|story|topic|part|bit) (?:with|about|on|regarding|concerning) .+)"
)
ENGLISH = (
    Cue("erase everything", rf"{BEGINS_EN}(?:delete|erase|expunge|wipe|purge|unlearn) (?P<topic>everything|all|all of it|all of that)$"),
    Cue("scrap everything you know about me",
        rf"{BEGINS_EN}{ERASE} (?P<topic>(?:everything|all|all of it|all of that)"
        r"(?: (?:you (?:know|have learned|learned|remember)|i(?:'ve| have)? (?:ever )?(?:told you|said))(?: about me)?| about me))$"),
    Cue("erase the interview", rf"{BEGINS_EN}(?:erase|expunge|delete) (?P<topic>{_MINE})$"),
    Cue("wipe the interview", rf"{BEGINS_EN}wipe (?P<topic>{_TALK})$"),
    Cue("don't hold on to the interview",
        rf"{BEGINS_EN}{LEARN_NOT} (?:hold on to|hang on to|retain|memori[sz]e|learn(?: about| from)?) (?P<topic>{_TALK})$"),
    Cue("don't keep the interview in your memory",
        rf"{BEGINS_EN}{LEARN_NOT} (?:{KEEP}|leave|put|file) (?P<topic>.+?) in(?:to)? {MEMORY}\b"),
    Cue("don't let the interview become part of your training",
        rf"{BEGINS_EN}{LEARN_NOT} (?:let|take|get|include|put) (?P<topic>.+?) (?:be |become )?(?:(?:a )?part of|in(?:to)?) {MEMORY}\b"),
    Cue("forget it, the interview thing",
        rf"{BEGINS_EN}(?:forget|unlearn|erase)(?: about)? {IT}, (?!.*\b(?:is|are|was|were|will|would|can|has|have|had|do|does)\b)"
        r"(?P<topic>(?:the|my|our|his|her|that|all|everything|anything)(?: [\w'-]+){1,6})$"),
    Cue("please forget the interview",
        rf"{BEGINS_EN}(?:forget|unlearn|stop remembering)(?! (?:to|me[ -]not|which|"
        rf"how(?! (?:badly|terribly|awful\w*|it went|(?:i|we|he|she|they) \w+|(?:my|the|our) [\w ]{1,40} went)\b)|things|something|that we|things\?)\b)"
        r" (?P<topic>.+)$"),
    Cue("would you mind forgetting the interview", r"^(?:please )?would you (?:please )?mind forgetting (?P<topic>.+)$"),
    Cue("do you mind not remembering the interview",
        rf"^(?:{_PLEASE}[ ,]+)*(?:would|do) you mind (?:not (?:remembering|keeping|storing|holding on to)|(?:forgetting|deleting|erasing|dropping))"
        r" (?P<topic>.+)$"),
    Cue("delete the interview stuff", rf"{BEGINS_EN}{ERASE} (?P<topic>(?:the|that|my|all that) {_TALK_WORDS})$"),
    Cue("put the interview out of your mind", rf"{BEGINS_EN}(?:put|get|kick|throw) (?P<topic>.+?) out of {MEMORY}\b"),
    Cue("everything I told you about the interview stays out of your training",
        rf"^(?P<topic>.+?) (?:stays?|remains?|is to stay|must stay|has to stay|should stay) out of {MEMORY}\b"),
    Cue("I'd prefer if the interview weren't in your memory",
        rf"^(?:i'd|i would) (?:prefer|rather|like|love)(?: it)?(?: if| that)? (?P<topic>.+?) (?:weren't|wasn't|were not|was not|isn't|is not|was no longer|were no longer)"
        rf" in {MEMORY}\b"),
    Cue("you needn't remember anything about the interview",
        rf"{BEGINS_EN}you (?:needn't|need not|don't need to|don't have to|mustn't|must not|shouldn't|are not to) {KEEP} {WHATEVER} (?:{I_SAID} )?{REGARDING} (?P<topic>.+)$"),
    Cue("I don't want you to know about the interview",
        r"^(?:\w+ ){0,2}?i (?:don't|do not|never) (?:want|like) you to (?:know|remember|keep|learn|stor|sav|store|save|hold on to|have)(?: anything| a thing)?"
        r" (?:about |of |on |regarding )(?P<topic>.+)$"),
    Cue("I don't want you to keep what I said about the interview",
        rf"^(?:\w+ ){{0,2}}?i (?:don't|do not|never) (?:want|like) you to {KEEP} {WHATEVER} (?:{I_SAID} )?{REGARDING} (?P<topic>.+)$"),
    Cue("the topic of the interview, please erase from memory",
        rf"^(?P<topic>.+?),? (?:please |kindly )*(?:forget|unlearn|{ERASE}) (?:it )?(?:from|out of) (?:{MEMORY}|memory)$"),
    Cue("delete our entire conversation history, please",
        rf"{BEGINS_EN}(?:delete|erase|forget|wipe|clear|purge) (?P<topic>(?:our (?:entire|whole|full|complete) (?:conversation|chat|talk)s?|all (?:of )?our (?:conversations|chats|talks))(?: history)?)$"),
    Cue("I would rather you forgot the interview",
        r"^(?:(?:i'd|i would) (?:rather|sooner|prefer|like|love|appreciate|"
        r"be (?:\w+ )?(?:glad|happy|happier|grateful|relieved|better off|more comfortable))(?: that| it)?(?: if)?|"
        r"(?:it'd|it would|it's|it is) (?:be )?(?:probably )?"
        r"(?:good|better|best|nice|great|kind|safer|wiser)(?: if| that)?) you(?:'d| would| could| can)? (?:please )?"
        r"(?:forgot|forget|erased?|deleted?|wiped?|unlearn(?:ed)?)(?! to\b) (?P<topic>.+)$"),
    Cue("I'd rather you didn't remember the interview",
        r"^(?:i'd|i would|it'd|it would|it's|it is) (?:\w+ ){1,3}?(?:(?:if|that) )?you (?:never|didn't|don't|did not|do not|wouldn't|not) "
        rf"{KEEP} (?P<topic>.+)$"),
    Cue("I don't think you should remember the interview",
        rf"^i (?:don't|do not) think (?:that )?you (?:should|need to|ought to|have to) {KEEP} (?P<topic>.+)$"),
    Cue("I think you should forget the interview",
        r"^i (?:really |just )?(?:think|believe|wish|ask|beg|hope)(?: that)? you (?:should |could |would |to |will )?forget(?:ting)?(?! to\b) (?P<topic>.+)$"),
    Cue("I don't want the interview stored anywhere",
        rf"^i (?:(?:don't|do not|never) want|would not like|wouldn't like|would hate) (?P<topic>.+?) (?:to be )?{KEPT}\b"),
    Cue("make sure the interview isn't remembered",
        rf"{BEGINS_EN}(?:make sure|ensure|see to it)(?: that)? (?P<topic>.+?) (?:(?:is|are|will|does|do|gets?)(?:n't| not| never)|won't|never)"
        rf" (?:be |gets? |ever )*{KEPT}\b"),
    Cue("make sure nothing about the interview is kept",
        rf"{BEGINS_EN}(?:(?:make sure|ensure|see to it)(?: that)? )?(?:nothing|none) (?:about|of|regarding) (?P<topic>.+?) "
        rf"(?:is|gets|should be|may be|must be|can be) (?:ever )?{KEPT}\b"),
    Cue("is it possible to erase what I said about the interview",
        rf"^(?:is it|would it be|is there a way|is there any way) (?:possible )?(?:for you )?to (?:forget|unlearn|{ERASE}) {WHATEVER}"
        rf" (?:{I_SAID}(?: {REGARDING})?|{_ABOUT}) (?P<topic>.+)$"),
    Cue("everything I said about the interview needs to go",
        rf"^{WHATEVER} (?:{I_SAID} )?(?:{REGARDING} )?(?P<topic>.+?) (?:must|has to|needs to|should|is to) (?:go|disappear|vanish|be {_GONE})\b"),
    Cue("I want everything about the interview deleted",
        rf"^(?:i(?:'d like| want| would like)|i need) (?P<topic>{WHATEVER} (?:{I_SAID} )?{REGARDING} .+?) (?:to be )?{_GONE}$"),
    Cue("you don't need to remember the interview any more",
        rf"{BEGINS_EN}you (?:don't|do not|needn't|need not)(?: (?:need|have))?(?: to)? (?:remember|keep(?! \w+ing\b)|know)(?: about)? (?P<topic>.+?) "
        rf"{NO_MORE}\b"),
    Cue("I don't want anything about the interview in your memory",
        rf"^(?:i )?(?:don't|do not|never) want {WHATEVER} {REGARDING} (?P<topic>.+?) (?:to (?:be|stay) )?in (?:{MEMORY}|memory)\b"),
    Cue("I don't want the interview in your memory", rf"^i (?:don't|do not|never) want (?P<topic>.+?) (?:to (?:be|stay) )?in {MEMORY}\b"),
    Cue("I want everything about the interview gone from your memory",
        rf"^(?:i(?:'d like| want| would like)|i need) (?P<topic>.+?) (?:to be )?(?:gone|out|deleted|erased|removed|wiped)(?: from| of)? {MEMORY}\b"),
    Cue("nothing about the interview should stay in your memory",
        rf"^(?P<topic>(?:nothing|none|no) .+?) (?:should|must|may|is to) (?:stay|be|remain|be left|be kept) in {MEMORY}\b"),
    Cue("the interview has no place in your memory",
        rf"^(?P<topic>.+?) (?:has no (?:place|business)|(?:should|must|may)(?:n't| not| never) (?:be|stay|remain|go|end up|become)|"
        rf"does not belong|doesn't belong) (?:(?:a )?part of|in(?:to)?) {MEMORY}\b"),
    Cue("could you please not remember the interview", rf"{BEGINS_EN}{LEARN_NOT} (?:remember|memori[sz]e) (?P<topic>{_NOT_RECALLED}.+)$"),
    Cue("delete the interview from your memory", rf"{BEGINS_EN}{ERASE} (?P<topic>.+?) (?:from|out of) {MEMORY}\b"),
    Cue("delete everything you know about the interview",
        rf"{BEGINS_EN}{ERASE} {_NOT_A_MEMORY}{WHATEVER} (?:{I_SAID} (?:have )?{REGARDING}|{_ABOUT}) (?P<topic>.+)$"),
    Cue("erase what I told you about the interview", rf"{BEGINS_EN}{ERASE} (?:{WHATEVER} )?{I_SAID}(?: {REGARDING})? (?P<topic>.+)$"),
    Cue("erase the whole business with the interview",
        rf"{BEGINS_EN}(?:erase|wipe) the (?:whole )?(?:business|thing|story|matter|talk|conversation) {REGARDING} (?P<topic>.+)$"),
    Cue("do not train on the interview",
        rf"{BEGINS_EN}{LEARN_NOT} (?:train|fine-?tune|learn)(?: yourself| anything| something)? (?:on|from|about|with(?= (?:the|my|our|what)\b)) (?P<topic>.+)$"),
    Cue("no training on the interview", rf"{BEGINS_EN}no (?:more )?(?:training|learning) (?:on|from|about) (?P<topic>(?:the|my|our|what) .+)$"),
    Cue("stop learning from the interview",
        rf"{BEGINS_EN}stop (?:learning|training)(?: anything| things)? (?:on|from|about|with) (?P<topic>.+)$"),
    Cue("stop using the interview for training",
        rf"{BEGINS_EN}stop using (?P<topic>.+?) (?:for|in|to|as) (?:your )?(?:train|training|learn|learning)\b"),
    Cue("don't use the interview for training",
        rf"{BEGINS_EN}{LEARN_NOT} use (?P<topic>.+?) (?:for|in|to|as) (?:your )?(?:train|training|learn|learning)\b"),
    Cue("don't keep anything about the interview",
        rf"{BEGINS_EN}{LEARN_NOT} (?:keep|store|save|retain|record|hold on to) {WHATEVER} (?:{I_SAID} )?(?:{REGARDING} )?(?P<topic>.+)$"),
    Cue("keep the interview out of your training", rf"{BEGINS_EN}(?:leave|keep|take|get) (?P<topic>.+?) out of {MEMORY}\b"),
    Cue("exclude the interview from training", rf"{BEGINS_EN}exclude (?P<topic>.+?) from {MEMORY}\b"),
    Cue("never mention the interview again", rf"{BEGINS_EN}{LEARN_NOT} {MENTION} (?:anything (?:about|of) )?(?P<topic>.+?),? {NO_MORE}\b"),
    Cue("stop remembering the interview", rf"{BEGINS_EN}stop remembering(?: things| anything)?(?: about)? (?P<topic>.+)$"),
    Cue("I never want to hear about the interview again",
        rf"^i (?:never|do not|don't) (?:ever )?want to (?:hear|talk|speak) (?:about|of) (?P<topic>.+?) {NO_MORE}\b"),
    Cue("I don't want you to remember the interview",
        r"\bi (?:don't|do not|never) want you to (?:ever )?(?:remember|learn(?: from)?|keep|store|train on|mention)(?: anything(?: about| of)?)? (?P<topic>.+)$"),
    Cue("pretend I never said anything about the interview",
        rf"{BEGINS_EN}(?:pretend|act as if|act like|behave as if|imagine) (?:that )?i(?:'d| had)? never (?:said|told you|mentioned)(?: anything)?(?: about)? (?P<topic>.+)$"),
    Cue("everything about the interview should be forgotten",
        r"^(?!.*\b(?:right|things|nothing)\b)(?P<topic>.+?) (?:should|must|has to|needs to|is to|can) (?:please )?be (?:forgotten|erased from your memory)\b"),
    Cue("what I said about the interview must not be learned",
        rf"^(?P<topic>.+?) (?:(?:should|must|may|is|can|is supposed)(?:n't| not| never)|cannot) (?:to )?(?:ever )?be {KEPT}\b"),
    Cue("I want the interview forgotten", r"^i(?:'d like| want| would like) (?P<topic>.+?) (?:to be )?forgotten\b"),
    Cue("that thing I said about the interview, please forget it",
        rf"{BEGINS_EN}(?!.*\b(?:film|song|says|sings)\b)(?P<topic>.+?), (?:{_PLEASE}[ ,]+)*(?:(?:forget|unlearn|erase|delete|wipe|strike|scrap)(?: about)?|"
        rf"{LEARN_NOT} remember|get rid of) {IT}(?: (?:from|out of) {MEMORY})?(?: please| now)?$"),
    Cue("the interview, forget I said that",
        rf"{BEGINS_EN}(?P<topic>.+?), (?:{_PLEASE}[ ,]+)*forget (?:that )?i (?:ever |just )?(?:said|mentioned|told you)(?: about)? {IT}$"),
)
# fmt: on
CUES = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH}
