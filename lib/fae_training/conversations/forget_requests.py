"""Recognises requests to forget, in English, German, French and Spanish, and their topics.

A request is a sentence that tells the assistant to forget: an imperative ("forget the interview"),
a wish ("I want you to forget ..."), a statement of what must happen ("... should be forgotten"), or
a topic followed by a request ("my job, please forget that"). A sentence that only mentions
forgetting matches none of these forms.
"""

import re

from fae_training.conversations.cues import Cue, one_of
from fae_training.conversations.text import STOPWORDS, stem, without_wake_word, words
from fae_training.patterns import lazy_pattern

EVERYTHING = "everything"
# Longer sentences are not requests, and this bounds the time for long texts.
_LONGEST_SENTENCE = 300

# fmt: off
_PLEASE = one_of(
    "please, fae, can you, could you, would you, will you, can we, could we, i want you to, i'd like you to, "
    "i would like you to, i need you to, you (?:can|could|should|must|may|have to|need to), let's, let us, "
    "make sure (?:that )?you, make sure to, just, now, so, oh, ok, okay, no, also, and, actually, yes, well, all right, alright, "
    "try to, simply, from now on, i told you, never mind, let it go, drop it"
)
_EN = rf"^(?:{_PLEASE}[ ,]+)*"
_WHATEVER = r"(?:everything|anything|all|whatever|what|things|stuff|the (?:data|stuff|things|part|bit|talk|conversation|story|business)|my conversation)"
_I_SAID = (
    r"(?:that )?(?:i(?:'ve| have)?|you(?:'ve| have)?|we(?:'ve| have)?) (?:\w+ )?"
    r"(?:told you|tell you|said|mentioned|talked|spoke|know|remember|learned|learnt|heard|stored|kept|have|got)"
)
_REGARDING = r"(?:about|on|regarding|concerning|to do with|with|of|from|for)"
_MEMORY = (
    r"(?:(?:your|the) (?:memory|memories|mind|head|brain|records?|training(?: data)?|learning|data)(?!'s)|training|learning|"
    r"what you (?:learn|know|remember|have learned))"
)
_ERASE = (
    r"(?:delete|remove|erase|expunge|banish|wipe|scrub|purge|strike|cross|scratch|scrap|clear(?: out)?|drop|lose|dump|bin|"
    r"disregard|take|put|get rid of|get|throw (?:away|out)|unlearn)"
)
_IT = r"(?:it|that|them|him|her|this)"
# A bare "erase the ..." is about Fae's memory, unless its object is something that an assistant or
# a computer can erase too.
_TO_ERASE = one_of(
    "alarm, timer, reminder, meeting, appointment, calendar, event, list, item, entry, file, folder, document, disk, drive, "
    "partition, photo, picture, image, drawing, video, clip, recording, song, track, playlist, text, letter, line, sentence, "
    "paragraph, word, verse, stanza, chapter, section, title, heading, comma, bullet, point, typo, table, row, column, cell, "
    "slide, page, draft, code, function, variable, branch, commit, database, app, account, profile, password, e-?mail, mail, "
    "message, chat, history, note, post, comment, tab, bookmark, cookie, cache, download, contact, number, board, blackboard, "
    "whiteboard, screen, pencil, mark, formatting, layer, background, order, booking, tape, card, copy, duplicate, backup"
)
_ELSEWHERE = r"(?!.*\b(?:in|into|on|onto|from|at|before|after|with|to|for|off|by|and|then|when|if)\b)"
_MINE = rf"(?!.*\b(?:{_TO_ERASE})s?\b){_ELSEWHERE}(?:the|my|our|his|her|their|that|this)(?: [\w'-]+){{1,4}}"
_LEARN_NOT = r"(?:do not|don't|never|must not|should not|shouldn't|mustn't|no longer|not)(?: ever)?"
_NOT_A_MEMORY = (
    r"(?!.*\b(?:from|in|of|on) (?:this|that|the|my|our) (?:\w+ )?(?:text|draft|letter|document|e-?mail|essay|file|list|"
    r"note|table|page|speech|message|calendar|phone|computer)s?\b)"
)
# "Forget fancy restaurants, what can I cook?" only changes the subject.
_ASIDE = lazy_pattern(
    r"^[^,]*, (?!please\b)(?:is|are|do|does|did|can|could|should|would|will|what|which|who|where|why|when|how|let's|tell|give|"
    r"show|wie|wer|wo|ist|kann|soll|quel|que|qu'est|comment|où|est|qué|cómo|dónde|cuál)\b"
)
ENGLISH = (
    Cue("erase everything", rf"{_EN}(?:delete|erase|expunge|wipe|purge|unlearn) (?P<topic>everything|all|all of it|all of that)$"),
    Cue("scrap everything you know about me",
        rf"{_EN}{_ERASE} (?P<topic>(?:everything|all|all of it|all of that)"
        r"(?: (?:you (?:know|have learned|learned|remember)|i(?:'ve| have)? (?:ever )?(?:told you|said))(?: about me)?| about me))$"),
    Cue("erase the interview", rf"{_EN}(?:erase|expunge|delete) (?P<topic>{_MINE})$"),
    Cue("forget it, the interview thing",
        rf"{_EN}(?:forget|unlearn|erase)(?: about)? {_IT}, (?!.*\b(?:is|are|was|were|will|would|can|has|have|had|do|does)\b)"
        r"(?P<topic>(?:the|my|our|his|her|that|all|everything|anything)(?: [\w'-]+){1,6})$"),
    Cue("please forget the interview",
        rf"{_EN}(?:forget|unlearn|stop remembering)(?! (?:to|me[ -]not|how|things|something|that we|things\?)\b)"
        r" (?P<topic>.+)$"),
    Cue("would you mind forgetting the interview", r"^(?:please )?would you (?:please )?mind forgetting (?P<topic>.+)$"),
    Cue("I would rather you forgot the interview",
        r"^(?:(?:i'd|i would) (?:rather|prefer|like|love|appreciate|be (?:glad|happy|grateful))(?: that| it)?(?: if)?|(?:it'd|it would) be "
        r"(?:good|better|best|nice|great|kind)(?: if)?) you(?:'d| would| could| can)? (?:please )?"
        r"(?:forgot|forget|erased?|deleted?|wiped?|unlearn(?:ed)?)(?! to\b) (?P<topic>.+)$"),
    Cue("you don't need to remember the interview any more",
        rf"{_EN}you (?:don't|do not|needn't|need not)(?: (?:need|have))?(?: to)? (?:remember|keep|know)(?: about)? (?P<topic>.+?) "
        r"(?:any ?more|any longer)\b"),
    Cue("I don't want the interview in your memory",
        rf"^i (?:don't|do not|never) want (?P<topic>.+?) (?:to (?:be|stay) )?in {_MEMORY}\b"),
    Cue("I want everything about the interview gone from your memory",
        rf"^(?:i(?:'d like| want| would like)|i need) (?P<topic>.+?) (?:to be )?(?:gone|out|deleted|erased|removed|wiped)(?: from| of)? {_MEMORY}\b"),
    Cue("nothing about the interview should stay in your memory",
        rf"^(?P<topic>(?:nothing|none|no) .+?) (?:should|must|may|is to) (?:stay|be|remain|be left|be kept) in {_MEMORY}\b"),
    Cue("the interview has no place in your memory",
        rf"^(?P<topic>.+?) (?:has no (?:place|business)|(?:should|must) (?:not|never) (?:be|stay|remain)|does not belong|doesn't belong) in {_MEMORY}\b"),
    Cue("could you please not remember the interview",
        rf"{_EN}{_LEARN_NOT} (?:remember|memori[sz]e) (?P<topic>.+)$"),
    Cue("delete the interview from your memory",
        rf"{_EN}{_ERASE} (?P<topic>.+?) (?:from|out of) {_MEMORY}\b"),
    Cue("delete everything you know about the interview",
        rf"{_EN}{_ERASE} {_NOT_A_MEMORY}{_WHATEVER} (?:{_I_SAID} )?(?:have )?{_REGARDING} (?P<topic>.+)$"),
    Cue("erase what I told you about the interview", rf"{_EN}{_ERASE} (?:{_WHATEVER} )?{_I_SAID}(?: {_REGARDING})? (?P<topic>.+)$"),
    Cue("erase the whole business with the interview",
        rf"{_EN}(?:erase|wipe) the (?:whole )?(?:business|thing|story|matter|talk|conversation) {_REGARDING} (?P<topic>.+)$"),
    Cue("do not train on the interview",
        rf"{_EN}{_LEARN_NOT} (?:train|learn)(?: anything| something)? (?:on|from|about) (?P<topic>.+)$"),
    Cue("stop learning from the interview",
        rf"{_EN}stop (?:learning|training)(?: anything| things)? (?:on|from|about|with) (?P<topic>.+)$"),
    Cue("stop using the interview for training",
        rf"{_EN}stop using (?P<topic>.+?) (?:for|in|to|as) (?:your )?(?:train|training|learn|learning)\b"),
    Cue("don't use the interview for training",
        rf"{_EN}{_LEARN_NOT} use (?P<topic>.+?) (?:for|in|to|as) (?:your )?(?:train|training|learn|learning)\b"),
    Cue("don't keep anything about the interview",
        rf"{_EN}{_LEARN_NOT} (?:keep|store|save|retain|record|hold on to) {_WHATEVER} (?:{_I_SAID} )?(?:{_REGARDING} )?(?P<topic>.+)$"),
    Cue("keep the interview out of your training",
        rf"{_EN}(?:leave|keep|take|get) (?P<topic>.+?) out of {_MEMORY}\b"),
    Cue("exclude the interview from training", rf"{_EN}exclude (?P<topic>.+?) from {_MEMORY}\b"),
    Cue("never mention the interview again",
        rf"{_EN}{_LEARN_NOT} (?:mention|bring up|talk about|speak (?:of|about)|refer to|raise) (?P<topic>.+?) (?:again|any ?more)\b"),
    Cue("stop bringing up the interview", rf"{_EN}stop (?:bringing up|mentioning|remembering)(?: things| anything)? (?P<topic>.+)$"),
    Cue("I never want to hear about the interview again",
        r"^i (?:never|do not|don't) (?:ever )?want to (?:hear|talk|speak) (?:about|of) (?P<topic>.+?) (?:again|any ?more)\b"),
    Cue("I don't want you to remember the interview",
        r"\bi (?:don't|do not|never) want you to (?:ever )?(?:remember|learn|keep|store|train on|mention) (?P<topic>.+)$"),
    Cue("pretend I never said anything about the interview",
        rf"{_EN}(?:pretend|act as if) (?:that )?i(?:'d| had)? never (?:said|told you|mentioned)(?: anything)?(?: about)? (?P<topic>.+)$"),
    Cue("everything about the interview should be forgotten",
        r"^(?!.*\b(?:right|things|nothing)\b)(?P<topic>.+?) (?:should|must|has to|needs to|is to|can) (?:please )?be (?:forgotten|erased from your memory)\b"),
    Cue("what I said about the interview must not be learned",
        r"^(?P<topic>.+?) (?:should|must|may|is) not (?:to )?be (?:learned|learnt|remembered|kept|trained on|used for training|stored)\b"),
    Cue("I want the interview forgotten", r"^i(?:'d like| want| would like) (?P<topic>.+?) (?:to be )?forgotten\b"),
    Cue("that thing I said about the interview, please forget it",
        rf"{_EN}(?!.*\b(?:film|song|says|sings)\b)(?P<topic>.+?), (?:{_PLEASE}[ ,]+)*(?:(?:forget|unlearn|erase|delete|wipe|strike|scrap)(?: about)?|"
        rf"{_LEARN_NOT} remember|get rid of) {_IT}(?: (?:from|out of) {_MEMORY})?(?: please| now)?$"),
    Cue("the interview, forget I said that",
        rf"{_EN}(?P<topic>.+?), (?:{_PLEASE}[ ,]+)*forget (?:that )?i (?:ever |just )?(?:said|mentioned|told you)(?: about)? {_IT}$"),
)
_BITTE = one_of(r"bitte, fae, und, also, okay, ok, ach, ja, nein, jetzt, einfach, doch, mal, auch, du (?:sollst|kannst|darfst|musst|solltest)")
_DE = rf"^(?:{_BITTE}[ ,]+)*"
_DE_MEMORY = r"(?:aus|von) (?:deine[mnr]|dem|der|den) (?:gedächtnis|speicher|training|kopf|erinnerung(?:en)?|daten)"
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
_DE_ALL = r"(?:alles|das|was|dinge|die sache|die geschichte|dem gespräch|dem,? was|nichts)"
GERMAN = (
    Cue("vergiss es, das mit dem Vorstellungsgespräch", rf"{_DE}vergiss (?:bitte )?(?:es|das)(?: bitte)?, (?P<topic>(?:das|die|den|der|mein\w*|alles)(?: [\w-]+){{1,6}})$"),
    Cue("bitte vergiss das Vorstellungsgespräch", rf"{_DE}(?:vergiss|vergesst|vergessen sie|vergessen wir)(?! (?:bitte )?nicht\b)(?:[ ,]bitte)?,? (?P<topic>.+)$"),
    Cue("lösche das Vorstellungsgespräch", rf"{_DE}(?:lösche?|streiche?|tilge?)(?: bitte)? (?P<topic>{_DE_MINE})$"),
    Cue("mir wäre lieber, du würdest das Vorstellungsgespräch vergessen", r"^(?:mir wäre(?: es)? lieber|ich hätte(?: es)? lieber|es wäre (?:gut|schön|besser|mir lieber)),? (?:wenn )?du (?:würdest |könntest |kannst )?(?P<topic>.+?) (?:vergisst|vergessen|löschst|löschen)\b"),
    Cue("was ich über das Vorstellungsgespräch gesagt habe, vergiss bitte", r"^was ich (?:dir )?(?:je )?(?:über|von|zu) (?P<topic>.+?) (?:gesagt|erzählt) hab(?:e)?,? (?:bitte )?(?:vergiss|lösche?)\b"),
    Cue("wirf alles über das Vorstellungsgespräch weg", rf"{_DE}(?:wirf|schmeiß)(?: bitte)? (?P<topic>(?:alles|was),? .+?) weg$"),
    Cue("kannst du das Vorstellungsgespräch vergessen", r"^(?:bitte )?(?:kannst|könntest|würdest|willst) du (?:bitte )?(?P<topic>.+?) (?:bitte )?(?:vergessen|aus deinem gedächtnis löschen)\b"),
    Cue("könntest du vergessen, was ich über das Vorstellungsgespräch gesagt habe", r"^(?:bitte )?(?:kannst|könntest|würdest) du (?:bitte )?(?:vergessen|löschen), (?P<topic>was .+)$"),
    Cue("du sollst das Vorstellungsgespräch vergessen", r"^(?:bitte )?du (?:sollst|kannst|darfst|musst|solltest) (?:bitte )?(?P<topic>.+?) vergessen\b"),
    Cue("das Vorstellungsgespräch kannst du vergessen, bitte lösch es", r"^(?P<topic>.+?) kannst du (?:bitte )?vergessen\b"),
    Cue("ich möchte, dass du das Vorstellungsgespräch vergisst", r"^ich (?:möchte|will|hätte gern),? (?:dass|daß) du (?P<topic>.+?) (?:vergisst|vergißt|löschst)\b"),
    Cue("ich will nicht, dass du dir das Vorstellungsgespräch merkst", r"^ich (?:möchte|will) nicht,? (?:dass|daß) du (?:dir )?(?P<topic>.+?) (?:merkst|behältst|speicherst|lernst|erwähnst)\b"),
    Cue("lösch alles über das Vorstellungsgespräch", rf"{_DE}(?:lösche?|lösch|streiche?|entferne?)(?: bitte)? (?P<topic>(?:alles|das meiste|was),? .+)$"),
    Cue("streich das Vorstellungsgespräch aus deinem Gedächtnis", rf"{_DE}{_DE_ERASE}(?: bitte)? (?P<topic>.+?) {_DE_MEMORY}\b"),
    Cue("merk dir nichts über das Vorstellungsgespräch", rf"{_DE}merke? dir (?:bitte )?(?:nichts|nicht)(?: mehr)?,? (?P<topic>.+)$"),
    Cue("behalte nichts über das Vorstellungsgespräch", rf"{_DE}(?:behalte?|speichere?|lerne?)(?: bitte)? nichts (?:aus|über|von) (?P<topic>.+)$"),
    Cue("trainiere nicht mit dem Vorstellungsgespräch", rf"{_DE}(?:trainiere?|lerne?)(?: bitte)? nicht (?:mit|aus|von) (?P<topic>.+)$"),
    Cue("sprich nie wieder über das Vorstellungsgespräch", rf"{_DE}(?:sprich|rede|erwähne?)(?: bitte)? (?:nie wieder|nie mehr|nicht mehr)(?: über| von)? (?P<topic>.+)$"),
    Cue("das Vorstellungsgespräch, vergiss das bitte", r"^(?P<topic>.+?), (?:bitte )?(?:vergiss|lösch|lösche) (?:die|das|es|sie|ihn|den)(?: bitte)?$"),
)
_SVP = one_of(r"s'il te plaît, s'il vous plaît, stp, fae, et, bon, alors, donc, non, oui, ok, tu (?:peux|dois|devrais), vous (?:pouvez|devez)")
_FR = rf"^(?:{_SVP}[ ,]+)*"
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
    Cue("oublie l'entretien", rf"{_FR}(?:oublie|oubliez|oublions|oublier)(?! pas\b)(?:-moi)?,? (?P<topic>.+)$"),
    Cue("efface l'entretien", rf"{_FR}(?:efface|effacez) (?P<topic>{_FR_MINE})$"),
    Cue("peux-tu oublier l'entretien", r"^(?:est-ce que )?(?:peux-tu|pourrais-tu|tu peux|tu pourrais|pouvez-vous|pourriez-vous) (?:s'il te plaît )?oublier (?P<topic>.+)$"),
    Cue("je veux que tu oublies l'entretien", r"^(?:je (?:veux|voudrais|préfère|préférerais)|j'aimerais(?: mieux)?|il faut|il vaut mieux|il vaudrait mieux) que (?:tu oublies|vous oubliiez) (?P<topic>.+)$"),
    Cue("je ne veux pas que tu te souviennes de l'entretien", r"^je ne (?:veux|voudrais) pas que tu (?:te souviennes de|te souviennes du|retiennes|gardes|apprennes) (?P<topic>.+)$"),
    Cue("efface tout ce que tu sais sur l'entretien", rf"{_FR}(?:efface|effacez|supprime|supprimez|retire|retirez) (?P<topic>(?:tout|ce que).*)$"),
    Cue("supprime l'entretien de ta mémoire", rf"{_FR}(?:efface|supprime|retire|enlève|raye|sors|chasse|ôte|effacez|supprimez|retirez|rayez)z? (?P<topic>.+?) {_FR_MEMORY}\b"),
    Cue("ne parle plus jamais de l'entretien", rf"{_FR}ne (?:parle|parlez|mentionne|mentionnez) (?:plus|jamais)(?: jamais)? (?:de |du )?(?P<topic>.+)$"),
    Cue("n'apprends rien de l'entretien", rf"{_FR}(?:n'apprends|n'apprenez|ne retiens|ne retenez|ne garde|ne gardez|ne mémorise) rien (?:de|sur|du) (?P<topic>.+)$"),
    Cue("n'utilise pas l'entretien pour l'entraînement", rf"{_FR}n'utilise(?:z)? pas (?P<topic>.+?) pour (?:l'entraînement|apprendre|t'entraîner)\b"),
    Cue("mon entretien, oublie ça", r"^(?P<topic>.+?), (?:s'il te plaît )?(?:oublie|oubliez)(?:-le|-la|-les| ça| cela)(?: s'il te plaît)?$"),
)
_FAVOR = one_of(r"por favor, fae, y, bueno, ya, no, sí, ok, puedes, podrías, tienes que, debes")
_ES = rf"^(?:{_FAVOR}[ ,]+)*"
_ES_MEMORY = r"de (?:tu|la|su) (?:memoria|mente|cabeza)"
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
    Cue("olvida la entrevista", rf"{_ES}(?:olvida|olvide|olvidad|olvidemos|olvidar)(?:te de|se de)? (?P<topic>.+)$"),
    Cue("olvídate de la entrevista", rf"{_ES}(?:olvídate|olvidate|olvídese|olvidémonos) (?:de |del )(?P<topic>.+)$"),
    Cue("borra la entrevista", rf"{_ES}(?:borra|borre) (?P<topic>{_ES_MINE})$"),
    Cue("olvídalo, lo de la entrevista", rf"{_ES}(?:olvídalo|olvidalo|olvídelo), (?P<topic>(?:lo|el|la|los|las|mi|mis|todo)(?: [\w-]+){{1,6}})$"),
    Cue("quiero que olvides la entrevista", r"^(?:quiero|quisiera|prefiero|preferiría|me gustaría|necesito) que (?:te )?(?:olvides|olvidaras|olvide|olvidases)(?: de| a)? (?P<topic>.+)$"),
    Cue("no quiero que recuerdes la entrevista", r"^no quiero que (?:recuerdes|aprendas|guardes|menciones|te acuerdes de) (?P<topic>.+)$"),
    Cue("borra todo lo que sabes sobre la entrevista", rf"{_ES}(?:borra|borre|elimina|elimine|quita) (?P<topic>(?:todo|lo que)\b.*)$"),
    Cue("borra la entrevista de tu memoria", rf"{_ES}(?:borra|borre|elimina|elimine|quita|saca|saque) (?:a )?(?P<topic>.+?) {_ES_MEMORY}\b"),
    Cue("elimina de tu memoria la entrevista", rf"{_ES}(?:borra|borre|elimina|elimine|quita) {_ES_MEMORY} (?P<topic>.+)$"),
    Cue("no vuelvas a mencionar la entrevista", r"^no vuelvas a (?:mencionar|hablar de|hablar del|nombrar) (?:a )?(?P<topic>.+)$"),
    Cue("no hables nunca más de la entrevista", r"^no (?:hables|menciones)(?: nunca)? más (?:de |del |a )?(?P<topic>.+)$"),
    Cue("no aprendas nada de la entrevista", r"^no (?:aprendas|guardes|recuerdes|retengas|memorices) nada (?:de|del|sobre|acerca de) (?P<topic>.+)$"),
    Cue("mi entrevista, olvídala por favor", r"^(?P<topic>.+?), (?:por favor )?(?:olvídalo|olvídala|olvidalo|olvidala|bórralo|bórrala)(?:,? por favor)?$"),
)
# "Forget the loan, will you?" asks for nothing else.
_TAG = lazy_pattern(r",? (?:will|would|can|could|won't) you(?: please)?$")
# Requests without a topic of their own: they mean the current one.
_THIS = lazy_pattern(
    rf"{_EN}(?:forget|unlearn|erase)(?: about)? (?:it|that|this)(?: please)?$|{_EN}forget$|{_EN}{_ERASE} (?:it|that|this) (?:from|out of) {_MEMORY}$|{_DE}vergiss (?:es|das)(?: bitte)?$|{_FR}(?:oublie|oubliez) ça$|"
    rf"{_ES}(?:olvídalo|olvidalo|olvídelo)$"
)
# "My job. Please forget about it.": a sentence that only names something is the topic of the next one.
_FRAGMENT = lazy_pattern(
    r"^(?!.*\b(?i:is|are|was|were|will|would|can|has|have|had|do|does|did|went|goes|be)\b)"
    r"(?:(?i:about|as for|the|my|our|his|her|that)(?: [\w'-]+){1,4}|[A-Z][\w'-]*(?: [A-Z][\w'-]*){1,2})$"
)
_ALL = lazy_pattern(
    r"^(?:everything|all|all of (?:it|that)|all the (?:things|stuff))(?: (?:(?:that )?you(?:'ve| have)? (?:know|learned|learnt|ever heard)|(?:that )?(?:i've |i have |i )?(?:ever )?(?:told you|said)))?(?: about me)?$|"
    r"^alles(?:,? was (?:du (?:über mich )?weißt|du über mich gelernt hast|ich (?:dir )?(?:je )?(?:erzählt|gesagt) habe))?(?: über mich)?$|"
    r"^tout(?: ce que (?:tu sais|je t'ai (?:jamais )?dit))?(?: (?:sur|de) moi)?$|"
    r"^todo(?: lo que (?:sabes|te (?:he dicho|dije|conté)))?(?: (?:de|sobre) mí)?$"
)
_WHAT_WAS_SAID = (
    lazy_pattern(
        rf"^(?:(?:about|as for|everything|anything|nothing|none of|all|on(?= (?:the|my|our|his|her)\b)|whatever|what|that|the fact that|things|stuff|of it|thing|my conversation|"
        rf"the (?:whole )?(?:stuff|things?|part|bit|talk|conversation|story|business|matter|data)(?= (?:{_REGARDING}|that|i)\b)|"
        rf"that (?:thing|story|part)(?= (?:{_REGARDING}|that|i)\b)|with|"
        rf"{_I_SAID}|i (?:ever |just |once )?(?:said|told you|mentioned)|i shouldn't have (?:told you|said)|i should not have told you|"
        rf"(?:anything )?to do with|regarding|concerning|ever|you know|the)[ ,]+(?=\w))+"
    ),
    lazy_pattern(
        r"^(?:(?:alles|was|das|dass|die sache|die geschichte|dem gespräch|dem,|dem was|dinge|ich|je|dir|du|über|von|mit|bitte|nichts|mir|mich)[ ,]+(?=\w))+"
    ),
    lazy_pattern(
        r"^(?:(?:tout|ce que|ce qu'|je t'ai dit|je vous ai dit|j'ai dit|je te disais|tu sais|que|cette histoire|l'histoire|la conversation|à propos|au sujet|sur|de|d'|concernant|le fait)[ ,]*(?=\w))+"
    ),
    lazy_pattern(
        r"^(?:(?:todo|lo que|lo|que|te conté|te dije|le dije|te he dicho|dije|sabes|sobre|acerca de|del|de|a|la conversación|el hecho)[ ,]+(?=\w))+"
    ),
)
_TRAILING = lazy_pattern(
    r"(?:[ ,]{1,3}(?:please|(?:right )?now|right away|at once|immediately|for me|okay|ok|all right|alright|again|any ?more|fae|thanks|thank you|we (?:talked|spoke) about|(?:that )?i (?:told you|said|mentioned)|"
    r"(?:from|out of) (?:your|the) (?:memory|mind|head|training(?: data)?)|permanently|for good|for ever|forever|"
    r"(?:aus|von) (?:deinem|dem) gedächtnis|bitte|(?:gesagt|erzählt|erwähnt) (?:habe|hab)|weißt|s'il (?:te|vous) plaît|stp|por favor|nunca más))+$"
)
_CLAUSE = lazy_pattern(r"[.,;!?]|\b(?:but|because|and then|instead|aber|weil|mais|parce que|pero|porque)\b")
# "Forget the whole thing", "my last question": these mean this conversation, and give no topic to
# search for elsewhere.
_NO_TOPIC = {
    stem(word)
    for word in ["whole", "last", "first", "question", "conversation", "earlier", "before", "today", "yesterday", "answer", "message", "part", "bit", "previous", "asked", "time", "talk", "talked", "chat", "idea", "word", "sentence", "moment", "second", "mention", "mentioned", "bother", "matter", "rest", "je", "j'", "es", "das", "dies", "dieses", "diese", "gespräch", "gerade", "eben", "ich", "gesagt", "habe", "frage", "letzte", "ça", "cela", "viens", "dire", "je", "question", "dernière", "lo", "acabo", "decir", "que", "conversación", "pregunta"]
}
# fmt: on
_CUES = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH}
_PATTERNS = [(n, lazy_pattern(c.pattern)) for n, cues in enumerate(_CUES.values()) for c in cues]
_MAY_BE = lazy_pattern(
    r"forg[eo]t|unlearn|erase|expunge|banish|strike|cross|scratch|scrap|lose|dump|\bbin\b|disregard|throw|your head|remember|memor|wipe|scrub|purge|delete|remove|clear|drop|rid of|training|train |learn|mention|"
    r"bring|out of|talk|speak|refer|want to hear|keep|store|save|pretend|vergiss|vergess|vergi(?:ß|ss)t|tilge?|radier|wirf|schmeiß|lösch|streich|entfern|"
    r"merk|behalt|behält|trainier|lern|sprich|rede|erwähn|speicher|oubli|efface|supprim|retir|souvien|parle|mentionn|appren|"
    r"retien|raye|sors|chasse|ôte|saca|utilise|garde|olvid|olvíd|borra|bórra|elimina|recuerd|mencion|hables|aprend|guardes|quita",
    re.I,
)


def forget_request(text: str) -> str | None:
    """The topic that the person asks to forget, "" for "forget it", EVERYTHING, or None when this
    is no such request.

    Of several requests in one text the first that names something counts.
    """
    if not _MAY_BE.search(text):
        return None
    found, before = None, ""
    for sentence in _sentences(without_wake_word(text)):
        about = _of_sentence(sentence)
        if about == "" and _FRAGMENT.search(before):
            about = _topic(before, 0)
        if about:
            return about
        found, before = about if about is not None else found, sentence
    return found


def _sentences(text: str) -> list[str]:
    plain = " ".join(text.replace("’", "'").lstrip("¿¡ ").split())
    parts = re.split(r"(?<=[.!?;])\s+[¿¡]?", plain)
    # "The interview: please forget that", "my payslip - delete that" may also be written with a comma.
    parts = [
        re.sub(r" ?[:–—] | - ", ", ", part) for part in parts if len(part) <= _LONGEST_SENTENCE
    ]
    return [part.strip(" .!?;:,") for part in parts]


def _of_sentence(sentence: str) -> str | None:
    sentence = _without(_TAG, sentence)
    lower = sentence.lower()
    if _THIS.search(lower):
        return ""
    if _ASIDE.search(lower):
        return None
    for language, pattern in _PATTERNS:
        if found := pattern.search(lower):
            start, end = found.span("topic")
            # Lower case may be longer than the original (İ): then the lower-case form is used.
            said = sentence if len(sentence) == len(lower) else lower
            return _topic(said[start:end], language)
    return None


def _topic(said: str, language: int) -> str:
    """The topic of a request, without the words around it."""
    if _ALL.search(_plain(said)):
        return EVERYTHING
    said = _without(_TRAILING, said)
    if _ALL.search(_plain(said)):
        return EVERYTHING
    if around := _WHAT_WAS_SAID[language].match(said.lower()):
        said = said[around.end() :]
    said = _without(_TRAILING, _CLAUSE.split(said, maxsplit=1)[0]).strip()
    meaning = {stem(word) for word in words(said) if word not in STOPWORDS}
    return said if meaning - _NO_TOPIC else ""


def _plain(said: str) -> str:
    return said.lower().strip(" ,.!?")


def _without(pattern: re.Pattern, said: str) -> str:
    found = pattern.search(said.lower())
    return said[: found.start()] if found else said
