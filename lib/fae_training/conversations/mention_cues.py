"""The forms in which people say that they do not want to hear of something any more: "don't talk about X", "stop bringing
X up", "no more about X". They are requests to forget (forget_requests.py).

As in forget_cues.py each cue has a group `topic` and reads a lower-case sentence without its end. Without "again" or "any
more" such a sentence may also be advice or an instruction for a text, so it counts only with something of one's own or a
name, and never in a message about something to be written.
"""

from fae_training.conversations.cues import Cue, one_of
from fae_training.conversations.forget_cues import BEGINS_EN, LEARN_NOT
from fae_training.conversations.forget_cues_de_fr_es import BEGINS_DE, BEGINS_ES, BEGINS_FR
from fae_training.conversations.forget_words import (
    DE_FROM_NOW_ON,
    DE_NO_MORE,
    FROM_NOW_ON,
    MENTION,
    NO_MORE,
    TALK_OF,
)

# fmt: off
_TALKING_OF = one_of(
    "talking (?:to me )?(?:about|of), going on about, harping on (?:about)?, speaking (?:to me )?(?:of|about), "
    "asking (?:me )?about, bringing up, mentioning, discussing, reminding me (?:of|about)"
)
# Not "talk about money to my mother", "mention the price in the mail".
_ELSEWHERE = one_of(
    r"in(?! (?:the )?future), into, (?<!now )on, onto, at, before, after, during, without, until, while, when, if, unless, "
    r"behind, first, yet, like, too, here, there, as, to (?!me\b)\w+, with (?!me\b)\w+, "
    "and (?:tell|play|sing|read|start|just|let|get|do|go|show|help|talk|be)"
)
_NOWHERE_ELSE = rf"(?!.*\b{_ELSEWHERE}\b)"
_MY_OWN = (
    rf"{_NOWHERE_ELSE}(?:my|our|his|her|their|that|this|the) (?!name\b|devil\b|way\b)[\w'-]+(?: [\w'-]+){{0,5}}"
)
# A name is written with a capital; in speech that is all lower case it is a word that is nothing else here.
_NO_NAME = one_of(
    r"it, that, this, him, her, them, me, us, you, yourself, myself, anything, everything, nothing, something, stuff, "
    r"things?, to, how, what, why, a, an, so, \d\w*, one, two, three, four, five"
)
_NAMED = rf"{_NOWHERE_ELSE}(?!{_NO_NAME}\b)[\w'-]+(?: [\w'-]+){{0,3}}"
_ABOUT = rf"(?:{_MY_OWN}|{_NAMED})"
_MINE = rf"{_NOWHERE_ELSE}(?:my|our) (?!name\b)[\w'-]+(?: [\w'-]+){{0,5}}"
_NO_PRONOUN = r"(?!(?:me|us|them|him|her|it|that|this|those|these|everything|the|a|one)\b)"
_OUR_TALK = (
    r"(?:(?:our|these|this|the|any|all|your) (?:\w+ )?(?:conversations?|talks?|chats?|answers?|discussions?))"
)
# Words in a message that asks for a text, whose "don't mention the price" is about that text.
_TEXT_WORDS = {
    "en": "write, draft, compose, rewrite, rephrase, summari[sz]e, summary, translate, letter, e-?mails?, mail, essay, poem, "
          "story, speech, toast, report, article, blog, tweet, post, paragraphs?, script, presentation, slides?, "
          "cover letter, résumé, resume, cv, application, review, caption, prompt, card, invitation, lyrics, dialogue, "
          "sentences?, words? or less, interview question",
    "de": r"schreib\w*, verfass\w*, brief, rede, aufsatz, gedicht, bewerbung, text",
    "fr": r"écri\w+, rédige\w*, lettre, courriel, discours, poème, texte",
    "es": r"escrib\w+, redacta\w*, carta, correo, discurso, poema, texto",
}
TEXT_TASK = rf"\b{one_of(', '.join(_TEXT_WORDS.values()))}\b"
# "The cellar is off limits": where nobody may go.
_PLACES = one_of(
    "cellar, kitchen, room, bedroom, bathroom, garden, yard, beach, park, pool, lake, area, zone, building, road, street, site, sofa, couch, "
    "bed, house, office, attic, garage, island, floor, roof, shed, fridge, cupboard, drawer, wing, path, trail, city, town, country, border, "
    "subject, topic, deal, offer, option"
) + r"s?\b"
_ENOUGH = (
    r"(?:shut up|give it a rest|lay off|quit it|knock it off|enough|that's enough|that is enough|get over it)(?: already| now)?"
)
ENGLISH = (
    Cue("don't bring the interview up again",
        rf"{BEGINS_EN}{LEARN_NOT} (?:even )?bring (?P<topic>.+?) up(?: to me| with me)?,? {NO_MORE}$"),
    Cue("don't bring the interview into our conversations",
        rf"{BEGINS_EN}{LEARN_NOT} (?:bring|drag) (?P<topic>.+?) into (?:it|this|{_OUR_TALK})(?: {NO_MORE})?$"),
    Cue("don't mention the interview to me from now on",
        rf"{BEGINS_EN}{LEARN_NOT} (?:even )?{MENTION} (?:anything (?:about|of) )?(?P<topic>.+?)(?: to me| with me| around me)?,? {NO_MORE}$"),
    Cue("don't talk about the interview with me",
        rf"{BEGINS_EN}{LEARN_NOT} (?:even )?{TALK_OF} (?P<topic>{_MY_OWN})(?: to me| with me| around me)?$"),
    # Marked by the group `name`: only with a capital.
    Cue("don't mention Interview", rf"{BEGINS_EN}{LEARN_NOT} (?:even )?{TALK_OF} (?P<topic>(?P<name>){_NAMED})$"),
    Cue("don't talk about interviews with me", rf"{BEGINS_EN}{LEARN_NOT} (?:even )?{TALK_OF} (?P<topic>{_NAMED}) (?:to|with|around) me$"),
    Cue("don't bring up my interview", rf"{BEGINS_EN}{LEARN_NOT} (?:even )?{MENTION} (?P<topic>{_MINE})$"),
    Cue("never bring up the interview", rf"{BEGINS_EN}never (?:ever )?{MENTION} (?P<topic>{_MY_OWN})$"),
    Cue("don't remind me of my interview", rf"{BEGINS_EN}{LEARN_NOT} remind me of (?P<topic>{_MINE})(?: {NO_MORE})?$"),
    Cue("I don't want us to talk about the interview",
        rf"^i (?:don't|do not|never|no longer) want (?:us|you|anyone|anybody|people) to"
        rf" (?:ever )?(?:{MENTION}|hear (?:about|of)|remind me of) (?P<topic>{_ABOUT})(?: {NO_MORE})?$"),
    Cue("I'd prefer it if you stopped bringing up the interview",
        rf"^(?:i'd|i would|it would be (?:nice|good|great|better)) ?(?:rather|prefer(?: it)?|"
        rf"like it|appreciate it|be glad|be happy|)(?: if)? you (?:stopped|quit) {_TALKING_OF} (?P<topic>{_ABOUT})$"),
    Cue("you are not to mention the interview",
        rf"^(?:{FROM_NOW_ON},? )?you(?:'re| are) (?:not|never) (?:allowed (?=.*\b(?:my|our)\b))?to (?:ever )?(?:{MENTION}|"
        rf"remember|keep|store|learn(?: from)?|memori[sz]e|know)(?: anything)?(?: about| of)? (?P<topic>{_ABOUT})$"),
    Cue("stop talking about the interview", rf"{BEGINS_EN}(?:stop|quit|cease|no more|enough with) {_TALKING_OF} (?P<topic>{_ABOUT})$"),
    Cue("stop bringing the interview up", rf"{BEGINS_EN}(?:stop|quit) bringing (?P<topic>{_ABOUT}) up(?: all the time| again)?$"),
    Cue("I want you to stop talking about the interview",
        rf"^(?:i want|i'd like|i need|i would like|i wish|can|could|will|would) (?:you(?: to| would)?|us to)"
        rf" (?:please )?(?:stop|quit) {_TALKING_OF} (?P<topic>{_ABOUT})$"),
    Cue("shut up about my interview", rf"{BEGINS_EN}{_ENOUGH} (?:about|with|of) (?P<topic>{_MINE})$"),
    Cue("give it a rest with Interview", rf"{BEGINS_EN}{_ENOUGH} (?:about|with|of) (?P<topic>(?P<name>){_NAMED})$"),
    Cue("nothing about the interview any more", rf"{BEGINS_EN}nothing (?:more )?(?:about|of|on) (?P<topic>{_ABOUT}?),? {NO_MORE}$"),
    Cue("I don't want to hear another word about the interview",
        rf"{BEGINS_EN}i (?:don't|do not|never) want to hear (?:another|one more|a single) (?:word|thing) (?:about|of|on) (?P<topic>{_ABOUT})$"),
    Cue("let us not speak of the interview again",
        rf"{BEGINS_EN}(?:not|never) {MENTION} (?P<topic>{_ABOUT}?),? {NO_MORE}$"),
    Cue("no more about the interview",
        rf"{BEGINS_EN}no more(?: (?:talk|talking|mention|words?|news|questions?|stories|"
        rf"chat|jokes|comments?|remarks?))?,? (?:about|of(?= (?:my|our|the|that|this)\b)) (?P<topic>{_ABOUT})$"),
    Cue("no more Interview talk", rf"{BEGINS_EN}no more (?P<topic>(?P<name>){_NAMED}) (?:talk|chat|stories|jokes)$"),
    Cue("no more of the interview talk", rf"{BEGINS_EN}no more (?:of )?(?P<topic>{_MY_OWN}) (?:talk|chat|stories|jokes)$"),
    Cue("no more talk of the interview",
        rf"{BEGINS_EN}(?:no more|no) (?:talk|talking|mention|mentions|mentioning) of (?P<topic>{_ABOUT})$"),
    Cue("not another word about the interview",
        rf"{BEGINS_EN}not (?:another|one more|a) (?:single )?(?:word|mention|thing) (?:about|of|on) (?P<topic>{_ABOUT})$"),
    Cue("drop the subject of the interview",
        rf"{BEGINS_EN}(?:drop|leave|close|avoid|bury|skip|stay (?:off|away from)|"
        rf"keep (?:off|away from)|steer clear of) the (?:whole )?(?:subject|topic|matter|question) of (?P<topic>{_ABOUT}?)(?: alone| be| behind(?: us)?)?$"),
    Cue("the subject of the interview is closed",
        r"^the (?:whole )?(?:subject|topic|matter|issue) of (?P<topic>.+?) is (?:now |"
        r"officially )?(?:closed|over|off[ -]limits|taboo|off the table|done|dead|not to be (?:raised|mentioned|discussed))(?: for (?:me|good|ever)| from now on| now| here)?$"),
    Cue("the interview is a closed subject",
        r"^(?P<topic>(?:my|our|the|that|this|everything|anything) .+?) (?:is|are) (?:now )?(?:a |an )?(?:(?:closed|off[ -]limits|"
        r"taboo|forbidden|no[ -]go) (?:subject|topic|matter)s?|(?:off[ -]limits|taboo) as a (?:subject|topic))(?: from now on| now)?$"),
    Cue("the interview is off limits",
        rf"^(?!.*\b{_PLACES})(?P<topic>(?:my|our|the|that|this|everything|anything) .+?) (?:is|are) (?:now |strictly |completely |totally )?(?:off[ -]limits|taboo|a no[ -]go|"
        r"off the table|not up for discussion|not to be (?:mentioned|discussed|brought up)|a sore (?:point|subject|spot))(?: from now on| now| for (?:me|us|you|good))?$"),
    Cue("Interview is off limits",
        r"^(?P<topic>(?P<name>)[\w'-]+) (?:is|are) (?:now )?(?:off[ -]limits|taboo|off the table|not up for discussion)(?: from now on| now| for (?:me|us|you|good))?$"),
    Cue("leave my interview out of it",
        rf"{BEGINS_EN}(?:leave|keep) (?P<topic>{_MINE}) out of (?:it|this|everything|{_OUR_TALK})(?: {NO_MORE})?$"),
    Cue("leave Interview out of it", rf"{BEGINS_EN}(?:leave|keep) (?P<topic>(?P<name>){_NO_PRONOUN}[\w'-]+) out of (?:it|this|everything)(?: {NO_MORE})?$"),
    Cue("leave interviews out of our chats", rf"{BEGINS_EN}(?:leave|keep) (?P<topic>{_NO_PRONOUN}[\w'-]+) out of {_OUR_TALK}(?: {NO_MORE})?$"),
    Cue("leave my interview out from now on",
        rf"{BEGINS_EN}(?:leave|keep) (?P<topic>{_MINE}) out,? {FROM_NOW_ON}$"),
    Cue("leave Interview out from now on", rf"{BEGINS_EN}(?:leave|keep) (?P<topic>(?P<name>){_NO_PRONOUN}[\w'-]+) out,? {FROM_NOW_ON}$"),
    Cue("I never want to speak of the interview again",
        rf"^(?:i|we)(?:'d| would)? (?:(?:never|do not|don't|no longer|would rather not|"
        rf"rather not|prefer not to) )+(?:ever )?(?:want to |wish to |like to |care to )?(?:(?:hear|"
        rf"talk|speak|think|be reminded|be asked)(?: anything)? (?:about|of)|discuss) (?P<topic>.+?),? {NO_MORE}$"),
    Cue("I don't want the interview brought up again",
        rf"^i (?:don't|do not|never) want (?P<topic>.+?) (?:to be )?(?:mentioned|brought up|raised|discussed|talked about|spoken of)(?: to me)?,? {NO_MORE}$"),
    Cue("I'm done talking about the interview", rf"^i(?:'m| am) (?:done|finished|through) {_TALKING_OF} (?P<topic>{_ABOUT})$"),
    Cue("pretend the interview never happened",
        rf"{BEGINS_EN}(?:pretend|act as if|act like)(?: that)? (?P<topic>.+?) (?:never happened|didn't happen|did not happen)$"),
    # Not "pretend gravity doesn't exist".
    Cue("pretend my interview never existed",
        rf"{BEGINS_EN}(?:pretend|act as if|act like)(?: that)? (?P<topic>{_MINE}) (?:never existed|doesn't exist|does not exist)$"),
    Cue("pretend Interview never existed",
        rf"{BEGINS_EN}(?:pretend|act as if|act like)(?: that)? (?P<topic>(?P<name>){_NAMED}) (?:never existed|doesn't exist|does not exist)$"),
)
_DE_ABOUT = r"(?:über|von|vom|zum thema|zur sache)"
# Also what is cooked or carried can be left out of something; only one's own is taken for a topic there.
_DE_MINE = r"(?:meine?[nmr]?|unsere?[nmr]?|das thema|die sache|die geschichte) .+?"
_FR_MINE = r"(?:mon|ma|mes|notre|nos|le sujet|l'histoire) .+?"
_ES_MINE = r"(?:a )?(?:mi|mis|nuestr[oa]s?|el tema|la historia) .+?"
GERMAN = (
    Cue("sprich über das Vorstellungsgespräch nicht mehr",
        rf"{BEGINS_DE}(?:sprich|rede|red|erzähl(?:e)?)(?: mir| mit mir)?(?: bitte)? {_DE_ABOUT} (?P<topic>.+?) (?:bitte )?{DE_NO_MORE}$"),
    Cue("erzähl mir nichts mehr vom Vorstellungsgespräch",
        rf"{BEGINS_DE}(?:sprich|rede|red|erzähle?|sag|frag)(?: mir| mich| mit mir)?(?: bitte)? (?:nichts mehr|{DE_NO_MORE}) {_DE_ABOUT} (?P<topic>.+)$"),
    Cue("erwähne das Vorstellungsgespräch nie wieder",
        rf"{BEGINS_DE}(?:erwähne?|nenne?)(?: mir gegenüber)?(?: bitte)? (?P<topic>.+?) (?:bitte |mir gegenüber )*{DE_NO_MORE}$"),
    Cue("sprich das Vorstellungsgespräch nicht mehr an",
        rf"{BEGINS_DE}(?:sprich|schneide?|bring)(?: bitte)? (?P<topic>.+?) (?:bitte )?{DE_NO_MORE} (?:an|zur sprache|auf den tisch)$"),
    Cue("fang nicht wieder vom Vorstellungsgespräch an",
        rf"{BEGINS_DE}(?:fang|komm)(?: mir)?(?: bitte)? (?:nicht (?:schon )?(?:wieder|noch ?mal)|{DE_NO_MORE}) {_DE_ABOUT} (?P<topic>.+?)(?: an)?$"),
    Cue("komm mir nicht wieder mit dem Vorstellungsgespräch",
        rf"{BEGINS_DE}komm mir(?: bitte)? (?:nicht (?:schon )?(?:wieder|noch ?mal)|{DE_NO_MORE}) mit (?P<topic>.+)$"),
    Cue("vom Vorstellungsgespräch will ich nichts mehr hören",
        rf"^{_DE_ABOUT} (?P<topic>.+?) (?:will|möchte|mag) ich (?:{DE_NO_MORE}|nichts mehr|kein wort mehr)(?: etwas| was)? (?:hören|reden|sprechen|wissen)$"),
    Cue("hör auf, über das Vorstellungsgespräch zu reden",
        rf"{BEGINS_DE}(?:hör|höre|hören sie)(?: bitte)?(?: endlich)? auf,? {_DE_ABOUT} (?P<topic>.+?) zu (?:reden|sprechen|erzählen)$"),
    Cue("kannst du aufhören, über das Vorstellungsgespräch zu reden",
        rf"^(?:kannst|könntest|würdest|willst|ich (?:will|möchte), dass) du (?:bitte |"
        rf"endlich |mal )*(?:aufhören|aufhörst),? {_DE_ABOUT} (?P<topic>.+?) zu (?:reden|sprechen|erzählen)$"),
    Cue("hör auf mit dem Thema Vorstellungsgespräch",
        rf"{BEGINS_DE}(?:hör|höre)(?: bitte| endlich)? auf mit (?P<topic>(?:dem thema|der sache|der geschichte) .+)$"),
    Cue("kein Wort mehr über das Vorstellungsgespräch",
        rf"{BEGINS_DE}(?:kein (?:einziges )?wort|nichts|keine silbe) mehr {_DE_ABOUT} (?P<topic>.+)$"),
    Cue("über mein Vorstellungsgespräch möchte ich nicht sprechen",
        rf"^{_DE_ABOUT} (?P<topic>(?:meine?[nmr]?|unsere?[nmr]?|die|das|den) .+?) (?:will|möchte|mag) ich (?:{DE_NO_MORE}|nicht|nichts|nie) (?:sprechen|reden|hören)$"),
    Cue("lass das Thema Vorstellungsgespräch ruhen",
        rf"{BEGINS_DE}(?:lass|lassen wir|lasst uns) (?:bitte )?(?P<topic>das thema .+?)(?: bitte|"
        rf" endlich| jetzt)?(?: (?:ruhen|sein|fallen|bleiben|beiseite|weg))?$"),
    Cue("das Thema Vorstellungsgespräch ist tabu",
        r"^(?P<topic>das thema .+?) ist (?:ab jetzt |jetzt |für mich )?(?:tabu|erledigt|durch|beendet|gestorben|vom tisch|abgeschlossen)$"),
    Cue("lass das Vorstellungsgespräch künftig aus dem Spiel",
        rf"{BEGINS_DE}(?:lass|lassen wir|halte?) (?:bitte )?(?P<topic>.+?) (?:(?:bitte|"
        rf"{DE_FROM_NOW_ON}) )*(?:aus dem spiel|(?:aus|von) (?:unseren|den) gesprächen(?: raus| heraus| fern)?)$"),
    Cue("lass mein Vorstellungsgespräch außen vor",
        rf"{BEGINS_DE}(?:lass|lassen wir|halte?) (?:bitte )?(?P<topic>{_DE_MINE}) (?:(?:bitte|{DE_FROM_NOW_ON}) )*(?:außen vor|da raus)$"),
    Cue("ich will nicht mehr über das Vorstellungsgespräch reden",
        rf"^(?:ich|wir) (?:will|wollen|möchten?|mag) (?:bitte )?(?:{DE_NO_MORE}|nichts mehr)(?: etwas| was)?"
        rf" {_DE_ABOUT} (?P<topic>.+?) (?:reden|sprechen|hören|wissen|nachdenken)$"),
    Cue("wir reden nicht mehr über das Vorstellungsgespräch",
        rf"^(?:ab jetzt )?(?:wir (?:reden|sprechen)|lass uns|reden wir|sprechen wir) (?:bitte )?{DE_NO_MORE} {_DE_ABOUT} (?P<topic>.+?)(?: reden| sprechen)?$"),
    Cue("tu so, als hätte es das Vorstellungsgespräch nie gegeben",
        rf"{BEGINS_DE}tu(?: bitte)? so, als (?:hätte es|wäre|gäbe es) (?P<topic>.+?) (?:nie gegeben|nie passiert|nicht)$"),
)
_FR_NO_MORE = r"(?:plus jamais|jamais plus|plus)"
_FR_OF = r"(?:de la |de l'|du |des |de |d')"
_FR_ON = rf"(?:sur |à propos {_FR_OF}|au sujet {_FR_OF}|concernant |{_FR_OF})"
FRENCH = (
    Cue("arrête de parler de l'entretien",
        rf"{BEGINS_FR}(?:arrête|arrêtez|cesse|cessez)(?: donc)? de (?:me |m')?(?:parler {_FR_OF}|"
        rf"reparler {_FR_OF}|mentionner |évoquer |rappeler )(?P<topic>.+)$"),
    Cue("arrête avec le sujet de l'entretien",
        rf"{BEGINS_FR}(?:arrête|arrêtez|cesse)(?: donc)? avec (?:cette histoire|le sujet|ce sujet|cette affaire) {_FR_OF}(?P<topic>.+)$"),
    Cue("ne me parle plus de l'entretien",
        rf"{BEGINS_FR}ne (?:me |m'en )?(?:parle|parlez|reparle|reparlez|parlons) (?:plus jamais|jamais plus|plus|jamais) {_FR_OF}(?P<topic>.+)$"),
    Cue("ne mentionne plus l'entretien",
        rf"{BEGINS_FR}(?:ne (?:me )?(?:mentionne|mentionnez)|ne me rappelle|n'évoque|n'évoquez) (?:plus jamais|jamais plus|plus|jamais) (?P<topic>.+)$"),
    Cue("plus un mot sur l'entretien", rf"{BEGINS_FR}(?:plus un (?:seul )?mot|pas un mot(?: de plus)?|plus rien) {_FR_ON}(?P<topic>.+)$"),
    Cue("laisse l'entretien en dehors de nos conversations",
        rf"{BEGINS_FR}laisse[zr]? (?P<topic>.+?) (?:en dehors|hors) de (?:nos conversations|nos discussions)(?: désormais| maintenant)?$"),
    Cue("laisse mon entretien en dehors de tout ça",
        rf"{BEGINS_FR}laisse[zr]? (?P<topic>{_FR_MINE}) (?:en dehors|hors) (?:de (?:tout (?:ça|cela)|ça|cela)|du coup)(?: désormais| maintenant)?$"),
    Cue("laisse tomber le sujet de l'entretien",
        rf"{BEGINS_FR}(?:laisse tomber|laissons|abandonne|évite|oublie) le sujet {_FR_OF}(?P<topic>.+)$"),
    Cue("le sujet de l'entretien est clos", rf"^le sujet {_FR_OF}(?P<topic>.+?) est (?:clos|tabou|terminé|fermé)$"),
    Cue("on ne parle plus de l'entretien",
        rf"^(?:désormais,? )?(?:qu')?on (?:ne )?(?:me )?(?:parle|reparle) {_FR_NO_MORE} {_FR_OF}(?P<topic>.+)$"),
    Cue("je ne veux plus parler de l'entretien",
        rf"^je (?:ne )?veux {_FR_NO_MORE} (?:qu'on (?:me )?parle|que tu (?:me )?parles) {_FR_OF}(?P<topic>.+)$"),
    Cue("fais comme si l'entretien n'avait jamais eu lieu",
        rf"{BEGINS_FR}(?:fais|faites) comme si (?P<topic>.+?) (?:n'avait jamais (?:eu lieu|existé)|n'existait pas)$"),
)
_ES_NO_MORE = r"(?:nunca más|más|nunca|jamás|ya más|nunca jamás)"
_ES_OWN = r"(?:el |la |los |las |mi |mis |nuestr[oa]s? |lo de ).+"
_ES_OF = r"(?:del |de |sobre |acerca de |acerca del )"
SPANISH = (
    Cue("deja de hablar de la entrevista",
        rf"{BEGINS_ES}(?:deja|deje|para|basta|dejemos) (?:ya )?de (?:hablar(?:me)? {_ES_OF}|"
        rf"mencionar(?:me)? (?:a )?|nombrar(?:me)? (?:a )?|recordarme )(?P<topic>.+)$"),
    Cue("deja ya el tema de la entrevista",
        rf"{BEGINS_ES}(?:deja|deje|dejemos|basta ya con|basta con) (?:ya |en paz )?el (?:tema|asunto) {_ES_OF}(?P<topic>.+)$"),
    Cue("no quiero que me hables de la entrevista",
        rf"^no quiero que (?:me )?(?:vuelvas a hablar(?:me)?|hables|preguntes|hablemos)(?: más| nunca más)? {_ES_OF}(?P<topic>.+?)(?: nunca más| más)?$"),
    Cue("no me hables más de la entrevista",
        rf"{BEGINS_ES}no (?:me )?(?:hables|hable|cuentes|preguntes)(?: nada)? {_ES_NO_MORE} {_ES_OF}(?P<topic>.+)$"),
    Cue("ya no me hables de la entrevista",
        rf"{BEGINS_ES}(?:ya )?no me (?:hables|menciones|cuentes|preguntes|recuerdes)(?: nada)? (?:{_ES_OF}|a )?(?P<topic>{_ES_OWN})$"),
    Cue("no me hables de la entrevista nunca más",
        rf"{BEGINS_ES}no (?:me )?(?:hables|hable) {_ES_OF}(?P<topic>.+?) (?:nunca más|más|jamás)$"),
    Cue("no me menciones más la entrevista",
        rf"{BEGINS_ES}no (?:me )?(?:menciones|nombres|saques(?= .*\btema\b))(?: {_ES_NO_MORE}) (?:a )?(?P<topic>.+)$"),
    Cue("no menciones la entrevista nunca más",
        rf"{BEGINS_ES}no (?:me )?(?:menciones|nombres|saques(?= .*\btema\b)) (?:a )?(?P<topic>.+?) (?:nunca más|más|otra vez|jamás)$"),
    Cue("no vuelvas a sacar el tema de la entrevista",
        rf"{BEGINS_ES}no (?:me )?vuelvas a (?:sacar(?= .*\btema\b)|mencionarme|hablarme {_ES_OF}|recordarme)(?: a)? ?(?P<topic>.+)$"),
    Cue("ni una palabra más sobre la entrevista",
        rf"{BEGINS_ES}(?:ni una (?:sola )?palabra(?: más)?|nada más|no más) {_ES_OF}(?P<topic>.+)$"),
    Cue("deja la entrevista fuera de nuestras charlas",
        rf"{BEGINS_ES}(?:deja|deje|dejemos|mantén) (?:a )?(?P<topic>.+?) fuera de nuestras (?:conversaciones|charlas)$"),
    Cue("deja mi entrevista fuera de esto",
        rf"{BEGINS_ES}(?:deja|deje|dejemos|mantén) (?P<topic>{_ES_MINE}) fuera de (?:esto|todo esto|ello)$"),
    Cue("el tema de la entrevista está cerrado",
        rf"^el (?:tema|asunto) {_ES_OF}(?P<topic>.+?) (?:está (?:cerrado|zanjado|prohibido|terminado)|es tabú|se acabó)$"),
    Cue("no quiero hablar más de la entrevista",
        rf"^(?:ya )?no quiero (?:volver a )?(?:hablar|oír(?: hablar)?|saber)(?: nada)? más {_ES_OF}(?P<topic>.+)$"),
    Cue("no quiero volver a hablar de la entrevista",
        rf"^(?:ya )?no quiero (?:volver a (?:hablar|oír(?: hablar)?|saber)(?: nada)?) {_ES_OF}(?P<topic>.+)$"),
    Cue("haz como si la entrevista no hubiera existido",
        rf"{BEGINS_ES}(?:haz|actúa|hagamos) como si (?P<topic>.+?) (?:nunca|no|jamás) (?:hubiera|hubiese) (?:existido|pasado|ocurrido)$"),
)
# fmt: on
CUES = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH}
