"""Words that indicate personal details, in English, German, French and Spanish. Data for personal.py."""

from fae_training.conversations.cues import one_of

# Addresses.
STREET = one_of(
    r"street, st, road, rd, avenue, ave, lane, ln, drive, dr, close, crescent, boulevard, blvd, court, ct, way, "
    r"terrace, place, pl, square, mews, gardens, grove, row, hill, parade, circle, parkway, pkwy, highway, walk, "
    r"rise, view, trail, loop, heights"
)
# "12 miles down the road" is not an address.
NO_STREET_NAME = one_of(
    r"the, a, this, that, my, our, to, of, from, along, across, cross, per, on, down, in, per, and, or, by, with, for, at, "
    r"metres?, meters?, km, kilometres?, kilometers?, feet, yards?, minutes?, hours?, miles?, people, years?, days?, more, other, busy, long, percent, half, each, every, "
    r"is, was, are, at, it, an, no, same, main, only, first, second, third, next, best, right, wrong, better"
)
GERMAN_STREET = (
    r"(?:[A-ZÄÖÜ][\wäöüß.-]{1,30}(?:straße|strasse|str\.?|weg|allee|gasse|platz|ring|damm|ufer|chaussee|steig|hof|markt)"
    r"|(?:Am|An der|An den|Auf der|Auf dem|Im|In der|Zum|Zur|Unter den|Hinter der)\s+(?:[A-ZÄÖÜ][\wäöüß-]{2,20}\s?){1,2}"
    r"|[A-ZÄÖÜ][\wäöüß-]{2,20}\s(?:Straße|Str\.|Weg|Allee|Platz|Ring|Damm|Ufer))"
)
FRENCH_STREET = r"(?:rue|avenue|av\.|boulevard|bd|place|impasse|allée|chemin|quai|cours|passage|route|square|faubourg)"
SPANISH_STREET = (
    r"(?:calle|c/|avenida|avda?\.?|paseo|plaza|camino|carretera|ronda|travesía|pasaje|glorieta)"
)
LIVES = one_of(
    r"i live, i lived, we live, she lives, he lives, they live, lives (?:at|on|in), i'm at, i am at, we're at, "
    r"i grew up, i stay, my address, our address, (?:his|her|their) address, address is, address was, my home, our home, my house, "
    r"our house, my flat, my apartment, our flat, my place, new place, moved to, moved into, send it to, "
    r"send (?:this|that|them) to, deliver (?:it )?to, parcel, pick (?:\w+ ){1,3}up (?:from|at), "
    r"ich wohne, wir wohnen, wohnt, meine adresse, unsere adresse, adresse ist, gezogen, schick, "
    r"j'habite, on habite, nous habitons, habite, mon adresse, son adresse, livre[rz]? à, envoie, "
    r"vivo, vivimos, vive, mi dirección, su dirección, mi casa, envía"
)

# Telephones.
TELEPHONE = one_of(
    r"call, calls, ring, text, phone, telephone, mobile, cell, cellphone, landline, whatsapp, reach, dial, fax, tel, "
    r"extension, (?:her|him|them|me|mum|mom|dad|gran|she's|he's|they're|is|use) on, number, line, signal, contact, "
    r"handy\w*, telefon\w*, nummer, ruf\w*, anruf\w*, handynummer, mobil\w*, erreich\w*, "
    r"appelle\w*, numéro, portable, téléphone, tél, joindre, joignable, fixe, "
    r"móvil, llama\w*, teléfono, número, celular"
)
# These words are used for many kinds of numbers.
STRONG_TELEPHONE = one_of(
    r"call, ring, text (?:me|her|him|them), phone, telephone, mobile, cell, landline, whatsapp, dial, fax, "
    r"(?:my|her|his|your|our|work|home) number, "
    r"handy\w*, telefon\w*, ruf\w*, anruf\w*, appelle\w*, portable, téléphone, tél, mon numéro, móvil, "
    r"llama\w*, teléfono, mi número"
)

# E-mail.
AT = r"(?:\s(?:at|ät|arobase|arroba)\s|\s?(?:@|\(at\)|\[at\])\s?)"
DOT = r"(?:\s(?:dot|punkt|point|punto)\s|\s?(?:\(dot\)|\[dot\])\s?|\.)"
JOINT = r"(?:dot|punkt|point|punto|underscore|unterstrich|tiret(?: bas)?|dash|hyphen|minus|plus|guion(?: bajo)?|\.|_|-)"
DOMAIN = (
    r"(?:com|org|net|edu|gov|me|io|co|uk|de|fr|es|eu|at|ch|it|nl|be|ie|ca|au|us|fm|email|mail|dev|app|info|biz"
    r"|tv|ai|cloud|name|online|xyz|pt|pl|se|no|dk|fi|cat|mx|ar|br|jp|in|nz|example)"
)
MAILERS = (
    r"(?:gmail|googlemail|hotmail|outlook|yahoo|icloud|aol|proton(?:mail)?|gmx|web\.de|fastmail|posteo|live|msn"
    r"|t-online|orange|free|laposte|mailbox)"
)

# Dates of birth.
MONTH = one_of(
    r"january, february, march, april, may, june, july, august, september, october, november, december, jan, feb, "
    r"mar, apr, jun, jul, aug, sept?, oct, nov, dec, "
    r"januar, februar, märz, mai, juni, juli, oktober, dezember, "
    r"janvier, février, mars, avril, juin, juillet, août, septembre, octobre, novembre, décembre, "
    r"enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, octubre, noviembre, diciembre"
)
HOLIDAY = r"(?:christmas|new year|halloween|valentine|easter|heiligabend|silvester|weihnachten|noël|navidad)"
BIRTHDAY = one_of(
    r"birthdays?, b-?days?, date of birth, birth ?date, dob, d\.o\.b\.?, geburtsdatum, geburtstag, "
    r"date de naissance, anniversaire, cumpleaños, fecha de nacimiento"
)
RELATIVE = one_of(
    r"wife, husband, spouse, partner, boyfriend, girlfriend, fiancée?, son, daughter, child, kids?, children, "
    r"baby, mum, mom, mother, dad, father, parents, gran, grandma, grandmother, grandpa, granddad, grandfather, nan, "
    r"brother, sister, twins?, aunt, uncle, cousin, niece, nephew, friend, best friend, boss, colleague, "
    r"neighbou?r, roommate, flatmate, ex, stepson, stepdaughter, in-?laws?, mother-in-law, father-in-law, "
    r"frau, mann, sohn, tochter, mutter, vater, oma, opa, bruder, schwester, kind, kinder, freund, freundin, "
    r"femme, mari, fils, fille, mère, père, frère, sœur, soeur, copain, copine, "
    r"mujer, marido, hijo, hija, madre, padre, hermano, hermana, novia, novio, abuela, abuelo, amiga, amigo"
)

# Health. Headaches and colds pass, and people ask about them all the time, so they are not listed.
CONDITION = one_of(
    r"diabetes, diabetic, asthma, asthmatic, epilepsy, epileptic, seizures?, cancer, tumou?rs?, leuk[ae]+mia, "
    r"lymphoma, melanoma, chemo\w*, radiotherapy, dementia, alzheimer'?s?, parkinson'?s?, depression, depressed, anxiety, "
    r"bipolar, schizophreni\w+, ptsd, ocd, adhd, autis\w+, asperger'?s?, anorexi\w+, bulimi\w+, eating disorder, "
    r"panic attacks?, suicidal, self-?harm\w*, hiv(?:[ -]positive)?, aids, hepatitis, herpes, chlamydia, std, sti, "
    r"pregnant, pregnancy, miscarriage, abortion, ivf, infertil\w+, menopause, endometriosis, pcos, "
    r"migraines?, arthritis, osteoporosis, fibromyalgia, lupus, multiple sclerosis, crohn'?s, colitis, ibs, "
    r"c[o]?eliac, ulcers?, gastritis, reflux, kidney (?:stones?|disease|failure), dialysis, cirrhosis, "
    r"heart (?:attack|failure|disease|condition|surgery|murmur), stroke, arrhythmia, atrial fibrillation, pacemaker, hypertension, "
    r"(?:high|low) blood pressure, blood pressure, cholesterol, blood sugar, an[a]?emi[ac], thyroid, "
    r"hypothyroidism, hyperthyroidism, pneumonia, bronchitis, tuberculosis, shingles, eczema, psoriasis, "
    r"concussion, hernia, (?:knee|hip) replacement, surgery, biopsy, ms, (?-i:ALS), (?:(?<=has )|(?<=have )|(?<=with ))als, cfs, long covid, sleep apn[o]?ea, insomnia, "
    r"tinnitus, glaucoma, cataracts?, vertigo, scoliosis, sciatica, rehab, alcoholic, alcoholism, overdose, "
    r"addiction, viral load, inhaler, insulin, antidepressants?, allergic to \w+, allergy, allergies, "
    r"chest pain, "
    r"disabled, disability, diagnosis, "
    r"diabetes typ \d, krebs, asthma, depression(?:en)?, schwanger, parkinson, demenz, epilepsie, bluthochdruck, "
    r"migräne, blutdruck\w*, herzinfarkt, schlaganfall, allergi\w+, fehlgeburt, antidepressiva, angststörung, rheuma, "
    r"diabétique, diabète, cancer, enceinte, dépressi\w+, sclérose en plaques, asthme, épileps\w+, migraines?, "
    r"antidépresseurs?, séropositi\w+, fausse couche, hypertension, allergique, "
    r"asma, cáncer, alzhéimer, embarazada, diabétic[oa], depresión, epilepsia, migrañas?, alergi\w+, alérgic[oa], "
    r"pastillas para la tensión, hipertensión, antidepresivos, aborto, vih"
)
MEDICINE = (
    r"(?:\w{3,12}(?:pril|sartan|statin|zepam|zolam|olol|mycin|cillin|prazole|oxetine|triptyline|formin|gliptin|tidine"
    r"|azepine|apine|azole|cycline|floxacin|dipine|parin|thyroxine|afil|tropin|sone|solone|profen)|sertraline|citalopram"
    r"|escitalopram|lithium|insulin|warfarin|metformin|ritalin|adderall|xanax|valium|prozac|zoloft|lexapro|viagra"
    r"|methotrexate|levothyroxine|gabapentin|pregabalin|tramadol|oxycodone|morphine|methadone|ozempic|humira"
    r"|paracetamol|ibuprofen|aspirin|statins|beta ?blockers?|blood thinners?|steroids|antibiotics"
    r"|antidepressants?|antidepressiva|antidépresseurs?|antidepresivos|blutdrucktabletten|schilddrüsentabletten|the pill)"
)
PERSON = (
    r"(?:i|i'm|i've|i'd|we|we're|we've|he's|she's|he|she|me|myself|my|his|her|our|mum|mum's|mom|mom's|dad|dad's"
    r"|gran|grandma|grandpa|the (?:biopsy|scan|tests?|results?|doctors?|hospital|mri)"
    r"|ich|wir|er|sie|mein|meine|mir|mich|bei mir|je|j'ai|j'|il|elle|mon|ma|m'a|on m'a|tengo|estoy|soy|tiene|está"
    r"|tomo|toma|padezco|mi|mis)"
)
SUFFERS = (
    r"(?:have|has|had|having|got|get|getting|suffer(?:s|ing|ed)?|diagnosed|develop(?:s|ed)?|am|i'm|is|was|been|be|being|"
    r"he's|she's|mum's|mom's|dad's|take|takes|taking|took|on|started|starting|stopped|beat|fighting|battling|recovering|"
    r"caught|survived|treated|living|put|need|needs|positive|came back|i've|we've|my|his|her|our|their|ran out|double|"
    r"habe|hat|hatte|bin|ist|war|leide|leidet|nehme|nimmt|festgestellt|diagnostiziert|bekommen|wurde|"
    r"ai|j'ai|a|suis|est|souffre|prends|prend|diagnostiqué|"
    r"tengo|tiene|soy|es|estoy|está|padezco|padece|sufro|sufre|tomo|toma|diagnosticaron)"
)
# "My horoscope says I'm a cancer": the word means something else here.
NO_CONDITION = one_of(
    r"horoscope, zodiac, economy, market, joke, laughing, computer, laptop, great, film, movie, show, "
    r"research, institute, novel, book, to mondays, adventure, wedding"
)
