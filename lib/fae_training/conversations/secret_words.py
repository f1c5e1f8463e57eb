"""Words that indicate a secret, in English, German, French and Spanish.

Data for secrets.py: the names of secrets, and the words after such a name when it is only talked
about.
"""

from fae_training.conversations.cues import one_of

# Secrets that may be any words, such as "correct horse battery staple".
PASSWORD = one_of(
    r"pass ?words?, pass ?phrases?, pass ?codes?, pwd?, passwd, (?:secret|safe|code|magic|alarm|pass) word, "
    r"(?:wi-?fi|wlan) pass, pass (?:for|to) the (?:wi-?fi|wlan|network|bank), (?:master|wi-?fi|network|wlan|recovery|encryption) key, maiden name, security (?:question )?answer, security question, secret answer(?! to\b), "
    r"answer to (?:my|the|our) (?:security|secret) question, sicherheitsfrage, geheimfrage, réponse secrète, question secrète, respuesta secreta, "
    r"pregunta (?:secreta|de seguridad), (?:api|auth|authentication|access|bearer|refresh|session|client|deploy) (?:token|key|secret), "
    r"code (?:du )?wi-?fi, clé (?:du )?wi-?fi, clave (?:del )?wi-?fi, wlan-?code, "
    r"(?:secret|private) key(?! to\b), (?:key|words?) (?:to|for) (?:my|the|our) (?:\w+ )?wallet, "
    r"(?:[\w-]{1,20}-?)?pass(?:wort|wörter), kenn(?:wort|wörter), losungswort, (?:wlan|netzwerk)-?schlüssel, "
    r"mots? de passe, phrase secrète, contraseñas?, palabra (?:clave|secreta)"
)
# Names of things about passwords that are not passwords.
NO_PASSWORD = (
    r"(?![\s-]+(?:manager|reset|generator|game|policy|policies|protect|length|strength|hint|field"
    r"|page|prompt|check|rules?|requirements?|lock|book|safety|security|recovery|change|options?)(?!\w))"
)
# Words between the name of a password and the password.
IS = (
    r"(?:\b(?:is|was|will be|going to be|gonna be|should be|would be|used to be|has been|goes|becomes|reads|equals|ist|war|lautet|heißt|heisst|est|était|sera|es"
    r"|era|será)(?!\w)|'s|\bc'est|[:=])(?:\s+(?:now|still|simply|currently|spelled|jetzt|maintenant|ahora))?"
)
# Words that begin another clause, whose "is" does not belong to the password.
CLAUSE = one_of(
    r"and, so, but, because, that, when, if, while, since, then, i, you, he, she, we, they, can, could, has, have, "
    r"had, do, does, did, is, was, are, und, aber, weil, dass, wenn, ich, et, mais, que, je, y, pero, porque, yo"
)
IT_IS = r"(?:\bit's|\bit is|\bit was|\bc'est|\bes ist|\bit reads|\b(?:which|who) (?:is|was))"
# Words after "the password is" in talk about passwords.
TALK = one_of(
    r"not?, too, very, so, really, what, why, how, the, a, an, in, on, at, inside, under, behind, by, of, for, "
    r"from, with, being, been, wrong, right, correct, incorrect, invalid, safe, secure, strong, weak, long, "
    r"short, important, needed, required, still, always, never, something, somewhere, case, correctly, supposed, "
    r"going, gone, good, bad, better, different, same, that, this, it, my, your, our, his, her, their, enough, "
    r"like, just, only, probably, already, also, easy, hard, and, or, but, if, when, where, asked, always, "
    r"compromised, to, kept, set, lost, best, used, about, again, all, any, as, unknown, hidden, available, "
    r"able, down, i'm, it's, there, here, one, please, working, late, great, rude, fine, okay, crazy, weird, stupid, "
    r"awful, terrible, nice, funny, ridiculous, private, personal, public, mine, yours, his, hers, risky, dangerous, "
    r"fun, true, false, impossible, possible, empty, blank, old, new, simple, complex, complicated, useless, useful, "
    r"broken, full, over, time, fast, slow, crucial, critical, essential, stronger, weaker, longer, shorter, safer, safest, "
    r"envoyée?, demandée?, changée?, affichée?, enviada, "
    r"known, shown, stolen, forgotten, taken, given, frozen, sent, stuck, due, missing, "
    r"protect, access, open, unlock, be, expire, get, log, use, enter, "
    r"you, i, we, they, hardly, almost, quite, pretty, more, most, less, up, out, made, written, shown, "
    r"falsch, richtig, zu, nicht, sehr, weg, lang, kurz, sicher, unsicher, wie, das, der, die, dem, den, ein, "
    r"eine, mein, meine, im, auf, unter, bei, für, von, mit, man, was, wo, immer, noch, schon, wichtig, gut, "
    r"schlecht, gleich, abgelaufen, weil, wenn, nur, auch, "
    r"trop, pas, très, incorrecte?, faux, fausse, bon, bonne, le, la, les, un, une, dans, sur, sous, de, du, "
    r"mon, ma, quoi, que, comment, toujours, encore, court, longue?, expiré, oublié, ce, "
    r"incorrecta, muy, demasiado, no, el, en, mi, una, que, qué, cómo, tener, larga, corta, segura, mala, buena, "
    r"importante, igual, siempre, otra, del, "
    r"vergessen, verloren, überzogen, fácil, difícil, nuev[oa]s?, débil, fuerte, \w{2,20}er than, \w{2,20}er als"
)
# Words after "it's", or after a bare "password", that say something about it; as TALK, for places where anything else is a password.
DESCRIBES = one_of(
    r"managers?, reset, generator, games?, polic(?:y|ies), protect\w*, length, strength, hints?, fields?, pages?, screens?, prompts?, checks?, "
    r"checkers?, rules?, requirements?, locks?, books?, notebooks?, safety, recovery, changes?, options?, expiry, expiration, "
    r"expires?, missing, sharing, leaks?, breach(?:es)?, attacks?, hash(?:es)?, encryption, authentication, login, log, help, problems?, issues?, "
    r"questions?, trouble, tips?, ideas?, suggestions?, advice, examples?, tests?, files?, sheets?, lists?, systems?, entry, input, forms?, "
    r"dialogs?, windows?, buttons?, links?, e-?mails?, creation, practices?, keepers?, apps?, services?, software, tools?, databases?, "
    r"theft, stealers?, hygiene, fatigue, phrases?, words?, matters?, works?, needs?, keeps?, fails?, gets?, got, should, must, will, may, "
    r"might, cannot, can't, won't, doesn't, isn't, wasn't, didn't, does, did, has, have, had, is, are, was, were, means?, anymore, today, soon, first, next, either, "
    r"instead, thanks, fae, known, shown, stolen, forgotten, taken, given, frozen, sent, stuck, cards?, accounts?, numbers?, codes?, "
    r"dead, closed, open, overdue, overdrawn, negative, positive, joint, separate, free, cheap, expensive, nothing, everything, raining, sunny, hot, "
    r"cold, cool, boring, annoying, amazing, awesome, perfect, correct, urgent, done, finished, ready, over, unfair, pity, shame, joke, mess, nightmare, disaster, "
    r"sorry, valid, unstable, spotty, patchy, included, strong, back, available, important, flaky, laggy, optional, mandatory, pricey, again, "
    r"sera, serait, sont, vient, arrive, doit, peut, marche, envoyée?, changée?, enregistrée?, refusée?, llega\w*, será, viene, puede, debe, "
    r"funciona\w*, enviad[oa], cambiad[oa], guardad[oa], wird, wurde, werden, kommt, geht, funktioniert, hat, ne, n'\w+, est, ist, "
    r"been, since, because, called, named, about, not, none, yes, no, me, us, him, her, them, he, she, who, whose, let, let's, tell, please, say, said, says, set, "
    r"big, small, little, large, huge, tiny, bad, sad, happy, angry, mad, sick, ill, well, alright, normal, common, usual, typical, rare, strange, odd, silly, "
    r"smart, clever, dumb, dark, light, loud, quiet, clean, dirty, high, low, near, far, left, young, early, busy, lazy, crowded, "
    r"ancient, shaky, fibre, fiber, chaos, everywhere, error, failed, rubbish, crap, garbage, trash, magic, mesh, premium, basic, decent, upstairs, downstairs, outside, inside, polish, spanish, irish, danish, turkish, swedish, finnish, british, green, blue, red, yellow, black, white, purple, "
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day, vodafone, telekom, google, apple, microsoft, outlook, hotmail, yahoo, netgear, facebook, gmail, spotify, netflix, amazon, "
    r"paypal, instagram, comcast, verizon, virgin, orange, movistar, fritz ?box, eero, linksys, lahm, langsam, mist, schrott, lento, lenta, nul, nulle, fini, cher, "
    r"zurücksetzen, ändern, eingeben, vergessen, verloren, abgelaufen, ungültig, unsicher, manager, kaputt, leer, teuer, verschlossen, gesperrt, "
    r"oubliée?, perdue?, provisoire, requis, obligatoire, expirée?, bloquée?, fermée?, vide, cassée?, incorrect, administrateur, temporaire, "
    r"olvidada, perdida, caducada, cambiada, bloquead[oa], cerrad[oa], obligatoria, temporal, vací[oa], maestra, débil, fuerte, complicad[oa]"
)
# Where a secret opens something.
OPENS = one_of(
    r"unlock(?:s|ed|ing)?, opens?, get(?:s|ting)? (?:into|in), log(?:s|ging)? (?:into|in), sign(?:s|ing)? (?:into|in), disarms?, entsperr\w+, öffne\w*, "
    r"geht auf, komm\w* (?:rein|man), anmelden, einloggen, déverrouill\w+, ouvr\w+, entrer, désactiv\w+, desbloque\w+, abr\w+, entrar, acceder"
)
DEVICE = one_of(
    r"phone, i?phone, handy, mobile, laptop, computer, pc, mac(?:book)?, tablet, i?pad, safe, vault, door, gate, garage, alarm, locker, padlock, box, "
    r"account, app, wi-?fi, router, netflix, spotify, amazon, gmail, e-?mail, bank\w*, wallet, drive, server, rechner, tresor, tür, tor, konto, wlan, "
    r"téléphone, portable, ordinateur, coffre, porte, portail, compte, boîte, teléfono, móvil, ordenador, portátil, caja fuerte, puerta, cuenta, correo"
)
USER = one_of(
    r"user ?names?, user, users?, login, log-in, benutzer(?:name)?, nutzer(?:name)?, identifiant, utilisateur, usuario"
)
# "My gmail account", "our wifi": what somebody may name the password of next.
OWN_ACCOUNT = (
    r"\b(?:my|our|an?|the|mein\w{0,2}|unser\w{0,2}|mon|notre|mi|nuestr[oa])\s(?:[\w'-]{1,20}\s){0,3}?"
    r"(?:accounts?|log-?ins?|credentials|user ?name|wi-?fi|wlan|pass ?words?|konto|zugang|zugangsdaten|compte|identifiants?|cuenta|usuario)\b"
    r"(?! (?:managers?|executives?|of|holders?|teams?|types?|pages?|settings|statements?|directors?|handlers?|reps?)\b)"
)
# What is wrong with an account, or done with it; then "it's" says how it is.
TROUBLE = one_of(
    r"hack\w*, clos\w+, lock\w*, block\w*, not, never, no, expir\w+, overdrawn, delet\w+, suspend\w*, slow, broken, down, problem\w*, wrong, error\w*, "
    r"cancel\w*, empty, balance, transfer\w*, pay(?:ment|ments|ing|s|ed)?, money, open(?:ed)?, why, how, what, when, where, who, which, forgot\w*, lost, reset, chang\w+, switch\w*, worr\w+, hate, love, like, think, "
    r"gesperrt, gehackt, leer, geht nicht, kein\w*, gekündigt, warum, wie, vergessen, bloqué\w*, piraté\w*, fermé\w*, pas, pourquoi, comment, oublié, "
    r"bloquead\w+, cerrad\w+, hackead\w+, por qué, cómo, olvid\w+"
)
# The words of the radio alphabets, which spell a letter each, except those that are ordinary words otherwise.
RADIO_ALPHABET = """
alpha alfa bravo charlie delta echo écho eco foxtrot hotel india juliett juliet kilo lima mike november oscar papa quebec
romeo sierra tango uniform victor whiskey whisky xray yankee zulu anton berta cäsar dora emil friedrich gustav heinrich ida
julius kaufmann konrad ludwig martha nordpol otto paula quelle richard samuel siegfried theodor ulrich viktor wilhelm xanthippe
ypsilon zacharias
"""
# Between the parts of a combination, and signs on a keypad.
TURNS = "left right then links rechts dann and und et y gauche droite izquierda derecha"
SIGNS = "niner star hash pound asterisk stern raute étoile dièse asterisco almohadilla"
# Values that describe a password.
MEASURED = (
    r"\w+(?:\s+\w+)?\s+(?:characters?|letters?|digits?|chars|words|symbols|zeichen|caract\w+)\b"
)

# Secrets that are a row of digits, or of letters and digits.
CODE = one_of(
    r"pins?, pin-?code, geheim(?:zahl|nummer), codes?(?! (?:postal|promo|couleur|barres?|de conduite)), [\w-]{2,20}code, digicode, código(?! (?:postal|promocional|de barras|de conducta)), tan, puk, otp, "
    r"2fa, pass ?codes?, key ?pad, lock ?box, lock ?screen, screen lock, unlock(?:s|ed|ing)?, opens? with, "
    r"padlock, disarm\w*, punch in, open(?:s|ed)? (?:on|the (?:garage|gate|door|safe|locker|lock|padlock|box|app)), entsperr\w+, entriegel\w+, log ?in, clave, contraseña"
)
# "The error code", "the dress code": not secrets.
NO_CODE = one_of(
    r"area, error, dress, exit, status, country, zip, post, postal, promo, coupon, discount, voucher, colou?r, "
    r"source, morse, genetic, bar, qr, napoleon's, of, penal, building, machine, book, dial(?:l?ing)?, "
    r"response, hex, unicode, ascii, http, fault, airport, rolling, safety, hair, bowling, ten, lapel, vor, fehler, "
    r"postleit, airport, team, tax, chess, vitamin, knitting, dance, dancing, stitch, colou?r, weave, paint, plu"
)
VERIFICATION = one_of(
    r"texted, text(?:s|ed)? me, sms, sent me, sent (?:the|a), verif\w+, confirm\w*, log ?in, sign ?in, two[- ]factor, "
    r"2fa, authenticat\w+, one[- ]time \w+, back-?up codes?, recovery codes?, bestätig\w+, "
    r"código, code reçu, mensaje"
)
CARD_CODE = one_of(
    r"cvv2?, cvc2?, csc, security code, (?:three|four|3|4)[ -]digit code, prüf(?:nummer|ziffer), kartenprüfnummer, cryptogramme, "
    r"(?:digits|numbers?) on the (?:back|front)"
)
COMBINATION = one_of(r"combination, combo, zahlenkombination, combinaison, combinación, pattern")
ACCOUNT = one_of(
    r"account, accounts, routing, sort code, iban, (?:bic|swift)(?: code)? is, blz, konto(?:nummer)?, bankleitzahl, "
    r"numéro de compte, cuenta"
)
CARD = one_of(
    r"cards?, visa, master ?card, amex, american express, kredit-?karte, ec-?karte, giro-?karte, "
    r"carte (?:bleue|bancaire|de crédit|c'est), tarjeta"
)
NO_CARD = one_of(
    r"graphics, video, sound, library, business, birthday, score, post, wild, memory, network, report, "
    r"playing, trump, a, each, every, of, your, these"
)
IDENTITY = one_of(
    r"social(?: security)?(?: number)?, ssn, itin, ein, national insurance, ni number, nino, passport, "
    r"driv(?:er'?s?|ing) licen[cs]e, licen[cs]e number, tax(?:payer)? (?:id|number|no\.?|identification), utr, "
    r"medicare, medicaid, nhs(?: number)?, green card, v5c, "
    r"(?:steuer|sozialversicherungs|rentenversicherungs|krankenversicherungs|versicherten|personal|ausweis"
    r"|führerschein|reisepass|kunden|mitglieds|personalausweis)-?(?:nummer|id|nr\.?), idnr, reisepass, "
    r"personalausweis, führerschein, "
    r"sécurité sociale, numéro (?:fiscal|de passeport|de permis), passeport, permis de conduire, carte d'identité, "
    r"carte vitale, dni, nie, nif, pasaporte, seguridad social, carnet de conducir"
)
# "My customer number": any personal number except telephone numbers (personal.py).
NUMBERED = (
    r"(?:my|our|his|her|their|mein|meine|mon|ma|mi)"
    r"\s+(?!phone|telephone|mobile|cell|work|home|house|office|fax|lucky|favou?rite|train|flight|part|room|order"
    r"|page|seat|model|version|track|bus|contact|whatsapp|new|next|same|landline)"
    r"(?:[\w'-]{2,20}\s+){1,3}?(?:number|no\.|id|nummer|nr\.)"
    r"|(?:policy|member(?:ship)?|student|customer|patient|client|employee|insurance|reference)\s+(?:number|no\.|id)"
)
LICENCE = r"(?:licen[cs]e|product|activation|recovery|serial|cd|windows) keys?"
SEED = (
    r"(?:\b(?:seed|recovery|backup|mnemonic|wallet|metamask|ledger)\b[^.!?\n]{0,20}?\b(?:phrase|words?)\b"
    r"|\b(?:twelve|twenty[- ]four|12|24) (?:secret )?words\b)"
)
# Words of BIP 39's English list that are function words elsewhere.
SEED_WORDS = frozenset(
    """about above after again all also any because before between can down from get give have into just keep know like make
    more most much must nothing now off one only other out over own really same say should some tell than that then there
    they thing this under until very want what when where which who why will with you""".split()  # noqa: SIM905
)
WIFI = r"(?:wi-?fi|wlan|w-lan|router|hotspot|network|netzwerk|ssid)"
ACCESS = r"(?:api|access|secret|private|client|auth\w*|bearer|refresh|session|app|deploy)[\s_-]*(?:key|token|secret|password)"

# Words after a number that make it a quantity; other plurals are recognised by their ending.
UNITS = one_of(
    r"percent, per, dollars?, euros?, pounds?, cents?, am, pm, a\.m, p\.m, o'clock, bc, ad, bce, ce, people, men, "
    r"women, children, feet, foot, miles?, metres?, meters?, km, kg, grams?, gramm, ml, litres?, liters?, mm, cm, "
    r"lb, oz, hz, ghz, mhz, mb, gb, tb, kb, watts?, volts?, ohms?, degrees?, celsius, fahrenheit, kelvin, hours?, "
    r"minutes?, seconds?, days?, weeks?, months?, years?, thousand, million, billion, times, plus, minus, "
    r"uhr, jahre?, stunden?, minuten, zeilen, prozent, meter, kilometer, leute, "
    r"ans, heures?, pages?, lignes, años, horas?, páginas?, líneas, half, and a half, "
    r"more, of, in a row, square, different"
)
# Words before a number that make it a year, a price or a place in a book.
NO_VALUE_AFTER = frozenset(
    [
        "in",
        "since",
        "from",
        "until",
        "till",
        "by",
        "between",
        "before",
        "after",
        "around",
        "about",
        "during",
        "circa",
        "over",
        "under",
        "nearly",
        "almost",
        "level",
        "page",
        "pages",
        "chapter",
        "section",
        "article",
        "paragraph",
        "episode",
        "season",
        "version",
        "room",
        "platform",
        "gate",
        "step",
        "verse",
        "psalm",
        "exactly",
        "roughly",
        "only",
        "than",
        "seit",
        "bis",
        "vor",
        "nach",
        "von",
        "um",
        "ab",
        "jahr",
        "seite",
        "en",
        "dès",
        "depuis",
        "vers",
        "desde",
        "hasta",
        "hacia",
        "página",
        "año",
        "costs",
        "cost",
        "costa",
        "coûte",
        "kostet",
        "paid",
        "pays",
        "priced",
        "prints",
        "returns",
        "outputs",
    ]
)

# Somebody is about to say a secret.
ANNOUNCED = one_of(
    r"(?:i|i'll|i will|i'd|i can|i want to|i need to|let me|going to|gonna|can i|shall i|could i|i'm) (?:\w+ ){0,4}?(?:tell|give|"
    r"share|say|spell|read|save|store|send|enter|type|recite|dictate), ready, (?:want|would you like|wanna) to (?:know|hear), "
    r"the following, as follows, remember (?:this|that|the following), (?:remember|save|store|note|here is|here are|this is|these are) (?:my|our), write (?:this|it) down, "
    r"note (?:this|it) down, listen, here (?:it )?(?:is|comes), here's, take (?:this )?down, ask me, "
    r"ich sage? dir, ich geb\w* dir, ich verrate, merk dir, notier\w*, hier (?:ist|kommt), willst du wissen, "
    r"je te (?:donne|dis), je vais te, voici, note(?:z)? bien, retiens, "
    r"te (?:doy|digo|voy a), apunta, anota, aquí (?:está|va), recuerda esto"
)
# The sentence stops where the secret would be.
UNFINISHED = r"(?:\b(?:is|are|was|goes|ist|lautet|heißt|est|c'est|es|uh|um|equals)|'s|:|=|,|-|…|\.\.\.?)\s{0,3}[.…:,-]{0,5}\s{0,3}$"
ASKED = one_of(
    r"what(?:'s| is| was| are| were)?, which, tell me, remind me, repeat, say again, read (?:me )?(?:back|out), "
    r"do you (?:know|remember|have), did i (?:say|tell), welche[srn]?, wie (?:ist|lautet|war|heißt), was (?:ist|war), sag mir, "
    r"quel(?:le)?, dis-moi, rappelle, c'est quoi, cuál, qué, dime, recuérdame, enter, needs?, asks?, wants?"
)
OWN = r"\b(?:my|your|our|his|her|the|mein\w*|dein\w*|mon|ma|ton|ta|mi|tu|using|use|for)\b"
