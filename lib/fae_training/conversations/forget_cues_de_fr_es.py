"""The forms of requests to forget in German, French and Spanish, as in forget_cues.py.

Polite forms and the small words of speech are gone before they are read (plain_speech.py): "löschen Sie bitte" is "lösch".
"""

from fae_training.conversations.cues import Cue, one_of
from fae_training.conversations.forget_words import DE_FROM_NOW_ON, DE_MEMORY, DE_NO_MORE

# fmt: off
_BITTE = one_of(
    "bitte, fae, und, also, okay, ok, ach, ja, nein, jetzt, einfach, doch, mal, auch, übrigens, "
    "nochmals?, noch (?:et)?was, gut, na gut, hör mal, äh+m*, ah+, oh+, h+m+, dann, "
    f"du (?:sollst|kannst|darfst|musst|solltest), {DE_FROM_NOW_ON}"
)
BEGINS_DE = rf"^(?:{_BITTE}[ ,]+)*"
_DE_MEMORY = rf"(?:aus|von) (?:deine[mnr]|ihre[mnr]|dem|der|den) {DE_MEMORY}"
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
        r"^(?:mir wäre(?: es)? (?:sehr )?(?:lieber|lieb|recht)|ich (?:hätte|würde|wäre)(?: es)? (?:lieber|begrüßen|froh|dankbar)|es wäre (?:gut|schön|besser|nett|mir (?:sehr )?(?:lieber|lieb|recht|angenehm))),?"
        r" (?:wenn )?du (?:würdest |könntest |kannst )?(?P<topic>.+?) (?:vergisst|vergessen|löschst|löschen)(?: würdest| könntest| kannst)?$"),
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
    Cue("kannst du vergessen was ich über das Vorstellungsgespräch gesagt habe",
        r"^(?:kannst|könntest|würdest|willst) du (?:vergessen|löschen),? (?P<topic>(?:was|dass|alles) .+)$"),
    Cue("ich möchte dich bitten, das Vorstellungsgespräch zu vergessen",
        r"^ich (?:möchte|muss|wollte|darf|würde)(?: \w+)? (?:dich|sie|euch) bitten,? (?P<topic>.+?)"
        r" (?:(?:wieder )?zu (?:vergessen|löschen|streichen|entfernen)|nicht (?:mehr )?zu (?:merken|speichern|behalten|erwähnen|lernen))$"),
    Cue("ich möchte, dass du vergisst, was ich über das Vorstellungsgespräch gesagt habe",
        r"^ich (?:möchte|will|hätte gern),? (?:dass|daß) du (?:vergisst|löschst|vergessen|löschen),? (?P<topic>(?:was|dass) .+)$"),
    Cue("kannst du alles über das Vorstellungsgespräch löschen",
        r"^(?:kannst|könntest|würdest|willst) du (?P<topic>(?:alles|was),? .+?) (?:löschen|streichen|entfernen)$"),
    Cue("kannst du das Vorstellungsgespräch vergessen",
        r"^(?:bitte )?(?:kannst|könntest|würdest|willst) du (?:bitte )?(?P<topic>.+?) (?:bitte )?(?:vergessen|aus deinem gedächtnis löschen)\b"),
    Cue("könntest du vergessen, was ich über das Vorstellungsgespräch gesagt habe",
        r"^(?:bitte )?(?:kannst|könntest|würdest) du (?:bitte )?(?:vergessen|löschen), (?P<topic>was .+)$"),
    Cue("du sollst das Vorstellungsgespräch vergessen",
        r"^(?:bitte )?du (?:sollst|kannst|darfst|musst|solltest) (?:bitte )?(?P<topic>.+?) vergessen\b"),
    Cue("das Vorstellungsgespräch kannst du vergessen, bitte lösch es", r"^(?!wann\b|warum\b|was\b(?! ich)|wer\b|wie\b|wo\b)(?P<topic>.+?) (?:kannst|sollst|darfst|musst|solltest|könntest) du (?:bitte )?(?:wieder )?(?:vergessen|löschen)\b"),
    Cue("ich möchte, dass du das Vorstellungsgespräch vergisst",
        r"^ich (?:möchte|will|hätte gern),? (?:dass|daß) du (?P<topic>.+?) (?:vergisst|vergißt|löschst|vergessen|löschen)\b"),
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
    Cue("nicht auf dem Vorstellungsgespräch trainieren",
        rf"{BEGINS_DE}nicht (?:mit|aus|von|auf|an|anhand) (?P<topic>(?:de[mnr]|das|die|meine?[mnr]?|unsere?[mnr]?) .+?) (?:trainieren|lernen)$"),
    Cue("das Vorstellungsgespräch nicht zum Training verwenden",
        rf"{BEGINS_DE}(?P<topic>(?:das|die|den|meine?n?|unsere?n?|alles) .+?) nicht (?:zum|fürs|für das|für dein) (?:Training|training|Lernen|lernen) (?:verwenden|benutzen|nutzen|nehmen)$"),
    Cue("sprich nie wieder über das Vorstellungsgespräch",
        rf"{BEGINS_DE}(?:sprich|rede|erwähne?)(?: bitte)? {DE_NO_MORE}(?: über| von)? (?P<topic>.+)$"),
    Cue("lass uns das Vorstellungsgespräch vergessen",
        rf"{BEGINS_DE}lass(?:t)? uns (?:bitte )?(?!nicht\b)(?P<topic>(?!.*\bnicht\b).+?) (?:bitte )?vergessen$"),
    Cue("das mit dem Vorstellungsgespräch brauchst du dir nicht zu merken",
        r"^(?P<topic>.+?) (?:brauchst|musst|sollst|sollte?st|darfst)(?: du)? (?:dir )?(?:nicht|nie) (?:zu )?(?:merken|speichern|behalten|aufheben|lernen)$"),
    Cue("nichts über das Vorstellungsgespräch speichern",
        rf"{BEGINS_DE}(?:nichts|nicht)(?: mehr)? {_DE_SAID} (?P<topic>.+?) (?:{_DE_KEEP})$"),
    Cue("das mit dem Vorstellungsgespräch wieder vergessen",
        rf"^(?P<topic>(?:das|die sache|die geschichte|alles),? (?:was ich )?{_DE_SAID} .+?) (?:wieder )?(?:vergessen|löschen)$"),
    Cue("kannst du das Vorstellungsgespräch aus deinem Gedächtnis streichen",
        rf"^(?:kannst|könntest|würdest|willst|sollst) du (?P<topic>.+?) {_DE_MEMORY} (?:streichen|löschen|entfernen|tilgen|nehmen|werfen)\b"),
    Cue("merk dir das mit dem Vorstellungsgespräch nicht",
        rf"{BEGINS_DE}(?:merke? dir|behalte?|speichere?|lerne?|erwähne?) (?P<topic>(?:das|alles|die sache|die geschichte|das ganze),? (?:was ich )?{_DE_SAID}"
        r" .+?) (?:nicht|nie|niemals)(?: mehr| wieder)?$"),
    Cue("merk dir nicht, was ich über das Vorstellungsgespräch gesagt habe",
        rf"{BEGINS_DE}(?:merke? dir|behalte?|speichere?|lerne?|erwähne?) nicht,? (?P<topic>(?:was|dass|alles) .+)$"),
    Cue("das Vorstellungsgespräch, das vergiss wieder",
        r"^(?P<topic>.+?), (?:das|die|den|es) (?:vergiss|lösch|lösche|streich|behalte|merk dir)(?: wieder| ganz| schnell| nicht)*$"),
    Cue("das Vorstellungsgespräch, vergiss das bitte",
        r"^(?P<topic>.+?), (?:bitte )?(?:vergiss|lösch|lösche) (?:die|das|es|sie|ihn|den)(?: bitte)?$"),
)
_SVP = one_of(
    "s'il te plaît, s'il vous plaît, stp, veuillez, fae, désormais, maintenant, et, bon, alors, donc, non, oui, ok, au fait, "
    "eh bien, euh+, ah+, oh+, d'ailleurs, écoute, "
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
