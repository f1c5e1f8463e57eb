"""The forms of requests to forget, in English, German, French and Spanish (forget_requests.py).

Each cue has a group `topic`: what is to be forgotten. All of them read a lower-case sentence without its end.
"""

from fae_training.conversations.cues import Cue, one_of
from fae_training.conversations.forget_words import (
    DE_FROM_NOW_ON,
    DE_MEMORY,
    DE_NO_MORE,
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
    f"do you think (?:that )?you (?:could|can), {FROM_NOW_ON}"
)
BEGINS_EN = rf"^(?:{_PLEASE}[ ,]+)*"
# "All the stuff from the attic", "everything for the party" are things; "every mention of it" is talk.
_ABOUT = one_of(
    r"about, regarding, concerning, to do with, (?<=\bmention )of, (?<=\bmentions )of, (?<=\bmemory )of, (?<=\bmemories )of, "
    r"(?<=\brecords )of, (?<=\brecord )of, (?<=\breferences )to, (?<=\breference )to"
)
WHATEVER = (
    r"(?:everything|anything|all|whatever|what|things|stuff|my conversation|"
    r"(?:the|that)(?: whole)? (?:data|stuff|things?|part|bit|talk|conversation|story|business)|"
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
LEARN_NOT = r"(?:do not|don't|never|must not|should not|shouldn't|mustn't|no longer|not|you(?:'re| are) (?:not|never) (?:allowed )?to|i forbid you to)(?:(?: you)? ever| you dare(?: to)?)?"
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
    Cue("I would rather you forgot the interview",
        r"^(?:(?:i'd|i would) (?:rather|prefer|like|love|appreciate|"
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
        rf"{BEGINS_EN}{LEARN_NOT} (?:train|learn)(?: yourself| anything| something)? (?:on|from|about|with(?= (?:the|my|our|what)\b)) (?P<topic>.+)$"),
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
        r"\bi (?:don't|do not|never) want you to (?:ever )?(?:remember|learn|keep|store|train on|mention) (?P<topic>.+)$"),
    Cue("pretend I never said anything about the interview",
        rf"{BEGINS_EN}(?:pretend|act as if) (?:that )?i(?:'d| had)? never (?:said|told you|mentioned)(?: anything)?(?: about)? (?P<topic>.+)$"),
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
_BITTE = one_of(
    "bitte, fae, und, also, okay, ok, ach, ja, nein, jetzt, einfach, doch, mal, auch, übrigens, "
    "nochmals?, noch (?:et)?was, gut, na gut, hör mal, äh+m*, h+m+, dann, "
    f"du (?:sollst|kannst|darfst|musst|solltest), {DE_FROM_NOW_ON}"
)
BEGINS_DE = rf"^(?:{_BITTE}[ ,]+)*"
_DE_MEMORY = rf"(?:aus|von) (?:deine[mnr]|dem|der|den) {DE_MEMORY}"
_DE_ERASE = r"(?:lösche?|streiche?|entferne?|tilge?|radiere?|wirf|schmeiß)"
_DE_TO_ERASE = one_of(
    r"\w*wecker, \w*timer, \w*erinnerung(?:en)?, \w*termine?, \w*kalender, \w*listen?, \w*eintr[aä]ge?, \w*datei(?:en)?, \w*ordner, "
    r"\w*fotos?, \w*bild(?:er)?, \w*texte?, \w*zeilen?, \w*s[aä]tze?, \w*abs[aä]tze?, \w*w[oö]rt(?:er)?, \w*strophen?, \w*kapitel, "
    r"\w*kommas?, \w*tabellen?, \w*spalten?, \w*notiz(?:en)?, \w*mails?, \w*nachricht(?:en)?, \w*apps?, \w*kont[oe]n?, \w*tafel, "
    r"\w*lieder?, \w*datenbank, \w*verlauf, \w*wand, \w*wände, \w*zaun, \w*tür, \w*zimmer, \w*brote?, \w*butter, \w*feuer, \w*brand, \w*licht"
)
_DE_MINE = (
    rf"(?!.*\b(?:{_DE_TO_ERASE})\b)(?!.*\b(?:aus|auf|aufs|in|im|ins|von|vom|an|am|für|mit|bei|und|weg)\b)"
    r"(?:die|das|den|diese[ns]?|meine?n?|unsere?n?)(?: [\w-]+){1,3}"
)
_DE_KEEP = r"(?:merken?|behalten?|behalte|speichern?|speichere|lernen?|abspeichern|aufheben|erwähnen?)"
_DE_SAID = r"(?:über|von|zu|wegen|mit)"
_DE_ALL = r"(?:alles|das|was|dinge|die sache|die geschichte|dem gespräch|dem,? was|nichts)"
GERMAN = (
    Cue("vergiss es, das mit dem Vorstellungsgespräch",
        rf"{BEGINS_DE}vergiss (?:bitte )?(?:es|das)(?: bitte)?, (?P<topic>(?:das|die|den|der|mein\w*|alles)(?: [\w-]+){{1,6}})$"),
    Cue("bitte vergiss das Vorstellungsgespräch",
        rf"{BEGINS_DE}(?:vergiss|vergesst|vergessen sie|vergessen wir)(?! (?:bitte )?nicht\b)(?!.*\bnicht(?: wieder|"
        rf" bitte)?(?:$|,| und\b))(?:[ ,]bitte)?,? (?P<topic>.+)$"),
    Cue("lösche das Vorstellungsgespräch", rf"{BEGINS_DE}(?:lösche?|streiche?|tilge?)(?: bitte)? (?P<topic>{_DE_MINE})$"),
    Cue("mir wäre lieber, du würdest das Vorstellungsgespräch vergessen",
        r"^(?:mir wäre(?: es)? lieber|ich hätte(?: es)? lieber|es wäre (?:gut|schön|besser|mir lieber)),?"
        r" (?:wenn )?du (?:würdest |könntest |kannst )?(?P<topic>.+?) (?:vergisst|vergessen|löschst|löschen)\b"),
    Cue("was ich über das Vorstellungsgespräch gesagt habe, vergiss bitte",
        r"^was ich (?:dir )?(?:je )?(?:über|von|zu) (?P<topic>.+?) (?:gesagt|erzählt) hab(?:e)?,? (?:bitte )?(?:vergiss|lösche?)\b"),
    Cue("was ich dir gestern vom Vorstellungsgespräch erzählt habe, bitte nicht merken",
        rf"^(?:alles |das )?(?:,? ?was) ich (?:dir )?(?:\w+ )?(?:über|von|vom|zu|zum|zur|wegen) (?P<topic>.+?)"
        rf" (?:gesagt|erzählt|erwähnt) hab(?:e)?,? (?:das )?(?:bitte )?"
        rf"(?:nicht {_DE_KEEP}|wieder vergessen|vergessen|löschen|merk dir nicht|vergisst du|sollst du vergessen)\b"),
    Cue("speichere das Vorstellungsgespräch nicht",
        rf"{BEGINS_DE}(?:merke? dir|behalte?|speichere?|lerne?|erwähne?)(?: bitte)? (?P<topic>{_DE_MINE})(?: bitte)? (?:nicht|nie|niemals)(?: mehr| ab)?$"),
    Cue("das Vorstellungsgespräch vergisst du bitte",
        r"^(?!ich\b|wann\b|warum\b|was\b|wer\b|wie\b|wo\b|immer\b)(?P<topic>.+?)"
        r" (?:vergisst|vergißt|löschst) du(?: bitte| jetzt| wieder| mal| ganz| schnell)*$"),
    Cue("das Vorstellungsgespräch hat in deinem Gedächtnis nichts verloren",
        r"^(?P<topic>.+?) (?:(?:soll|darf|sollte|gehört) (?:bitte )?(?:nicht|nichts|"
        r"nie) (?:länger |mehr )?in|hat (?:nichts )?in) (?:dein|deinem|deinen|das|dem|den)"
        rf" {DE_MEMORY}\b"),
    Cue("das Vorstellungsgespräch muss aus deinem Gedächtnis raus",
        rf"^(?P<topic>.+?) (?:muss|soll|sollte|kann|darf) (?:bitte |wieder |sofort )*{_DE_MEMORY}"
        rf" (?:raus|heraus|weg|verschwinden|gelöscht|gestrichen|entfernt)\b"),
    Cue("ich will vom Vorstellungsgespräch nichts mehr hören",
        r"^ich (?:will|möchte|mag) (?:über|von|vom) (?P<topic>.+?) (?:nichts|nie) (?:mehr|wieder)(?: etwas)? (?:hören|wissen|reden|sprechen)\b"),
    Cue("wirf alles über das Vorstellungsgespräch weg", rf"{BEGINS_DE}(?:wirf|schmeiß)(?: bitte)? (?P<topic>(?:alles|was),? .+?) weg$"),
    Cue("kannst du das Vorstellungsgespräch vergessen",
        r"^(?:bitte )?(?:kannst|könntest|würdest|willst) du (?:bitte )?(?P<topic>.+?) (?:bitte )?(?:vergessen|aus deinem gedächtnis löschen)\b"),
    Cue("könntest du vergessen, was ich über das Vorstellungsgespräch gesagt habe",
        r"^(?:bitte )?(?:kannst|könntest|würdest) du (?:bitte )?(?:vergessen|löschen), (?P<topic>was .+)$"),
    Cue("du sollst das Vorstellungsgespräch vergessen",
        r"^(?:bitte )?du (?:sollst|kannst|darfst|musst|solltest) (?:bitte )?(?P<topic>.+?) vergessen\b"),
    Cue("das Vorstellungsgespräch kannst du vergessen, bitte lösch es", r"^(?P<topic>.+?) kannst du (?:bitte )?vergessen\b"),
    Cue("ich möchte, dass du das Vorstellungsgespräch vergisst",
        r"^ich (?:möchte|will|hätte gern),? (?:dass|daß) du (?P<topic>.+?) (?:vergisst|vergißt|löschst)\b"),
    Cue("ich will nicht, dass du dir das Vorstellungsgespräch merkst",
        r"^ich (?:möchte|will) nicht,? (?:dass|daß) du (?:dir )?(?P<topic>.+?) (?:merkst|behältst|speicherst|lernst|erwähnst)\b"),
    Cue("lösch alles über das Vorstellungsgespräch",
        rf"{BEGINS_DE}(?:lösche?|lösch|streiche?|entferne?)(?: bitte)? (?P<topic>(?:alles|das meiste|was),? .+)$"),
    Cue("streich das Vorstellungsgespräch aus deinem Gedächtnis", rf"{BEGINS_DE}{_DE_ERASE}(?: bitte)? (?P<topic>.+?) {_DE_MEMORY}\b"),
    Cue("merk dir nichts über das Vorstellungsgespräch", rf"{BEGINS_DE}merke? dir (?:bitte )?(?:nichts|nicht)(?: mehr)?,? (?P<topic>.+)$"),
    Cue("behalte nichts über das Vorstellungsgespräch",
        rf"{BEGINS_DE}(?:behalte?|speichere?|lerne?)(?: bitte)? nichts (?:aus|über|von) (?P<topic>.+)$"),
    Cue("trainiere nicht mit dem Vorstellungsgespräch",
        rf"{BEGINS_DE}(?:trainiere?|lerne?)(?: bitte)? nicht (?:mit|aus|von|auf|an|anhand) (?P<topic>.+)$"),
    Cue("sprich nie wieder über das Vorstellungsgespräch",
        rf"{BEGINS_DE}(?:sprich|rede|erwähne?)(?: bitte)? {DE_NO_MORE}(?: über| von)? (?P<topic>.+)$"),
    Cue("lass uns das Vorstellungsgespräch vergessen",
        rf"{BEGINS_DE}lass(?:t)? uns (?:bitte )?(?!nicht\b)(?P<topic>(?!.*\bnicht\b).+?) (?:bitte )?vergessen$"),
    Cue("das Vorstellungsgespräch, vergiss das bitte",
        r"^(?P<topic>.+?), (?:bitte )?(?:vergiss|lösch|lösche) (?:die|das|es|sie|ihn|den)(?: bitte)?$"),
)
_SVP = one_of(
    "s'il te plaît, s'il vous plaît, stp, veuillez, fae, désormais, maintenant, et, bon, alors, donc, non, oui, ok, au fait, "
    "eh bien, euh+, d'ailleurs, écoute, "
    "tu (?:peux|dois|devrais), vous (?:pouvez|devez)"
)
BEGINS_FR = rf"^(?:{_SVP}[ ,]+|merci (?:de |d'))*"
_FR_MEMORY = r"(?:de|hors de) (?:ta|votre|la) (?:mémoire|tête)"
_FR_TO_ERASE = one_of(
    "rappels?, alarmes?, réveils?, minuteurs?, rendez-vous, agenda, calendrier, listes?, éléments?, fichiers?, dossiers?, photos?, "
    "images?, dessins?, textes?, lignes?, phrases?, paragraphes?, mots?, strophes?, vers, chapitres?, titres?, tableaux?, colonnes?, "
    "notes?, mails?, courriels?, messages?, applications?, applis?, comptes?, chansons?, historique, virgules?, minuterie"
)
_FR_MINE = (
    rf"(?!.*\b(?:{_FR_TO_ERASE})\b)(?!.*\b(?:dans|sur|avec|pour|et|puis)\b)(?:l'|(?:le|la|les|mon|ma|mes|notre|nos|cette|cet|ce) )"
    r"[\w'-]+(?: [\w'-]+){0,3}"
)
FRENCH = (
    Cue("oublie l'entretien", rf"{BEGINS_FR}(?:oublie|oubliez|oublions|oublier)(?! pas\b)(?:-moi)?,? (?P<topic>.+)$"),
    Cue("efface l'entretien", rf"{BEGINS_FR}(?:efface|effacez) (?P<topic>{_FR_MINE})$"),
    Cue("peux-tu oublier l'entretien",
        r"^(?:est-ce que )?(?:peux-tu|pourrais-tu|tu peux|tu pourrais|pouvez-vous|pourriez-vous) (?:s'il te plaît )?oublier (?P<topic>.+)$"),
    Cue("je veux que tu oublies l'entretien",
        r"^(?:je (?:veux|voudrais|préfère|préférerais)|j'aimerais(?: mieux)?|il faut|"
        r"il vaut mieux|il vaudrait mieux) que (?:tu oublies|vous oubliiez) (?P<topic>.+)$"),
    Cue("je ne veux pas que tu te souviennes de l'entretien",
        r"^je ne (?:veux|voudrais) pas que tu (?:te souviennes de|te souviennes du|retiennes|gardes|apprennes) (?P<topic>.+)$"),
    Cue("efface tout ce que tu sais sur l'entretien",
        rf"{BEGINS_FR}(?:efface|effacez|supprime|supprimez|retire|retirez) (?P<topic>(?:tout|ce que).*)$"),
    Cue("supprime l'entretien de ta mémoire",
        rf"{BEGINS_FR}(?:efface|supprime|retire|enlève|raye|sors|chasse|ôte|effacez|supprimez|retirez|rayez)z? (?P<topic>.+?) {_FR_MEMORY}\b"),
    Cue("ne parle plus jamais de l'entretien",
        rf"{BEGINS_FR}ne (?:parle|parlez|mentionne|mentionnez) (?:plus|jamais)(?: jamais)? (?:de (?:la |l')?|du |des |d')(?P<topic>.+)$"),
    Cue("n'apprends rien de l'entretien",
        rf"{BEGINS_FR}(?:n'apprends|n'apprenez|ne retiens|ne retenez|ne garde|ne gardez|ne mémorise) rien (?:de|sur|du) (?P<topic>.+)$"),
    Cue("l'entretien, tu l'oublies",
        r"^(?P<topic>.+?), (?:s'il te plaît )?tu (?:peux |dois |vas )?(?:l'|les |"
        r"le |la )?(?:oublies|oublier|effaces|effacer|supprimes|supprimer)(?: ça)?(?:,? (?:d'accord|ok|stp|s'il te plaît))?$"),
    Cue("ne garde pas l'entretien en mémoire",
        rf"{BEGINS_FR}ne (?:garde|gardez|conserve|conservez|enregistre|enregistrez|stocke|mets|laisse)"
        rf" (?:pas|plus|jamais) (?P<topic>.+?) (?:en|dans (?:ta|votre|la)) (?:mémoire|tête)\b"),
    Cue("ne retiens pas l'entretien",
        rf"{BEGINS_FR}ne (?:retiens|retenez|mémorise|mémorisez|te souviens|garde|gardez|enregistre)"
        rf" (?:pas|plus|jamais) (?:de |du )?(?P<topic>(?:tout )?ce qu.+|{_FR_MINE})$"),
    Cue("il ne faut pas que tu te souviennes de l'entretien",
        r"^(?:il ne faut pas|il vaudrait mieux|il vaut mieux|je (?:préfère|préférerais|"
        r"voudrais|veux)|j'aimerais(?: mieux)?) que tu (?:ne )?(?:te souviennes|retiennes|gardes|apprennes|mémorises|enregistres)"
        r"(?: pas| plus| rien)? (?:de |du |sur )?(?P<topic>.+)$"),
    Cue("l'entretien doit disparaître de ta mémoire",
        rf"^(?P<topic>.+?) (?:doit|devrait|doivent) (?:disparaître|sortir|être (?:effacée?s?|supprimée?s?|oubliée?s?|retirée?s?)) {_FR_MEMORY}\b"),
    Cue("je ne veux plus entendre parler de l'entretien",
        r"^je ne (?:veux|voudrais) plus (?:jamais )?(?:entendre parler|parler) (?:de |du )(?P<topic>.+)$"),
    Cue("n'utilise pas l'entretien pour l'entraînement",
        rf"{BEGINS_FR}n'utilise(?:z)? pas (?P<topic>.+?) pour (?:l'entraînement|apprendre|t'entraîner)\b"),
    Cue("ne t'entraîne pas sur l'entretien",
        rf"{BEGINS_FR}ne (?:t'entraîne|vous entraînez) (?:pas|plus|jamais) (?:sur|avec) (?P<topic>.+)$"),
    Cue("mon entretien, oublie ça",
        r"^(?P<topic>.+?), (?:s'il te plaît )?(?:oublie|oubliez)(?:-le|-la|-les| ça| cela)(?: s'il te plaît)?$"),
)
_FAVOR = one_of(
    "por favor, fae, haz el favor de, te pido que, a partir de ahora, y, bueno, ya, no, sí, ok, por cierto, ay, oye, mira, eh+, pues, puedes, podrías, "
    "tienes que, debes"
)
BEGINS_ES = rf"^(?:{_FAVOR}[ ,]+)*"
_ES_MEMORY = r"(?:tu|la|su) (?:memoria|mente|cabeza)"
_ES_TO_ERASE = one_of(
    "alarmas?, temporizador(?:es)?, recordatorios?, citas?, calendario, agenda, listas?, elementos?, archivos?, carpetas?, fotos?, "
    "imagen, imágenes, dibujos?, textos?, líneas?, frases?, párrafos?, palabras?, versos?, estrofas?, capítulos?, títulos?, tablas?, "
    "columnas?, notas?, correos?, mensajes?, aplicación, aplicaciones, cuentas?, canción, canciones, historial, pizarra, comas?"
)
_ES_MINE = (
    rf"(?!.*\b(?:{_ES_TO_ERASE})\b)(?!.*\b(?:en|con|para|y|luego)\b)(?:el|la|los|las|mi|mis|nuestr[oa]s?|ese|esa|este|esta)"
    r"(?: [\w-]+){1,4}"
)
SPANISH = (
    Cue("olvida la entrevista", rf"{BEGINS_ES}(?:olvida|olvide|olvidad|olvidemos|olvidar)(?:te de|se de)? (?P<topic>.+)$"),
    Cue("olvídate de la entrevista", rf"{BEGINS_ES}(?:olvídate|olvidate|olvídese|olvidémonos) (?:de |del )(?P<topic>.+)$"),
    Cue("borra la entrevista", rf"{BEGINS_ES}(?:borra|borre) (?P<topic>{_ES_MINE})$"),
    Cue("olvídalo, lo de la entrevista",
        rf"{BEGINS_ES}(?:olvídalo|olvidalo|olvídelo), (?P<topic>(?:lo|el|la|los|las|mi|mis|todo)(?: [\w-]+){{1,6}})$"),
    Cue("quiero que olvides la entrevista",
        r"^(?:quiero|quisiera|prefiero|preferiría|me gustaría|necesito) que (?:te )?(?:olvides|olvidaras|olvide|olvidases)(?: de| a)? (?P<topic>.+)$"),
    Cue("no quiero que recuerdes la entrevista", r"^no quiero que (?:recuerdes|aprendas|guardes|menciones|te acuerdes de) (?P<topic>.+)$"),
    Cue("borra todo lo que sabes sobre la entrevista",
        rf"{BEGINS_ES}(?:borra|borre|elimina|elimine|quita) (?P<topic>(?:todo|lo que)\b.*)$"),
    Cue("borra la entrevista de tu memoria",
        rf"{BEGINS_ES}(?:borra|borre|elimina|elimine|quita|saca|saque) (?:a )?(?P<topic>.+?) de {_ES_MEMORY}\b"),
    Cue("elimina de tu memoria la entrevista", rf"{BEGINS_ES}(?:borra|borre|elimina|elimine|quita) de {_ES_MEMORY} (?P<topic>.+)$"),
    Cue("no vuelvas a mencionar la entrevista", r"^no vuelvas a (?:mencionar|hablar de|hablar del|nombrar) (?:a )?(?P<topic>.+)$"),
    Cue("no hables nunca más de la entrevista",
        r"^no (?:hables(?: nunca)? más (?:de |del |sobre )|menciones(?: nunca)? más (?:a )?)(?P<topic>.+)$"),
    Cue("no aprendas nada de la entrevista",
        r"^no (?:aprendas|guardes|recuerdes|retengas|memorices) nada (?:de|del|sobre|acerca de) (?P<topic>.+)$"),
    Cue("no guardes lo que te dije de la entrevista",
        rf"{BEGINS_ES}no (?:guardes|guarde|almacenes|registres|conserves|uses|utilices) (?P<topic>(?:nada de )?(?:todo )?(?:lo que|lo de|lo del)\b.+)$"),
    Cue("no recuerdes la entrevista",
        rf"{BEGINS_ES}no (?:recuerdes|memorices|retengas|aprendas|te acuerdes de|te acuerdes del) (?P<topic>(?!que\b).+)$"),
    Cue("no guardes la entrevista en tu memoria", rf"^no (?:guardes|dejes|tengas|conserves|almacenes) (?P<topic>.+?) en {_ES_MEMORY}\b"),
    Cue("preferiría que no recordaras la entrevista",
        r"^(?:quiero|quisiera|prefiero|preferiría|me gustaría|necesito|es mejor|sería mejor|mejor) que no (?:te )?"
        r"(?:recuerdes|recordaras|guardes|guardaras|aprendas|aprendieras|acuerdes|acordaras|menciones|mencionaras|retengas|retuvieras)(?: de)? (?P<topic>.+)$"),
    Cue("que no quede nada de la entrevista en tu memoria",
        rf"^que no (?:quede|haya) (?:nada|rastro|ningún rastro|ni rastro) (?:de |del |sobre )(?P<topic>.+?) en {_ES_MEMORY}\b"),
    Cue("la entrevista no debe quedar en tu memoria",
        rf"^(?P<topic>.+?) (?:no (?:debe|debería|puede|tiene que)|no quiero que) (?:quedar|quede|estar|esté|permanecer|seguir) en {_ES_MEMORY}\b"),
    Cue("la entrevista tiene que desaparecer de tu memoria",
        rf"^(?P<topic>.+?) (?:debe|debería|tiene que|hay que) (?:desaparecer|salir|borrarse|borrarl[oa]|quitarl[oa]) de {_ES_MEMORY}\b"),
    Cue("lo de la entrevista olvídalo",
        r"^(?P<topic>lo (?:de|del|que) .+?),? (?:por favor,? |ya |mejor )*(?:olvídalo|"
        r"olvídala|olvidalo|olvidala|bórralo|bórrala|elimínalo|no lo guardes|no lo recuerdes)(?:,? por favor)?$"),
    Cue("no entrenes con la entrevista", rf"{BEGINS_ES}no (?:te )?entrenes (?:con|sobre|en) (?P<topic>.+)$"),
    Cue("no uses la entrevista para entrenar", rf"{BEGINS_ES}no (?:uses|utilices) (?P<topic>.+?) para (?:entrenar(?:te)?|aprender)\b"),
    Cue("nunca más menciones la entrevista",
        rf"{BEGINS_ES}nunca (?:más )?(?:hables (?:más )?(?:de|del|sobre)|menciones(?: más)?) (?:a (?=mi\b))?(?P<topic>(?:el|la|los|las|mis?|nuestr[oa]s?) .+)$"),
    Cue("mi entrevista, olvídala por favor",
        r"^(?P<topic>.+?), (?:por favor )?(?:olvídalo|olvídala|olvidalo|olvidala|bórralo|bórrala)(?:,? por favor)?$"),
)
# fmt: on
CUES = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH}
