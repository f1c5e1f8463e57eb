"""How people ask for what only a tool can do: the table that tool_requests.py reads.

tests/test_tool_requests.py runs each example. Every repetition in a pattern is bounded, or cannot
match in two ways, so the time is proportional to the length of the text. The file is longer than
others because it is a table.
"""

# fmt: off
from fae_training.conversations.cues import Cue, one_of

# Up to so many words between a verb and what it is about, none of which turns to another subject.
_SOME = r"(?:(?!(?:of|about|for|on|in|that|which|to|with|from)\b)[\w'’.-]+ ){0,4}?"
_MINE = (
    r"(?:all )?(?:of )?"
    r"(?:my|our|the|that|this|those|these|any|new|latest|last|unread|today's|tomorrow's)"
)
_KEPT = one_of(
    "e-?mails?, inbox, mails?, messages?, voicemails?, calendar, schedule, agenda, diary, "
    "contacts?, address book, reminders?, notes?, photos?, files?, folders?, documents?, "
    "pdfs?, downloads, desktop, screenshots?, screen, clipboard, appointments?, meetings?, "
    "alarms?, timers?, invoices?, bookmarks, to-?dos?, (?:to-?do|shopping|grocery|task) list"
)
_WHEN_OR_NEAR = one_of(
    "right now, at the moment, currently, today, tonight, tomorrow, this "
    "(?:morning|afternoon|evening|week|weekend|year|month), last night, yesterday, near(?:by| "
    "me| here| us), around here, closest, nearest, next, latest, open now, monday, tuesday, "
    "wednesday, thursday, friday, saturday, sunday"
)
_PLACE = one_of(
    "hotels?, motels?, flights?, restaurants?, rooms?, tickets?, tables?, taxis?, cabs?, "
    "uber, rides?, bus(?:es)?, trains?, concerts?, events?, match(?:es)?, movies?, films?, "
    "songs?, music, apartments?, flats?, cars?, appointments?, doctors?, dentists?, "
    "counsel+ors?, therapists?, psychologists?, psychiatrists?, dermatologists?, stylists?, "
    "salons?, hairdressers?, attractions?, museums?, parks?, pharmac(?:y|ies), supermarkets?, "
    "petrol stations?, gas stations?, cinemas?, theat(?:er|re)s?, reservations?, spots?, "
    "dramas?, comed(?:y|ies), romances?, houses?, homes?, something "
    "(?:interesting|fun|else|to do)"
)
# Nobody wants one of these in a conversation only.
_BOOKED = one_of(
    r"hotel, hotels, motel, flights?, (?:hotel )?rooms?, bedrooms?, tickets?, taxi, cab, "
    r"apartments?, concerts?, (?:\w+ )?events?, matches, bus, counsel+or, therapist, "
    r"psychologist, attractions?, park, museum, diner, restaurants?, places? (?:serving|that "
    r"serves|to eat|to stay)"
)
_NOW_QUESTION = one_of(
    "who (?:won|is|'s|are|plays?), who's, how much (?:is|are|does|do), how many, what time "
    "(?:is|does|do|are|did), when (?:is|does|do|are|did|will), is there, are there, "
    "where(?:'s| is| are| can), did, what(?:'s| is| are) (?:the )?(?:price|score|exchange "
    "rate|traffic|status|cheapest|best|time|stock)"
)
_PLAYED = one_of(
    "song, track, one, music, video, podcast, episode, playlist, part, chapter, radio, alarm, "
    "timer, tv, film, movie, sound, call, mic, microphone"
)
_QUESTION = one_of(
    "what, whats, what's, whose, who(?! wrote| sang| painted), who's, was there, were there, "
    "when, where, which, is, are, any, do i, do we, does, did, will, would, have i, has, how "
    "(?:warm|cold|hot|busy|late|long|are the|is the|was the)"
)
_OWN = one_of(
    "calendar, agenda, diary, journal, appointments?, dentist, reminders?, timers?, "
    "alarms?(?! clock), inbox, e-?mails?, newsletter, contacts, screenshots?, screen, camera, "
    "webcam, downloads, desktop, clipboard, playlist, voicemails?"
)
_CHANGE_TIMER = one_of(
    "set, start, stop, cancel, snooze, add, create, delete, make, pause, turn (?:on|off), "
    "change, remove, disable, see, show, check, bring, pull, list, view, have, put, get, "
    "reset, silence, dismiss"
)
_WEATHER_WORD = one_of(
    r"the, a, an, about, what, how, whats, is, what's, how's, current, local, latest, today's, "
    r"information, informations, details?, report, on, for, of, \w+day's"
)
_LOOK_FOR = one_of(
    "find(?! out), book, reserve, rent, hire, get, show, search, look, check, looking, "
    "searching, seeking, finding, how about, see if there(?: is| are|'s)"
)
_MESSAGE = one_of(
    "e-?mails?, messages?, mails?, texts?, notifications?, calls?, voicemails?, meetings?, "
    "appointments?, events?, reminders?, letters?, invitations?"
)
_DEVICE = one_of(
    "lights?, lamps?, doors?, alarm, blinds, curtains, vacuum, robot, washing machine, "
    "dishwasher, heating, thermostat, volume, brightness, recording"
)
_MACHINE = one_of(
    "machine, vacuum, hoover, washer, washing, dryer, dishwasher, kettle, oven, heating, "
    "robot, tv, fan, sprinklers?, car"
)
_READ = one_of(
    "read, check, open, show, search, find, get, look, go, delete, archive, see, list, clear, "
    "print, browse, scan, review, view, locate, copy, move, back up, tidy up, sort, clean up, "
    "empty"
)
_NEWS_WORD = one_of(
    "me, us, the, today's, latest, new, newest, any, some, top, happening, in, world, local, "
    "about, breaking, morning, on, sports?, all, more, interesting"
)
_FILE = one_of(
    "files?, folders?, director(?:y|ies), documents?, pdfs?, spreadsheets?, attachments?, "
    "screenshots?, photos?, downloads, trash"
)
_APPOINTMENT = one_of(
    "appointments?, meetings?, calls?, flight, dinner, lunch, events?, reservation, booking, "
    "subscription, order, session, class"
)
_WISH_FOR = one_of(
    "want, need, like, prefer, see, watch, attend, visit, visiting, go to, check out, "
    "interested in, eat, listen to, hear, buy"
)
_PICTURE = one_of(
    "screenshot, screen shot, photo, photograph, picture, selfie, snapshot, screen recording, "
    "recording, video"
)
_CHANGE_REMINDER = one_of(
    "set, create, add, make, delete, cancel, show, list, read, give, clear, snooze, change, "
    "move, remove, schedule"
)
_WROTE = one_of(
    "written, replied, answered, emailed, texted, called, messaged, write, reply, answer, "
    "email, text, call"
)
_WHEN_OR_WHERE = one_of(
    "in, for, on, at, of, there, here, today, tomorrow, tonight, please, conditions?, "
    "forecast, report, now, outside, this, next, need, like"
)

# At the beginning of a clause.
CUES = {
    "calendar": (
        Cue("what's on my calendar tomorrow",
            r"(?:what|when|where|who|is|are|am|do|have)\b.{0,80}\b(?:on|in|to|by) (?:my|our|the) "
            r"(?:calendar|schedule|agenda|diary)\b"),
        Cue("do I have anything on Friday",
            r"(?:do|have|did) (?:i|we) (?:have |got )?"
            r"(?:anything|something|any plans|plans|a meeting|any meetings|an appointment|time)\b"),
        Cue("cancel my nine o'clock",
            r"(?:cancel|move|postpone|push) (?:my|the|our) (?:\w+ ){1,2}?o'clock\b"),
        Cue("snooze for ten minutes", r"snooze\b"),
        Cue("what meetings do I have after lunch",
            r"(?:what|which|how many) (?:\w+ ){0,2}?"
            r"(?:meetings?|appointments?|events?|calls?|classes|lessons) (?:do|have) (?:i|we)\b"),
        Cue("are we free on Thursday", r"(?:am i|are we) (?:free|busy|available|booked)\b"),
        Cue("what does my day look like",
            r"what(?:'s| is| does| do| have) (?:my|our|i|we)\b.{0,30}\b"
            r"(?:day|week|afternoon|morning|evening)\b"),
        Cue("when is my next appointment",
            r"(?:when|what time|where)(?:'s| is| are) (?:my|our) "
            r"(?:next|first|last|\w+ ?(?:appointment|meeting|flight|call))"),
        Cue("schedule a call with the plumber for Monday",
            r"(?:schedule|book|reserve|arrange) "
            r"(?:an?|the|my|our|me|us|that|this|it|another|some|one|two|three|four|\d+|dinner"
            r"|lunch|tickets?)\b"),
        Cue("cancel the meeting with Jonas",
            rf"(?:move|reschedule|postpone|cancel|shift|push|bring forward|delete) {_MINE} "
            rf"{_SOME}{_APPOINTMENT}\b"),
        Cue("put dinner with Ana in my calendar",
            r"(?:add|put|create|make|move|set up|enter|block)(?: out)? (?:[\w'’,:-]+ ){1,9}?"
            r"(?:in|on|to|into|onto|from) (?:my|our|the) (?:\w+ )?"
            r"(?:calendar|schedule|agenda|diary)\b"),
        Cue("set up a meeting with Ana",
            r"(?:create|set up|add|make|organi[sz]e) (?:an?|another|the) (?:\w+ ){0,2}?"
            r"(?:meeting|appointment|event|call|video call)s? "
            r"(?:with|for|on|at|tomorrow|today|next)\b"),
        Cue("pencil in a coffee with Theo on Wednesday", r"pencil in\b"),
        Cue("push my two o'clock back by an hour",
            r"(?:push|move|put|shift) (?:my|the|our) .{1,30}\b(?:back|forward|up) "
            r"(?:by|to|an?|one|half)\b"),
        Cue("invite John to the party", r"invite (?!me\b)\w"),
        Cue("change my haircut to four o'clock",
            r"(?:change|move|shift) (?:my|the) .{1,40}\b(?:to|until|till|by) "
            r"(?:\d|one|two|three|four|five|six|seven|eight|nine|ten|noon|half|\w+day\b|tomorrow"
            r"|next)"),
        Cue("what do I still have to do today",
            r"what (?:do|else do) (?:i|we) (?:still )?(?:have|need) (?:to do|on|left|planned)\b"),
    ),
    "reminders": (
        Cue("remind me to water the plants",
            r"remind (?:me|us) (?!what|how|who|why|which|where|of\b)\w"),
        Cue("don't forget to wake me", r"(?:don't|do not) (?:let me )?forget to\b"),
        Cue("don't let me forget the bins", r"(?:don't|do not) let me forget\b"),
        Cue("make sure I remember the milk", r"make sure (?:that )?i (?:don't forget|remember)\b"),
        Cue("set a reminder to call mum",
            rf"{_CHANGE_REMINDER}(?: up)?(?: me)? (?:an?|another|the|my|that|this|all)? ?"
            rf"{_SOME}reminders?\b"),
        Cue("add milk and eggs to my shopping list",
            r"(?:add|put|append|remove|delete|take|cross|tick|check|strike) (?:[\w'’,-]+ ){1,9}?"
            r"(?:to|on|onto|from|off|in|into) "
            r"(?:(?:my|our) (?:\w+ ){0,2}?lists?|(?:the )?"
            r"(?:shopping|grocery|to-?do|task|packing|reading|watch) list|(?:my|our|the) "
            r"(?:basket|cart|playlist|contacts?|notes?|reminders?|favou?rites))\b"),
        Cue("tick off the laundry", r"(?:tick|cross|check) off\b"),
        Cue("mark the tax return as done",
            r"mark (?:[\w'’-]+ ){1,7}?(?:as )?(?:done|completed?|finished|read|unread)\b"),
        Cue("what's on my to-do list",
            r"(?:what|how many|is|are)\b.{0,60}\bon "
            r"(?:(?:my|our) (?:[\w-]+ ){0,2}?list|the (?:shopping|grocery|to-?do|task) list)\b"),
        Cue("add a task to renew my passport",
            r"add (?:an?|another|the|this|these|one more) (?:new )?(?:tasks?|to-?dos?|items?)\b"),
        Cue("remove eggs from the list",
            r"(?:remove|delete|take|cross|put|add) .{1,40} (?:from|off|on|to|onto) the list\b"),
        Cue("nudge me about the rent on the first", r"nudge me\b"),
        Cue("ping me in an hour to check the oven",
            r"(?:ping|alert|notify|warn|tell|text|message) me "
            r"(?:in|at|when|on|every|tomorrow|before|if)\b"),
        Cue("what's next to do", r"what(?:'s| is) (?:left|next|still) (?:on|to do)\b"),
    ),
    "timers": (
        Cue("set an alarm for half past six",
            rf"{_CHANGE_TIMER}(?: up| on)?(?: me| us)? "
            r"(?:an?|the|my|all|any|that|this|another|new|up|on)? ?(?:up )?"
            rf"(?:my |the |all )?{_SOME}(?:alarms?|timers?|countdown|stopwatch)\b"),
        Cue("which alarms are set for tomorrow",
            r"(?:what|which|how many|do i have|are there|have i)\b.{0,30}\b(?:alarms?|timers?)"
            r"\b.{0,30}\b(?:do i|have i|are|is|i have|set|on|running|currently|any)\b"),
        Cue("do I have any timers",
            r"(?:do i have|are there|have i) (?:\w+ ){0,2}?(?:alarms?|timers?)\b"),
        Cue("wake me up at seven tomorrow",
            r"wake me (?:up )?(?:at|in|by|tomorrow|when|on|early|every)\b"),
        Cue("how long is left on my timer",
            r"how (?:long|much time|many minutes)\b.{0,20}\b"
            r"(?:is left|left|remain\w*|on (?:my|the))\b.{0,20}\btimer\b"),
        Cue("timer for ten minutes",
            r"(?:an? )?(?:new |another )?(?:alarm|timer|\w+[ -]minute timer)"
            r"(?:$| (?:for|at|please|of)\b)"),
        Cue("countdown from five minutes", r"count ?down (?:from|for|to)\b"),
        Cue("ten minute timer please", r"(?:an? )?(?:\w+[ -]){1,2}(?:minute|second|hour) timer\b"),
        Cue("time me", r"time (?:me|this)\b"),
    ),
    "weather": (
        Cue("what's the weather like",
            r"(?:what|how|whats|hows|what's|how's)\b.{0,25}\b(?:the|is|be|weather) "
            r"(?:current |local )?(?:weather|forecast)\b"),
        Cue("what's the weather in Leeds",
            r"what(?:'s|s| is|) (?:the )?weather (?:like|in|for|on|at|today|tomorrow)\b"),
        Cue("I want to know the weather in Leeds",
            r"(?:check|verify|know|get|give|tell|show|see|find|look|search|want|need|have"
            rf"|hear|do|is)(?: me| up| out| for| at| about)* (?:{_WEATHER_WORD} ){{0,5}}?"
            r"(?:[\w']+ )?(?:weather|forecast|temperature|humidity)\b"),
        Cue("the weather in Leeds tomorrow",
            rf"(?:the )?(?:[\w'’]+ ){{0,2}}?(?:weather|forecast) {_WHEN_OR_WHERE}\b"
            r"(?! (?:is|was|has|makes?|made|feels?)\b)"),
        Cue("Leeds weather please", r"(?:the )?(?:[\w'’]+ ){0,2}?weather please$"),
        Cue("will it rain this afternoon",
            r"(?:is|will|did|was) it (?:(?:going to|supposed to|gonna|still|really|currently|be"
            r"|likely to|get|very|too) ){0,3}"
            r"(?:rain|snow|storm|hail|freez|sunny|cloudy|windy|cold|hot|warm|dry|wet|foggy|icy"
            r"|nice|humid)\w*(?! to\b)"),
        Cue("do I need an umbrella today",
            r"(?:do|will|should|would) (?:i|we) (?:need|take|bring|wear|want) (?:to )?"
            r"(?:(?:take|bring|wear|pack) )?(?:an? |my )?(?:\w+ )?"
            r"(?:umbrella|raincoat|jacket|coat|sunscreen|sun cream)\b"),
        Cue("how cold is it outside",
            r"how (?:cold|hot|warm|windy|humid|wet) (?:is|will|was) it\b"),
        Cue("what's the temperature in Oslo right now",
            r"(?:what(?:'s|s| is| will| was)?|how(?:'s| is)?) (?:the )?(?:\w+ )?"
            r"(?:temperature|humidity|air quality|pollen) "
            r"(?:be |going |like|in|at|outside|right|now|today|tomorrow|on|there|here|of \w+ "
            r"(?:for|on))"),
        Cue("the temperature in Oslo",
            r"(?:the )?(?:current )?temperature "
            r"(?:in|at|outside|today|tomorrow|of \w+(?: \w+)? (?:for|on))\b"),
        Cue("information about the weather",
            r"(?:the )?(?:weather )?informations? (?:for|on|about) (?:\w+ ){0,3}weather\b"),
        Cue("is there a storm coming",
            r"is there (?:an? |any |going to be )?(?:\w+ )?"
            r"(?:storm|rain|snow|thunder|heat ?wave|frost|fog|hail|hurricane|flood)\w*\b"),
        Cue("any rain on the way", r"any (?:rain|snow|storms?|sun)\b"),
    ),
    "mail": (
        Cue("email Sam that I'm late",
            r"e-?mail (?!signatures?\b|address|templates?\b|marketing|etiquette|subjects?\b|is\b"
            r"|was\b|are\b|has\b|can\b|for\b|about\b|from\b|to\b|body\b|text\b|campaigns?\b|and\b"
            r"|or\b)\w"),
        Cue("text my wife that I'll be home at six",
            r"(?:text|message|ping|dm|whatsapp|imessage|sms) "
            r"(?:my|our|him|her|them|everyone|everybody|"
            r"(?!(?:that|this|the|for|about|is|to|and|or|has|was|it|messages?|text|format|box"
            r"|field)\b)[\w'’]+ (?:that|and|to|about|saying|on|if|when|the|my|back|a|i|we)\b)"),
        Cue("send an email to my landlord",
            r"(?:send|forward|resend|mail) (?!your\b|shivers\b|in\b)\w"),
        Cue("reply to Tom's email and say yes",
            r"(?:reply|respond|write back|answer)(?: to)? "
            r"(?:(?:him|her|them)\b|(?:[\w'’]+ ){1,4}?(?:e-?mails?|message|text|mail|invitation)"
            r"\b(?! (?:in|of|above|below)\b))"),
        Cue("do I have any new emails",
            r"(?:do i have|are there|have i got|how many|did i get|did i receive|have i "
            r"received|got|is there|any|have i|did i miss)"
            r"(?: (?:any|new|unread|more|other|important|some|a|an|upcoming|missed"
            rf"|recent))* {_MESSAGE}\b(?! (?:etiquette|rules?|software|app))"),
        Cue("has the bank written to me yet",
            rf"(?:has|have|did|when did) (?:[\w'’]+ ){{1,3}}?{_WROTE}(?: back)?(?: to)? ?"
            r"(?:me|us|yet|back)\b"),
        Cue("any word from the landlord", r"any (?:word|reply|answer|news) (?:yet )?from\b"),
        Cue("What did the dentist write?",
            r"what did (?:my \w+|the (?:dentist|doctor|landlord|bank|school|plumber|office|vet"
            r"|lawyer|insurance)) (?:write|text|e-?mail|answer|reply)\b"),
        Cue("start a video call with Aunt Rosa",
            r"(?:start|make|place|join) (?:a|an|the|my) (?:\w+ ){0,2}?"
            r"(?:call|video call|phone call|meeting|stopwatch)\b"
            r"(?! (?:more|less|easier|for (?:a|an|my) (?:essay|story)))"),
        Cue("what did Priya say in her last email",
            r"what (?:did|does|do|has|have) (?:[\w'’]+ ){1,3}?(?:say|said|write|written|want) "
            r"(?:in|by) (?:\w+ ){1,3}?(?:e-?mail|message|text|mail|voicemail)\b"),
        Cue("let Anna know that I'm running late",
            r"(?:tell|ask|let|inform|warn|notify) "
            r"(?!(?:me|us|you|yourself|a|an|the|this|that|some|any|it|one|more)\b)"
            r"(?:my |our )?[\w'’]+ (?:know\b|that\b|to\b|whether\b|if\b|i\b|i'm\b|i've\b|i'll\b"
            r"|we\b|we're\b|we've\b|not to\b|about\b|when\b|what\b|where\b)"),
        Cue("check emails from mum", r"check (?:for )?(?:new )?(?:e-?mails?|messages?|mail)\b"),
        Cue("who called me this morning",
            r"(?:who|did any(?:one|body)|has any(?:one|body)) (?:has )?"
            r"(?:call|text|e-?mail|messag|phon|rang|rung)\w*"),
        Cue("who wrote to me", r"who wrote (?:to )?(?:me|us)\b"),
        Cue("have I heard back from the landlord",
            r"(?:have|did) i (?:heard?|receive|receiv|miss|get|got)\w*\b.{0,20}\b"
            r"(?:back|from|anything|something|calls?|messages?)\b"),
        Cue("did John email me",
            r"did (?!you\b)(?:[\w'’]+ ){1,3}?"
            r"(?:e-?mail|text|message|call|phone) (?:me|us|back)\b"),
        Cue("text Dad happy birthday",
            r"text (?:mum|mom|mummy|dad|daddy|grandma|grandpa|gran|nan|auntie|uncle) \w"),
        Cue("drop Kim a line that the keys are under the mat",
            r"drop \w+ a (?:line|message|text|note)\b"),
        Cue("give me a shout in twenty minutes",
            r"give \w+ a (?:shout|ring|call|buzz|bell|nudge)\b"),
        Cue("can you answer Olga and tell her Thursday works",
            r"answer (?!the\b|this\b|these\b|each\b|all\b|in\b|with\b|as\b|my question|me\b"
            r"|honestly|yes\b|to\b|questions?\b)[\w'’]+ and\b"),
        Cue("tell the others that lunch is ready",
            r"tell (?:the|my|our) (?:others|kids|children|team|family|guys|group|neighbou?rs?"
            r"|office|school|boss)\b"),
        Cue("attach the report to the mail", r"(?:attach|unsubscribe)\b"),
    ),
    "kept": (
        Cue("read me my latest message from Priya",
            rf"{_READ}(?: me| us| out| up| at| through| in| into| for| over)* {_MINE} "
            rf"{_SOME}{_KEPT}\b"),
        Cue("summarise my unread emails",
            rf"summari[sz]e (?:my|our|unread|all my|today's) {_SOME}{_KEPT}\b"),
        Cue("what did I write in my note about the garden",
            rf"(?:what|which|when|where|who|how many|is|are|does|do|did)\b.{{0,60}}\b"
            rf"(?:in|on|from|at) (?:my|our) {_SOME}{_KEPT}\b"),
    ),
    "notes": (
        Cue("note that down",
            r"(?:note|write|jot|type|put|take) (?:that|this|it|these|those|them|all that) "
            r"(?:down|up)\b"),
        Cue("Note down that the key is under the pot.", r"(?:note|jot) down\b"),
        Cue("note to self, buy stamps", r"(?:note|write) (?:that|to self)\b"),
        Cue("make a note that the boiler was serviced",
            r"(?:make|take|leave|create|start|add|open|read|find|new|keep) (?:me )?"
            r"(?:an?|the|that|another) (?:(?:quick|new|voice|short|little|mental|last|latest) "
            r")?note\b"),
        Cue("make note of the new code", r"make note of\b"),
        Cue("save this as a note called packing",
            r"(?:save|store|record|file|log) (?:this|that|it|these|those|them|what i|all of)\b"),
        Cue("put that in my diary",
            r"(?:write|put) (?:this|that|it|these|them) (?:to|in|into|on|under) (?:a|my|the)\b"),
        Cue("add that to my notes",
            r"add (?:this|that|it|these|those|them)\b.{0,40}\bto (?:my|the|our|a) \w"),
        Cue("write down that the spare key is with Rosa",
            r"(?:write|put|get) down (?:that|my|this|what|for me)\b"),
        Cue("keep that as a record", r"keep (?:a|this|that) .{0,12}(?:record|note)\b"),
        Cue("keep track of my expenses", r"keep (?:a )?(?:record|track|note) of\b"),
        Cue("add the boiler to my notes", r"add .{1,40} to (?:my|the) notes?\b"),
        Cue("what did I note about the boiler",
            r"what did i (?:tell you to (?:note|write)|write|note|save)\b"),
    ),
    "contacts": (
        Cue("what's Maria's phone number",
            r"(?:what(?:'s| is|s)|give me|tell me|find|get|show me|do you have|have you got) "
            r"(?:[\w'’]+ ){0,3}?(?:\w+['’]s|his|her|their) "
            r"(?:(?:phone|mobile|cell|work|home|e-?mail|office|telephone) ){0,2}"
            r"(?:number|address|e-?mail|contact details?|birthday)\b"),
        Cue("when is my brother's birthday",
            r"when(?:'s| is) (?:my \w+['’]s|his|her|their) birthday\b"),
        Cue("call the dentist",
            r"(?:call|phone|ring|dial|facetime) "
            r"(?!me\b|you\b|it\b|this\b|that\b|for\b|out\b|of\b|to\b|your|is\b|was\b|center"
            r"|centre|number|in\b)\w"),
        Cue("put me through to the bank", r"put me through\b"),
        Cue("add a new contact for Lena",
            rf"(?:add|create|save|update|make|delete|edit) {_SOME}contacts?\b"),
        Cue("do I have a number for the plumber",
            r"do (?:i|we|you) (?:have|know) (?:an? |the |any )?(?:[\w'’]+ ){0,2}?"
            r"(?:number|address|e-?mail|contact)\b"),
    ),
    "files": (
        Cue("find the PDF of my lease",
            r"(?:open|find|delete|remove|move|copy|rename|zip|unzip|print|locate|trash"
            r"|duplicate|back up)(?: me| up)? "
            rf"(?:an?|the|my|this|that|all|every|some|new|both)? ?(?:[\w'’.-]+ ){{0,4}}?"
            rf"{_FILE}\b"),
        Cue("create a folder for the invoices",
            r"(?:create|make|add) (?:an?|the|another) (?:\w+ )?folder\b"),
        Cue("read my document", r"read (?:the|my|that|this) (?:\w+ ){0,2}?(?:document|file|pdf)\b"),
        Cue("rename report.txt", r"(?:rename|move|copy|delete|open|edit) \S{1,40}\.\w{2,4}\b"),
        Cue("how much space is left on my disk",
            r"how much (?:\w+ )?(?:space|storage|battery|memory|disk)\b.{0,20}\b"
            r"(?:left|free|used|have|remain\w*)\b"),
        Cue("convert this PDF into a Word document",
            r"convert (?:this|that|the|my) (?:pdf|file|document|photo|video|recording)s?\b"),
        Cue("copy that to the clipboard", r"copy (?:this|that|it) to\b"),
        Cue("paste it here", r"paste (?:this|that|it)\b"),
        Cue("log two glasses of water", r"log (?:an?|one|two|three|\d+|my|that|this) \w"),
        Cue("show me photos from last summer",
            r"(?:show|find|open|get|see|play|print|share|delete)(?: me)? "
            r"(?:(?:the|my|our|all|some|last|those|new|old|recent) ){0,3}(?:\w+ )?"
            r"(?:photos?|pictures?|videos?|files?|documents?|downloads)\b"),
        Cue("where did I save the contract",
            r"where (?:did|have) i (?:save|saved|put|left|leave|store|stored|file|filed)\b"),
        Cue("make a copy of the budget spreadsheet",
            r"(?:make|create|save) (?:an?|the) (?:copy|backup) of\b"),
        Cue("empty the trash", r"(?:empty|clean up|back up) (?:the|my)\b"),
    ),
    "apps": (
        Cue("open Safari",
            r"(?:open|launch)(?: up)? (?!ended\b|minded\b|source\b|questions?\b|your\b|with\b|to"
            r"\b|for\b|air\b)[\w'’]"),
        Cue("close all windows",
            r"(?:quit|close|restart|minimi[sz]e|switch to) "
            r"(?:the|that|this|all|my|every|safari|chrome|finder|spotify|mail|word|excel)\b"
            r"(?! (?:gap|deal|loop|sentence|letter|essay|paragraph))"),
        Cue("install the update",
            r"(?:install|uninstall|download|reboot|shut down) (?:the|my|this|that|an?|it|all)\b"),
    ),
    "web": (
        Cue("search the web for cheap flights",
            r"(?:search|browse)\b(?! (?:engines?|queries|query|terms?|results?|is|are|committee))"),
        Cue("google how long to boil an egg",
            r"google (?!sheets?\b|nest\b|maps\b|docs\b|drive\b|pronunciation|translate\b|chrome\b"
            r"|is\b|was\b|has\b)\w"),
        Cue("look it up", r"look (?:[\w'’]+ ){0,4}?up\b"),
        Cue("check the opening hours online",
            r"(?:check|look)\b.{0,40}\b(?:online|the web|the internet)$"),
        Cue("check around Whitby",
            r"(?:check|look)(?: again| around| something| for something| somewhere| out)* "
            r"(?:in|at|around|near|there|for something|something)\b"
            r"(?! (?:the )?(?:text|sentence|code|grammar|spelling|paragraph|following))"),
        Cue("what are today's headlines",
            r"(?:what(?:'s|s| is| are|'re)|whats|any|give|read|tell|show|get|check|is "
            rf"there|are there|play|hear|know)(?: {_NEWS_WORD})* (?:news|headlines)\b"
            r"(?! (?:cycle|anchors?|articles?|papers?|values?|titles?|stor(?:y|ies)))"),
        Cue("when does the supermarket close today",
            rf"{_NOW_QUESTION}\b.{{0,100}}\b{_WHEN_OR_NEAR}\b"),
        Cue("find me a hotel in Bath",
            rf"{_LOOK_FOR}(?: me| us| for| up| finding)* "
            rf"(?:(?!(?:of|about|that|which)\b)[\w'’.-]+ ){{0,6}}?{_PLACE}\b"),
        Cue("I want to see a concert in Leeds",
            rf"{_WISH_FOR}(?: to)? {_SOME}{_PLACE}\b.{{0,60}}"
            r"(?:\b(?:in|at|around|near|from|by|directed|starring|on)\b)"),
        Cue("is there a bus from York to Whitby",
            rf"(?:(?:is|are) there|about) (?:[\w'’-]+ ){{0,5}}?{_PLACE}\b.{{0,80}}\b"
            r"(?:in|from|near|around|to|at|on|by|directed|with|there|here|available)\b"),
        Cue("book a good hotel near the station",
            r"(?:find|book|order|get)(?: me| us)? (?:an?|some|the|any) (?:\w+ )?"
            r"(?:good |nice |best |cheap(?:est)? |nearest |closest )\w+.{0,40}\b"
            r"(?:in|near|around)\b"),
        Cue("Find something else.", r"find (?:me )?(?:one|them|something|anything)\b"),
        Cue("find some nice place", r"find (?:an?|some) nice place"),
        Cue("find someone in Leeds",
            r"find (?:me )?(?:any|some|someone|somewhere) "
            r"(?!mistakes|errors|typos|words?\b|synonyms)(?:.{0,60} )?(?:in|near|around) \w"),
        Cue("get me a taxi", r"get me (?:an?|some) (?!list|summary|poem|story|joke)"),
        Cue("order me a pizza", r"order (?:me|us|some|an?|more)\b"),
        Cue("buy two tickets for the concert",
            r"(?:find|get|buy|book|rent|purchase|reserve)(?: me| us)? (?:\w+ ){0,3}?"
            r"(?:tickets?|seats?)\b"),
        Cue("rent the movie",
            r"(?:rent|buy|watch|purchase) (?:the|that|this|it) (?:movie|film|one|song)\b"),
        Cue("check whether the library has Middlemarch",
            r"check (?:if|whether|when|what time) (?:the|my|our|there)\b"
            r"(?!.{0,40}\b(?:sentence|grammar|spelling|code|text|essay|paragraph|answer)\b)"),
        Cue("what song is this", r"what song is (?:this|that|playing|it)\b"),
        Cue("what's that song called", r"what(?:'s|s| is) (?:this|that) song(?: called)?$"),
        Cue("what's playing", r"what(?:'s|s| is) playing\b"),
        Cue("when did I last see the dentist", r"when did (?:i|we) last\b"),
        Cue("what did I ask you to remind me of", r"what did i (?:ask|tell) you to\b"),
        Cue("who's leading the Tour de France",
            r"who(?:'s|s| is) (?:leading|winning|playing|on)\b"),
        Cue("go to the BBC website", r"go to (?:the )?[\w. ]{1,30} (?:web ?site|page|site)\b"),
        Cue("look for a used bike under two hundred pounds",
            r"look for an? (?:used|cheap|second[ -]hand|new|good)\b"),
        Cue("how's the traffic to work", r"how(?:'s|s| is| bad is)? (?:the )?traffic\b"),
        Cue("what's the stock price of Apple",
            r"(?:what(?:'s|s| is| are) )?(?:the )?(?:\w+ ){0,2}?"
            r"(?:stock|share|exchange|gas|petrol|fuel|bitcoin|gold|house|interest) "
            r"(?:prices?|rates?)\b"),
        Cue("did Arsenal win",
            r"did (?!you\b|i\b)(?:[\w'’]+ ){1,3}?(?:win|lose|draw|score|play)\b(?! a\b)"),
        Cue("I was out, how did Leeds do yesterday",
            r"how did (?:[\w'’]+ ){1,3}?(?:do|play|get on) (?:last|today|yesterday|on|in|against)"
            r"\b"),
        Cue("what's the score", r"what(?:'s|s| is) the score\b"),
        Cue("What's Bitcoin trading at?",
            r"what(?:'s|s| is| are) (?:[\w'’]+ ){1,3}?trading at\b"),
        Cue("how long is the drive to the airport",
            r"how (?:long|far|much)\b.{0,30}\b(?:drive|walk|journey|ride|way|bus|train|taxi|get)"
            r"\b.{0,25}\b(?:to|from|home)\b"),
        Cue("how far is it to York", r"how far is it\b"),
        Cue("How do I get to the station from here?", r"how do i get (?:to|from|home)\b"),
        Cue("directions to the nearest petrol station",
            r"(?:get |give me |show me )?(?:the )?directions (?:to|from|home)\b"),
        Cue("navigate to York", r"navigate\b"),
        Cue("take me home", r"take me (?:to|home)\b"),
        Cue("what's the fastest way home",
            r"what(?:'s| is) the (?:fastest|quickest|best|shortest) (?:way|route) "
            r"(?:home|(?:to|from) (?:the|my|work|home))"),
        Cue("where am I", r"where am i\b"),
        Cue("track my parcel", r"track (?:my|the|this)\b"),
        Cue("where's my parcel",
            r"where(?:'s| is) my (?:parcel|package|order|delivery|phone|taxi|uber)\b"),
        Cue("news about the election",
            r"(?:(?:latest|any|more|some|today's|sports?|local|world) )?(?:news|headlines) "
            r"(?:about|on|from|in|today|please)\b"),
        Cue("which pharmacies are open now",
            r"(?:which|what) (?:[\w'’]+ ){1,3}?(?:is|are) (?:still )?"
            r"(?:open|closed|delayed|running|on (?:tonight|today|tv))\b"),
        Cue("is my flight on time",
            r"(?:is|are) (?:the |my )?(?:[\w'’]+ ){1,7}?(?:still )?"
            r"(?:open|closed|delayed|cancelled|on time|running late|sold out|in stock)\b"),
        Cue("convert fifty dollars to euros at today's rate",
            r"(?:convert|change|exchange|what(?:'s| is)|how much is) .{1,50}\b"
            r"(?:dollars?|euros?|pounds?|yen|francs?|rupees?|usd|eur|gbp)\b.{0,20}\b"
            r"(?:in|to|into|worth|at)\b"),
    ),
    "bank": (
        Cue("check the balance of my current account",
            r"(?:check|know|see|tell|find|show|get|what(?:'s|s| is)|have)\b.{0,50}\bbalance"
            r"\b.{0,30}\b(?:in|of|on|for|account|my)\b"),
        Cue("what's my balance",
            r"(?:what(?:'s| is)|check|show|see|find) (?:my|the) (?:\w+ ){0,3}?balance\b"),
        Cue("transfer fifty euros to Ana",
            r"(?:transfer|wire) (?:\S+ ){0,6}?(?:to|from|into|money)\b"),
        Cue("make a payment to Ana", r"make an? (?:\w+ )?(?:transfer|payment)\b"),
        Cue("pay the water bill", r"pay (?:my|the) \w+ bill\b"),
        Cue("how much did I spend on groceries",
            r"how much (?:money |cash )?(?:did|have|do|does) (?:i|we) (?:still )?"
            r"(?:spend|spent|have|owe|earn|pay|paid|saved?|left)\b"),
    ),
    "music": (
        Cue("play some jazz",
            r"play (?!the (?:role|part|field|fool|game)\b|a (?:\w+ )?"
            r"(?:role|part|game|character|trick)\b|on words|with\b|along\b|devil|pretend|as\b|out"
            r"\b|chess|hangman|trivia|\d+ questions|twenty questions|word games?|is\b|and\b|a "
            r"quiz|games?\b|tennis|football|together|by\b|safe\b)\w"),
        Cue("skip this song",
            r"(?:skip|pause|resume|shuffle|rewind|mute|unmute|fast[ -]forward)"
            r"(?:$| (?:it|to|ahead|forward|back|everything|song|track|music|this|"
            rf"(?:this|the|that|my|a|to the next) (?:\w+ )?{_PLAYED})\b)"),
        Cue("next track", r"(?:next|previous|another) (?:song|track)\b"),
        Cue("stop the music",
            r"stop (?:the )?(?:music|song|playing|playback|podcast|radio|video|reading)\b"),
        Cue("turn the volume down",
            r"(?:turn|crank|bring|put) (?:it|(?:the )?(?:volume|music|sound|radio|tv)"
            r"(?: of \w+)?) (?:up|down|on|off|lower|higher)\b"),
        Cue("volume up", r"volume (?:up|down)\b"),
        Cue("louder please", r"(?:louder|quieter)(?: please)?$"),
        Cue("what song is playing",
            r"(?:what|which|who)(?:'s|s| is)? ?"
            r"(?:song|track|this|the|that|artist|singing|name of)?.{0,20}\b(?:is|'s)? ?"
            r"(?:playing|this song)\b"),
        Cue("put on something relaxing", r"put on (?:some|something|my|the|a) "),
        Cue("I want to hear some quiet music",
            r"(?:listen to|hear) (?:some|a|the|my|music|songs?|something)\b(?!.{0,30}\bstory\b)"),
        Cue("find a song by Nina Simone",
            r"(?:find|search|want|like|need|pull up|get|love)"
            r"(?: me| for| to find| up| to| some)* (?:\w+ ){0,4}?(?:songs?|music)\b"),
    ),
    "home": (
        Cue("turn on the kitchen light",
            r"(?:turn|switch) (?:on|off|up|down) "
            r"(?:the|my|our|all|every|some|both|it|that|everything|(?:\w+ )?"
            r"(?:lights?|lamps?|heating|fan|tv|music|wifi|wi-fi|bluetooth|radio))\b"),
        Cue("turn the fan off",
            r"(?:turn|switch) (?:the|my|our|all|it|them|every|that) (?:\w+ ){0,4}?"
            r"(?:on|off|up|down)\b"),
        Cue("dim the lights in the bedroom",
            r"(?:dim|brighten|lock|unlock|arm|disarm|start|stop|raise|lower) "
            rf"(?:the|my|all|our|every) (?:\w+ ){{0,2}}?{_DEVICE}\b"),
        Cue("Open the garage.",
            r"(?:open|close|shut) the (?:\w+ )?(?:blinds|garage|curtains|shutters|door|window)\b"),
        Cue("set the thermostat to twenty degrees",
            r"set (?:the|my) (?:\w+ )?(?:lights?|thermostat|heating|temperature|brightness"
            r"|volume)\b"),
        Cue("start the coffee machine",
            rf"(?:start|stop|run|preheat|boil) (?:the|my) (?:\w+ ){{0,2}}?{_MACHINE}\b"),
        Cue("Make the bedroom lights warmer.",
            r"make (?:the|my|it) .{0,25}\b(?:lights?|lamps?|room|screen|music|volume)\b.{0,10}\b"
            r"(?:brighter|darker|dimmer|warmer|cooler|louder|quieter|red|blue|green|white)\b"),
        Cue("are the windows shut",
            r"(?:is|are|did i (?:leave|lock|close)) (?:the|my) (?:\w+ ){0,2}?"
            r"(?:doors?|oven|lights?|garage|windows?|heating|iron|stove|alarm)\b"),
        Cue("hoover the carpet",
            r"(?:vacuum|hoover|clean) the (?:\w+ )?(?:rug|carpet|floor|room|house|flat|kitchen)"),
        Cue("warm up the bathroom",
            r"(?:warm|heat|cool) (?:up |down )?the (?:\w*room|house|kitchen|car|flat)\b"),
    ),
    "screen": (
        Cue("take a screenshot",
            rf"(?:take|grab|capture|make)(?: me)? an? (?:\w+ ){{0,2}}?{_PICTURE}\b"),
        Cue("take my picture", r"(?:take|snap) (?:my|his|her|our|their) (?:picture|photo)\b"),
        Cue("lock my screen", r"(?:record|share|lock|unlock) (?:my|the|this) screen\b"),
        Cue("scroll down a bit",
            r"(?:double-?click|right-?click|click|scroll|tap|swipe|zoom|drag|press)"
            r"(?:$| (?:on|in|out|down|up|to|the|this|that|into|left|right|enter|it|ok|play|return"
            r"|escape|again)\b)"),
        Cue("type in my address", r"type (?:in|into|text|hello)\b"),
        Cue("what's on my screen",
            r"(?:what|which|can|do|is|are|does|read|look|see|tell|where|describe|explain|how)"
            r"\b.{0,60}\b(?:on|at|of) (?:my|the|this) (?:screen|display|monitor|webcam|camera)\b"),
        Cue("see me waving", r"see me\b"),
        Cue("do you see this", r"(?:can|do) you see (?:what|me|this|that|my)\b"),
        Cue("see what I drew", r"see what i\b"),
        Cue("what am I holding up", r"what (?:am i|do you see|can you see)\b.{0,30}"),
        Cue("look around the room",
            r"look (?:through|at|around)(?: with)? (?:the|my|this|me|what|these)\b"
            r"(?! (?:following|sentence|text|paragraph|words?|code|list|example|problem|bright))"),
        Cue("what does this button do",
            r"what(?:'s| is| does| do| are) (?:this|that|these|those) "
            r"(?:button|icon|window|error|message|label|sign|symbol|thing|page|in my|on my|on the"
            r"|over|here)\b"),
        Cue("what's in my hand", r"what(?:'s| is) in (?:my hand|front of)\b"),
        Cue("fill in this form for me",
            r"fill (?:in|out) (?:this|the|that|my) (?:\w+ )?(?:form|application|field|page)\b"),
    ),
}

# Anywhere in a clause that is no statement: things of this person's own, or true only now.
PRESENT = {
    "kept": (
        Cue("was there any new mail, or newsletter, in my inbox",
            rf"\b(?:my|our|any|new|unread) (?:[\w'’-]+ ){{0,2}}?{_OWN}\b"),
        Cue("get me the number of the vet",
            r"\bnumber of the (?:vet|doctor|dentist|plumber|school|shop|\w+ (?:shop|office))\b"),
        Cue("a reminder for Friday please", r"\b(?:a|the) reminder (?:for|to|about)\b"),
        Cue("which version is on my Mac", r"\bon (?:my|this|the) (?:mac|laptop|computer|phone)\b"),
    ),
    "screen": (
        Cue("what is written in this window",
            r"\b(?:in|on) (?:this|the) (?:window|screen|tab|page)\b"),
        Cue("what colour is the thing I'm holding",
            r"\bi'm (?:holding|wearing|looking at|pointing at)\b"),
    ),
    "home": (
        Cue("put the radio on",
            r"\bthe (?:windows|front door|back door|garage|heating|radio|tv|lights|lamp|volume) "
            r"(?:on|off|shut|closed|open|locked|up|down|a (?:bit|little))\b"),
        Cue("good night, all lights off", r"\b(?:all )?lights (?:on|off)$"),
        Cue("dark mode on", r"\bdark mode (?:on|off)\b"),
        Cue("start the morning playlist", r"\bmorning playlist\b"),
    ),
    "web": (
        Cue("sunrise tomorrow", r"^(?!who\b).{0,200}?\b(?:sunrise|sunset|headlines|forecast)\b"),
        Cue("what's showing at the cinema", r"\bat the (?:cinema|library|shop)\b"),
        Cue("any delays on the northern line", r"\bdelays on\b"),
        Cue("has it in stock, the shop round the corner", r"\bhas it in stock\b"),
        Cue("who am I meeting at two",
            rf"^{_QUESTION}\b.{{0,100}}\b(?<!after )(?<!before )"
            rf"(?:{_WHEN_OR_NEAR}|at (?:one|two|three|four|five|six|seven|eight|nine|ten"
            rf"|eleven|twelve|noon|midnight|\d{{1,2}}(?::\d\d)?)(?: ?[ap]m)?|in the world "
            r"today)(?: (?:morning|afternoon|evening|night|then|please|or not))?$"),
    ),
    "weather": (
        Cue("price of a stamp now",
            r"^(?:rain|snow|sun|weather|price|lows?|highs?|traffic)\b.{0,40}\b"
            r"(?:today|tonight|tomorrow|now)$"),
    ),
}

# Anywhere in any clause.
ANYWHERE = {
    "weather": (
        Cue("a weather check for Leeds", r"\bweather check\b"),
        Cue("tell me if it will snow on Friday",
            r"\b(?:tell me|check|know|see) (?:if|whether) it\b.{0,25}\b"
            r"(?:rain|snow|storm|sunny|cold|hot|freez|warm|wet)"),
        Cue("on Sunday how's the weather there",
            r"\b(?:how(?:'s| is| will| would)|what(?:'s| is| will| would)) the "
            r"(?:weather|forecast)\b"),
    ),
    "camera": (
        Cue("does this shirt go with these trousers, have a look", r"\bhave a look$"),
        Cue("hey, look at me", r"\blook at me\b"),
    ),
    "web": (
        Cue("I need a hotel",
            r"\bi(?:'d| would|'ll| will)?(?:'m| am)? "
            r"(?:also |just |really |be |actually |going to be )?"
            r"(?:like|want|need|needing|prefer|looking for|searching for)"
            rf"(?: to (?:find|book|get|visit|see|attend|rent|stay in))? {_SOME}{_BOOKED}\b"),
        Cue("who is the prime minister, check online",
            r"\b(?:search|look|check|find) (?:[\w'’]+ ){0,4}?"
            r"(?:online|on (?:the (?:web|internet)|google))\b"),
        Cue("do a web search", r"\bweb search\b"),
        Cue("find out when the pharmacy closes",
            r"\bfind out (?:when|what time|if|whether|how late) (?:the|my|our)\b.{0,60}\b"
            r"(?:opens?|closes?|leaves?|arrives?|starts?|comes?|runs?|has|delivers?)\b"),
    ),
    "reminders": (
        Cue("tomorrow at six, remind me to leave",
            r"\bremind me(?:$| (?:to|at|on|in|tomorrow|tonight|later|when)\b)"),
    ),
    "files": (
        Cue("what's in ~/Documents/tax", r"(?:^|\s)(?:~/|/Users/|/Volumes/)"),
    ),
    "kept": (
        Cue("a birthday in my contacts",
            r"\b(?:on|in|to|from|according to|check|open) (?:my|our) "
            r"(?:calendar|inbox|contacts|address book|reminders|desktop|screen)\b"),
    ),
    "screen": (
        Cue("can you see what I have open here", r"\bwhat i have (?:open|here)\b"),
        Cue("what does this error on the left mean", r"\bthis error on\b"),
    ),
}

# What comes after a text was written, and needs a tool all the same.
DELIVERED = (
    Cue("write an email to Sam and send it",
        r"\b(?:and|then) (?:then |please )?"
        r"(?:send|e-?mail|text|save|post|print|share|read out|forward) "
        r"(?:it|that|this|them|[\w']+ (?:the|an?) )"),
)

# These begin as requests for a text do ("give me ...", "how do I ..."), and need a tool.
NOT_A_TEXT = (
    Cue("give me a weather report",
        r"give me (?:the|today's|my|some news|a weather|a forecast|a call|a wake)"),
    Cue("create a folder for the invoices",
        r"create (?:an?|the|another) (?:\w+ ){0,2}"
        r"(?:folder|reminder|event|meeting|appointment|alarm|timer|note|contact|calendar)\b"),
    Cue("edit my contact for Lena", r"edit (?:my|the) (?:calendar|contact|reminder|alarm|note)"),
    Cue("list the files on my desktop", r"list (?:my|all my|the files)"),
    Cue("complete the task about the bins", r"complete (?:the|my) (?:task|reminder|to-?do)"),
    Cue("give me a nudge at nine", r"give me a (?:ring|reminder|shout|nudge|buzz)"),
    Cue("what's a good place near here", r"what's a good \w+ (?:near|in)\b"),
    Cue("sort the photos by date", r"sort the (?:files|folder|photos)"),
    Cue("summarise my unread emails", r"summari[sz]e (?:my|our|unread|all my|today's)"),
    Cue("describe what is on my screen",
        r"(?:explain|describe|translate|correct) .{0,60}\bon (?:my|the|this) screen"),
    Cue("write that down", r"write (?:that|this|it|these) (?:down|to|in)"),
    Cue("convert this PDF to text",
        r"convert (?:this|that|the|my) (?:pdf|file|document|photo|video|recording)"),
    Cue("how do I get to the station", r"how do i (?:look|get (?:to|from|home))"),
    Cue("write down that the key is with Rosa", r"write down (?:that|my|this|what)"),
    Cue("fill in this form",
        r"fill (?:in|out) (?:this|the|that|my) (?:\w+ )?(?:form|application|field|page)"),
    Cue("convert fifty dollars to euros",
        r"convert .{1,50}\b(?:dollars?|euros?|pounds?|yen|francs?)"),
)
# Material that follows, or was given: the request is about a text that is there.
GIVEN = (
    Cue("Send the above message to Ana",
        r"\b(?:the|this|these|each) (?:given|provided|above|below)\b"),
    Cue("Schedule it by the table below",
        r"\b(?:e-?mail|messages?|text|sentences?|paragraph|list|code|words?|table|passage"
        r"|conversation) (?:above|below)\b"),
    Cue("Book the given text", r"\bgiven (?:the|an?|information|word|list|text)\b"),
    Cue("Find a hotel based on this description", r"\bbased on (?!my\b|our\b)"),
    Cue("Call each of the following people",
        r"\b(?:the|this) following (?!day|week|month|morning|monday|tuesday|wednesday|thursday"
        r"|friday|saturday|sunday)"),
    Cue("Send it as follows", r"\bas follows\b"),
)

# What people say before what they ask for. Those that begin with "i" leave a clause that tells of
# something alone. The first match is taken, so a longer one stands before its own beginning.
POLITE = (
    Cue("try looking for a hotel", r"try(?= (?:looking|searching|finding|to find)\b)"),
    Cue("do you know when the pharmacy closes today", r"do you know"),
    Cue("find out when the bank closes today",
        r"find out(?= (?:when|if|whether|what|who|how|where)\b)"),
    Cue("tell me when the bank closes today",
        r"tell me(?= (?:what|when|where|who|how|if|whether|the|about)\b)"),
    Cue("I really want you to call Ana",
        r"i (?:also |just |really |actually |still )?(?:want|need|wish|wanna|gotta|have(?= to\b))"
        r"(?: you| your help)?"),
    Cue("I prefer a hotel in Bath", r"i(?= prefer\b)"),
    Cue("I will also need a hotel in Bath", r"i(?: will|'ll) (?:also )?need"),
    Cue("I'm hoping to call Ana", r"i(?:'m| am) (?:going to be needing|hoping|trying|going)"),
    Cue("I'm looking for a hotel in Bath",
        r"i(?:'m| am)(?= (?:looking|searching|seeking|interested))"),
    Cue("I would like it if you could call Ana", r"i(?:'d| would) like it if you (?:can|could)"),
    Cue("I'd really like you to call Ana",
        r"i(?:'d| would) (?:really |also |just )?(?:like|love)(?: you)?(?= to\b)"),
    Cue("I'd book a table", r"i(?:'d| would| will|'ll| must| should)"),
    Cue("we need to call Ana", r"we (?:want|need)"),
    Cue("you need to call Ana",
        r"you (?:could|can|should|must|need|will need|have)(?= to\b| help\b)"),
    Cue("let's play some jazz", r"let's"),
    Cue("let us play some jazz", r"let us"),
    Cue("let me call Ana", r"let me"),
    Cue("help me out, call Ana", r"help me(?: out)?"),
    Cue("help, call Ana", r"help"),
    Cue("your help, please, call Ana", r"your help"),
    Cue("I was wondering if you could call Ana", r"i (?:was|am) wondering if you (?:can|could)"),
    Cue("I wonder if you could call Ana", r"i wonder if"),
    Cue("you could call Ana", r"you (?:could|can)"),
    Cue("could you call Ana", r"(?:can|could|would|will|may|might) (?:you|i|we)"),
    Cue("would you be able to call Ana", r"be able to"),
    Cue("do you mind, call Ana", r"do you mind"),
    Cue("is it possible for you to call Ana", r"is it possible (?:for you )?to"),
)
POLITE_WORDS = (
    "so, well, and, then, now, also, just, but, or, perhaps, maybe, later, right now, "
    "quickly, for now, in fact, if, whether, to, go ahead and, thanks(?: a lot| so much)?, "
    "thank you(?: so much| very much)?, hi, hey, hello, fae, ok, okay, yes, yep, yeah, no, "
    "sure, great, cool, good, fine, alright, all right, actually, oh, um, uh, please, "
    "kindly, not bad, thank goodness"
)

# How a request for a text, an explanation or advice begins, whatever its words are about.
TEXTS = (
    "write, draft, compose, rewrite, rephrase, reword, paraphrase, translate, proofread, "
    "edit, correct, convert, summarise, summarize, explain, describe, define, discuss, "
    "compare, contrast, categorize, classify, analyze, analyse, decide, determine, "
    "identify, suggest, recommend, brainstorm, imagine, pretend, invent, design, outline, "
    "plan, prepare, generate, create, come up with, think of, provide, complete, fill, "
    "list, name, give me an idea, give me a tip, give me tips, give me advice, give an "
    "example, give me an example, give me a, give me some, give me five, give me three, "
    "give some, tell me a story, tell me a joke, tell me why, tell me how to, include, help "
    "me write, help me draft, help me word, help me phrase, help me understand, help me "
    "come up, help me think, help me plan, make up, make a plan, make a list, make a poem, "
    "make me laugh, make a to-do, make a packing, turn this, turn that, turn these, turn it "
    "into, sort these, sort the, how do i, how do you, how do we, how can i, how can we, "
    "how can you, how should i, how should we, how to, how would, how could, how do, how "
    "does, how did, how come, why, what is a, what is an, what's a, what's an, what are the "
    "benefits, what is the difference, what's the difference, what does it mean, what does "
    "the phrase, what do you think, what do you call, what should, what could i say, what "
    "would you, what kind of, what makes, what's the meaning, what is the meaning, what's "
    "another, what's the opposite, what's a good, is it rude, is it ok, is it okay, is it "
    "normal, is it bad, is it possible to learn, do you think, do people, should i tell, "
    "should i call, should i ask, should you, spell, pronounce, quiz me, teach me, read "
    "this, act as, role-play, roleplay, remind me what, remind me how, remind me who, "
    "remind me why, remind me which, a poem, a haiku, a story"
)
