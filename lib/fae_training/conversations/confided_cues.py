"""Something private, and a request about "it", in two clauses or two sentences: "I told you about my job, don't keep it".
They are requests to forget (forget_requests.py).

Neither is a request alone: "It's rotten, get rid of it." As in forget_cues.py each private cue has a group `topic` and reads
a lower-case sentence without its end.
"""

from fae_training.conversations.cues import Cue
from fae_training.conversations.forget_cues import (
    BEGINS_EN,
    IT,
    KEEP,
    KEPT,
    LEARN_NOT,
    WHATEVER,
)
from fae_training.conversations.forget_words import I_SAID, REGARDING

# fmt: off
_TOLD = r"(?:told|mentioned|said|confided|shared|talked|spoke|let slip)"
PRIVATE = {
    "en": (
        Cue("I told you too much about the interview",
            rf"^(?:\w+ )?i (?:\w+ )?(?:have |shouldn't have |should not have )?{_TOLD}\b.{{0,60}}? (?:about|of) (?P<topic>.+)$"),
        Cue("I shouldn't have mentioned the interview",
            rf"^i (?:shouldn't|should not|should never|didn't mean to|did not mean to|wish i hadn't|regret)"
            rf" (?:have )?(?:told you|mention(?:ed|ing)?|brought up|bring(?:ing)? up|said|say|talk(?:ed|ing)?)"
            rf"(?: anything)?(?: {REGARDING})? (?P<topic>.+)$"),
        Cue("that thing about the interview",
            rf"^(?:all )?{WHATEVER} (?:{I_SAID} )?(?:\w+ ){{0,2}}?(?:about|on|with|regarding|concerning) (?P<topic>.+)$"),
        Cue("the interview is none of your business",
            r"^(?P<topic>.+?) (?:is|are|was|stays?|remains?) (?:\w+ )?(?:none of (?:your|"
            r"anyone's|anybody's) business|nobody's business|private|personal|confidential|"
            r"(?:a |my |our )?secret|between (?:us|you and me)|off the record)\b"),
        Cue("you know all that about the interview", r"^you know (?:\w+ ){1,3}?about (?P<topic>.+)$"),
        Cue("enough about the interview", r"^(?:that's |that is )?(?:enough|no more) (?:about|of) (?P<topic>.+)$"),
        Cue("keep the interview to yourself", rf"{BEGINS_EN}keep (?P<topic>.+?) (?:to yourself|private|secret|between us|quiet)$"),
        Cue("nobody should know about the interview",
            r"^(?:nobody|no one|no-one|not even \w+) (?:should|must|may|can|needs to|is supposed to|is to)(?: ever)?"
            r" (?:know|hear|learn|find out) (?:about|of) (?P<topic>.+)$"),
        Cue("I'm embarrassed about the interview",
            r"^i(?:'m| am| feel| felt| was) (?:\w+ )?(?:embarrassed|ashamed|bad|awful|sad|upset|worried|nervous|uneasy|uncomfortable) (?:about|of|over) (?P<topic>.+)$"),
        Cue("what we discussed about the interview",
            r"\b(?:what|everything|all|the (?:whole )?thing|that (?:whole )?thing|stuff|things) (?:that )?(?:i|we)(?:'ve| have)? (?:\w+ )?"
            r"(?:told|said|discussed|mentioned|talked|spoke|shared)(?: (?:you|to you|with you))?(?: \w+)? (?:about|of|on|regarding) (?P<topic>.+)$"),
        Cue("I don't want anyone to know about the interview",
            r"^(?:\w+ ){0,2}?i (?:don't|do not|never) want (?:anyone|anybody|people|you|others) (?:to know|knowing|to find out|to hear) (?:about|of) (?P<topic>.+)$"),
    ),
    "de": (
        Cue("ich habe dir vom Vorstellungsgespräch erzählt",
            r"^ich (?:habe|hab|hätte) (?:dir )?(?:\w+ ){0,3}?(?:über|von|vom) (?P<topic>.+?) (?:erzählt|gesagt|erwähnt|gesprochen)\b"),
        Cue("das Vorstellungsgespräch geht dich nichts an",
            r"^(?P<topic>.+?) geh(?:t|en) (?:dich|niemanden|keinen|euch) (?:gar )?(?:nichts|was) an$"),
        Cue("das Vorstellungsgespräch ist privat",
            r"^(?P<topic>.+?) (?:ist|sind|bleibt|bleiben) (?:\w+ )?(?:privat|geheim|vertraulich|persönlich|unter uns|mein geheimnis)$"),
        Cue("vom Vorstellungsgespräch darf niemand wissen",
            r"^(?:von|vom|über) (?P<topic>.+?) (?:darf|soll|sollte|braucht) (?:niemand|keiner) (?:etwas |was |zu )*(?:wissen|erfahren|hören)$"),
    ),
    "fr": (
        Cue("je t'ai trop parlé de l'entretien", r"^je t'ai (?:\w+ )?(?:parlé|raconté|dit) (?:trop )?(?:de |du |sur )(?P<topic>.+)$"),
        Cue("l'entretien ne te regarde pas", r"^(?P<topic>.+?),? (?:ça )?ne (?:te|vous|les) regarde(?:nt)? pas$"),
        Cue("l'entretien reste entre nous",
            r"^(?P<topic>.+?),? (?:ça |c'est )?(?:est |sont |reste(?:nt)? )?(?:entre nous|privée?s?|secrets?|confidentiel(?:le)?s?|personnel(?:le)?s?)$"),
        Cue("personne ne doit savoir pour l'entretien", r"^personne ne (?:doit|devrait) (?:rien )?savoir (?:pour|de|sur) (?P<topic>.+)$"),
    ),
    "es": (
        Cue("te conté demasiado de la entrevista",
            r"^te (?:he )?(?:conté|contado|hablé|hablado|dije|dicho) (?:\w+ )?(?:de |del |sobre )(?P<topic>.+)$"),
        Cue("la entrevista no es asunto tuyo", r"^(?P<topic>.+?) no (?:es asunto tuyo|te importa|te incumbe|es cosa tuya)$"),
        Cue("la entrevista es privada",
            r"^(?P<topic>.+?) (?:es|son|queda|quedan) (?:\w+ )?(?:privad[oa]s?|secret[oa]s?|confidencial(?:es)?|personal(?:es)?|entre nosotros)$"),
        Cue("nadie debe saber de la entrevista",
            r"^nadie (?:debe|debería|puede) (?:saber|enterarse) (?:nada )?(?:de|del|sobre) (?P<topic>.+)$"),
    ),
}
# A request about "it".
_AND = r"(?:so |and |but |also |then |well |now |just |please |fae |,)*"
ABOUT_IT = {
    "en": rf"^{_AND}(?:{BEGINS_EN[1:]})?"
          r"(?:(?:forget|unlearn|delete|erase|wipe|drop|lose|get rid of|scrap|strike|remove)(?: about)?|"
          rf"{LEARN_NOT} {KEEP}) {IT}(?: anywhere| please| either| now| (?:from|out of|in) your \w+)*$|"
          rf"^{_AND}(?:i'd|i would) (?:rather|prefer|like)(?: it)?(?: if)? you (?:didn't|don't|wouldn't|did not) {KEEP} {IT}(?: anywhere| please| in your \w+)*$|"
          rf"^{_AND}(?:i'd|i would) (?:rather|prefer|like)(?: it)?(?: if)? you (?:forgot|deleted|erased|dropped|lost)(?: about)? {IT}$|"
          rf"^{_AND}i (?:don't|do not) want (?:it|that|this) (?:to be )?{KEPT}\b",
    "de": r"^(?:und |also |aber |bitte )*"
          r"(?:(?:vergiss|lösch|lösche|streich)(?: bitte)? (?:ihn|sie|es|das|die|den)|"
          r"(?:merk|merke) dir (?:das|es|ihn|sie)(?: bitte)? nicht|"
          r"(?:speicher|speichere|behalte?|lerne?) (?:das|es|ihn|sie)(?: bitte)? nicht|"
          r"(?:bitte )?nicht (?:merken|speichern|behalten|lernen))(?: bitte| wieder| mehr)*$",
    "fr": r"^(?:alors |donc |et |s'il te plaît )*"
          r"(?:(?:oublie|oubliez|efface|supprime)(?:-l[ea]s?| ça| cela)|"
          r"ne (?:le|la|les) (?:garde|retiens|mémorise|enregistre) pas|n'en (?:garde|retiens) rien)(?: s'il te plaît| stp)*$",
    "es": r"^(?:así que |y |pero |por favor )*"
          r"(?:olvíd[ae]l[oa]s?|olvidal[oa]s?|bórral[oa]s?|elimínal[oa]s?|"
          r"no l[oa]s? (?:guardes|recuerdes|aprendas|menciones|memorices))(?: por favor)*$",
}
# fmt: on
