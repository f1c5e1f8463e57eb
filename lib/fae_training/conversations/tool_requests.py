"""Which requests can only be met with a tool: what Fae looks up, keeps, sends, plays or switches.

A word such as "email" decides nothing: "email Sam that I'm late" needs a tool, "how do I write a good email" does not.
So a request is taken apart into clauses, each without its "could you please", and a cue must stand at the beginning of
a clause. Cues are data, each with a request that it is for. Every repetition in them is bounded, or cannot be matched
in two ways: the time is proportional to the length of the text.
"""

import re
from dataclasses import dataclass

# A clause is looked at from its beginning; what a cue needs stands in its first characters.
LONGEST_CLAUSE = 240


@dataclass(frozen=True)
class Cue:
    """A way to begin a request for `tool`: a regular expression, and a request that it is for."""

    tool: str
    pattern: str
    example: str


# Up to so many words between a verb and what it is about, none of which turns to another subject.
_SOME = r"(?:(?!(?:of|about|for|on|in|that|which|to|with|from)\b)[\w'’.-]+ ){0,4}?"
_MINE = r"(?:all )?(?:of )?(?:my|our|the|that|this|those|these|any|new|latest|last|unread|today's|tomorrow's)"
_KEPT = (
    r"(?:e-?mails?|inbox|mails?|messages?|voicemails?|calendar|schedule|agenda|diary|contacts?|address book|reminders?"
    r"|notes?|photos?|files?|folders?|documents?|pdfs?|downloads|desktop|screenshots?|screen|clipboard|appointments?"
    r"|meetings?|alarms?|timers?|invoices?|bookmarks|to-?dos?|(?:to-?do|shopping|grocery|task) list)"
)
_WHEN_OR_NEAR = (
    r"(?:right now|at the moment|currently|today|tonight|tomorrow|this (?:morning|afternoon|evening|week|weekend|year|month)"
    r"|last night|yesterday|near(?:by| me| here| us)|around here|closest|nearest|next|latest|open now|monday|tuesday"
    r"|wednesday|thursday|friday|saturday|sunday)"
)
_PLACE = (
    r"(?:hotels?|motels?|flights?|restaurants?|rooms?|tickets?|tables?|taxis?|cabs?|uber|rides?|bus(?:es)?|trains?"
    r"|concerts?|events?|match(?:es)?|movies?|films?|songs?|music|apartments?|flats?|cars?|appointments?|doctors?|dentists?"
    r"|counsel+ors?|therapists?|psychologists?|psychiatrists?|dermatologists?|stylists?|salons?|hairdressers?|attractions?"
    r"|museums?|parks?|pharmac(?:y|ies)|supermarkets?|petrol stations?|gas stations?|cinemas?|theat(?:er|re)s?|reservations?"
    r"|spots?|dramas?|comed(?:y|ies)|romances?|houses?|homes?|something (?:interesting|fun|else|to do))"
)
# Nobody wants one in a conversation only.
_BOOKED = (
    r"(?:hotel|hotels|motel|flights?|(?:hotel )?rooms?|bedrooms?|tickets?|taxi|cab|apartments?|concerts?|(?:\w+ )?events?|matches"
    r"|bus|counsel+or|therapist|psychologist|attractions?|park|museum|diner|restaurants?|places? (?:serving|that serves|to eat|to stay))"
)

CUES = (
    Cue("calendar", r"(?:what|when|where|who|is|are|am|do|have)\b.{0,80}\b(?:on|in|to|by) (?:my|our|the) (?:calendar|schedule|agenda|diary)\b", "what's on my calendar tomorrow"),
    Cue("calendar", r"(?:do|have|did) (?:i|we) (?:have |got )?(?:anything|something|any plans|plans|a meeting|any meetings|an appointment|time)\b", "do I have anything on Friday"),
    Cue("calendar", r"(?:cancel|move|postpone|push) (?:my|the|our) (?:\w+ ){1,2}?o'clock\b|snooze\b", "cancel my nine o'clock"),
    Cue("calendar", r"(?:what|which|how many) (?:\w+ ){0,2}?(?:meetings?|appointments?|events?|calls?|classes|lessons) (?:do|have) (?:i|we)\b", "what meetings do I have after lunch"),
    Cue("calendar", r"(?:am i|are we) (?:free|busy|available|booked)\b", "am I free on Thursday"),
    Cue("calendar", r"what(?:'s| is| does| do| have) (?:my|our|i|we)\b.{0,30}\b(?:day|week|afternoon|morning|evening)\b", "what does my day look like"),
    Cue("calendar", r"(?:when|what time|where)(?:'s| is| are) (?:my|our) (?:next|first|last|\w+ ?(?:appointment|meeting|flight|call))", "when is my next appointment"),
    Cue("calendar", r"(?:schedule|book|reserve|arrange) (?:an?|the|my|our|me|us|that|this|it|another|some|one|two|three|four|\d+|dinner|lunch|tickets?)\b", "schedule a call with the plumber for Monday"),
    Cue("calendar", rf"(?:move|reschedule|postpone|cancel|shift|push|bring forward|delete) {_MINE} {_SOME}(?:appointments?|meetings?|calls?|flight|dinner|lunch|events?|reservation|booking|subscription|order|session|class)\b", "cancel the meeting with Jonas"),
    Cue("calendar", r"(?:add|put|create|make|move|set up|enter|block)(?: out)? (?:[\w'’,:-]+ ){1,9}?(?:in|on|to|into|onto|from) (?:my|our|the) (?:\w+ )?(?:calendar|schedule|agenda|diary)\b", "put dinner with Ana in my calendar"),
    Cue("calendar", r"(?:create|set up|add|make|organi[sz]e) (?:an?|another|the) (?:\w+ ){0,2}?(?:meeting|appointment|event|call|video call)s? (?:with|for|on|at|tomorrow|today|next)\b", "set up a meeting with Ana"),
    Cue("calendar", r"pencil in\b|(?:push|move|put|shift) (?:my|the|our) .{1,30}\b(?:back|forward|up) (?:by|to|an?|one|half)\b|invite (?!me\b)\w|(?:change|move|shift) (?:my|the) .{1,40}\b(?:to|until|till|by) (?:\d|one|two|three|four|five|six|seven|eight|nine|ten|noon|half|\w+day\b|tomorrow|next)|what (?:do|else do) (?:i|we) (?:still )?(?:have|need) (?:to do|on|left|planned)\b", "invite John to the party"),
    Cue("reminders", r"remind (?:me|us) (?!what|how|who|why|which|where|of\b)\w", "remind me to water the plants"),
    Cue("reminders", r"(?:don't|do not) (?:let me )?forget to\b|(?:don't|do not) let me forget\b|make sure (?:that )?i (?:don't forget|remember)\b", "don't let me forget the bins"),
    Cue("reminders", rf"(?:set|create|add|make|delete|cancel|show|list|read|give|clear|snooze|change|move|remove|schedule)(?: up)?(?: me)? (?:an?|another|the|my|that|this|all)? ?{_SOME}reminders?\b", "set a reminder to call mum"),
    Cue("reminders", r"(?:add|put|append|remove|delete|take|cross|tick|check|strike) (?:[\w'’,-]+ ){1,9}?(?:to|on|onto|from|off|in|into) (?:(?:my|our) (?:\w+ ){0,2}?lists?|(?:the )?(?:shopping|grocery|to-?do|task|packing|reading|watch) list|(?:my|our|the) (?:basket|cart|playlist|contacts?|notes?|reminders?|favou?rites))\b", "add milk and eggs to my shopping list"),
    Cue("reminders", r"(?:tick|cross|check) off\b|mark (?:[\w'’-]+ ){1,7}?(?:as )?(?:done|completed?|finished|read|unread)\b", "mark the tax return as done"),
    Cue("reminders", r"(?:what|how many|is|are)\b.{0,60}\bon (?:(?:my|our) (?:[\w-]+ ){0,2}?list|the (?:shopping|grocery|to-?do|task) list)\b", "what's on my to-do list"),
    Cue("reminders", r"add (?:an?|another|the|this|these|one more) (?:new )?(?:tasks?|to-?dos?|items?)\b|(?:remove|delete|take|cross|put|add) .{1,40} (?:from|off|on|to|onto) the list\b|nudge me\b|(?:ping|alert|notify|warn|tell|text|message) me (?:in|at|when|on|every|tomorrow|before|if)\b|what(?:'s| is) (?:left|next|still) (?:on|to do)\b", "add a task to renew my passport"),
    Cue("timers", rf"(?:set|start|stop|cancel|snooze|add|create|delete|make|pause|turn (?:on|off)|change|remove|disable|see|show|check|bring|pull|list|view|have|put|get|reset|silence|dismiss)(?: up| on)?(?: me| us)? (?:an?|the|my|all|any|that|this|another|new|up|on)? ?(?:up )?(?:my |the |all )?{_SOME}(?:alarms?|timers?|countdown|stopwatch)\b", "set an alarm for half past six"),
    Cue("timers", r"(?:what|which|how many|do i have|are there|have i)\b.{0,30}\b(?:alarms?|timers?)\b.{0,30}\b(?:do i|have i|are|is|i have|set|on|running|currently|any)\b|(?:do i have|are there|have i) (?:\w+ ){0,2}?(?:alarms?|timers?)\b", "which alarms are set for tomorrow"),
    Cue("timers", r"wake me (?:up )?(?:at|in|by|tomorrow|when|on|early|every)\b", "wake me up at seven tomorrow"),
    Cue("timers", r"how (?:long|much time|many minutes)\b.{0,20}\b(?:is left|left|remain\w*|on (?:my|the))\b.{0,20}\btimer\b", "how long is left on my timer"),
    Cue("timers", r"(?:an? )?(?:new |another )?(?:alarm|timer|\w+[ -]minute timer)(?:$| (?:for|at|please|of)\b)", "timer for ten minutes"),
    Cue("timers", r"count ?down (?:from|for|to)\b|(?:an? )?(?:\w+[ -]){1,2}(?:minute|second|hour) timer\b|time (?:me|this)\b", "countdown from five minutes"),
    Cue("weather", r"(?:what|how|whats|hows|what's|how's)\b.{0,25}\b(?:the|is|be|weather) (?:current |local )?(?:weather|forecast)\b|what(?:'s|s| is|) (?:the )?weather (?:like|in|for|on|at|today|tomorrow)\b", "what's the weather like"),
    Cue("weather", r"(?:check|verify|know|get|give|tell|show|see|find|look|search|want|need|have|hear|do|is)(?: me| up| out| for| at| about)* (?:(?:the|a|an|about|what|how|whats|is|what's|how's|current|local|latest|today's|information|informations|details?|report|on|for|of|\w+day's) ){0,5}?(?:[\w']+ )?(?:weather|forecast|temperature|humidity)\b", "I want to know the weather in Leeds"),
    Cue("weather", r"(?:the )?(?:[\w'’]+ ){0,2}?(?:weather|forecast) (?:in|for|on|at|of|there|here|today|tomorrow|tonight|please|conditions?|forecast|report|now|outside|this|next|need|like)\b(?! (?:is|was|has|makes?|made|feels?)\b)|(?:the )?(?:[\w'’]+ ){0,2}?weather please$", "the weather in Leeds tomorrow"),
    Cue("weather", r"(?:is|will|did|was) it (?:(?:going to|supposed to|gonna|still|really|currently|be|likely to|get|very|too) ){0,3}(?:rain|snow|storm|hail|freez|sunny|cloudy|windy|cold|hot|warm|dry|wet|foggy|icy|nice|humid)\w*(?! to\b)", "will it rain this afternoon"),
    Cue("weather", r"(?:do|will|should|would) (?:i|we) (?:need|take|bring|wear|want) (?:to )?(?:(?:take|bring|wear|pack) )?(?:an? |my )?(?:\w+ )?(?:umbrella|raincoat|jacket|coat|sunscreen|sun cream)\b", "do I need an umbrella today"),
    Cue("weather", r"how (?:cold|hot|warm|windy|humid|wet) (?:is|will|was) it\b", "how cold is it outside"),
    Cue("weather", r"(?:what(?:'s|s| is| will| was)?|how(?:'s| is)?) (?:the )?(?:\w+ )?(?:temperature|humidity|air quality|pollen) (?:be |going |like|in|at|outside|right|now|today|tomorrow|on|there|here|of \w+ (?:for|on))", "what's the temperature in Oslo right now"),
    Cue("weather", r"(?:the )?(?:current )?temperature (?:in|at|outside|today|tomorrow|of \w+(?: \w+)? (?:for|on))\b|(?:the )?(?:weather )?informations? (?:for|on|about) (?:\w+ ){0,3}weather\b", "the temperature in Oslo"),
    Cue("weather", r"is there (?:an? |any |going to be )?(?:\w+ )?(?:storm|rain|snow|thunder|heat ?wave|frost|fog|hail|hurricane|flood)\w*\b|any (?:rain|snow|storms?|sun)\b", "is there a storm coming"),
    Cue("mail", r"e-?mail (?!signatures?\b|address|templates?\b|marketing|etiquette|subjects?\b|is\b|was\b|are\b|has\b|can\b|for\b|about\b|from\b|to\b|body\b|text\b|campaigns?\b|and\b|or\b)\w", "email Sam that I'm late"),
    Cue("mail", r"(?:text|message|ping|dm|whatsapp|imessage|sms) (?:my|our|him|her|them|everyone|everybody|(?!(?:that|this|the|for|about|is|to|and|or|has|was|it|messages?|text|format|box|field)\b)[\w'’]+ (?:that|and|to|about|saying|on|if|when|the|my|back|a|i|we)\b)", "text my wife that I'll be home at six"),
    Cue("mail", r"(?:send|forward|resend|mail) (?!your\b|shivers\b|in\b)\w", "send an email to my landlord"),
    Cue("mail", r"(?:reply|respond|write back|answer)(?: to)? (?:(?:him|her|them)\b|(?:[\w'’]+ ){1,4}?(?:e-?mails?|message|text|mail|invitation)\b(?! (?:in|of|above|below)\b))", "reply to Tom's email and say yes"),
    Cue("mail", r"(?:do i have|are there|have i got|how many|did i get|did i receive|have i received|got|is there|any|have i|did i miss)(?: (?:any|new|unread|more|other|important|some|a|an|upcoming|missed|recent))* (?:e-?mails?|messages?|mails?|texts?|notifications?|calls?|voicemails?|meetings?|appointments?|events?|reminders?|letters?|invitations?)\b(?! (?:etiquette|rules?|software|app))", "do I have any new emails"),
    Cue("mail", r"(?:has|have|did|when did) (?:[\w'’]+ ){1,3}?(?:written|replied|answered|emailed|texted|called|messaged|write|reply|answer|email|text|call)(?: back)?(?: to)? ?(?:me|us|yet|back)\b", "has the bank written to me yet"),
    Cue("mail", r"any (?:word|reply|answer|news) (?:yet )?from\b|what did (?:my \w+|the (?:dentist|doctor|landlord|bank|school|plumber|office|vet|lawyer|insurance)) (?:write|text|e-?mail|answer|reply)\b", "any word from the landlord"),
    Cue("mail", r"(?:start|make|place|join) (?:a|an|the|my) (?:\w+ ){0,2}?(?:call|video call|phone call|meeting|stopwatch)\b(?! (?:more|less|easier|for (?:a|an|my) (?:essay|story)))", "start a video call with Aunt Rosa"),
    Cue("mail", r"what (?:did|does|do|has|have) (?:[\w'’]+ ){1,3}?(?:say|said|write|written|want) (?:in|by) (?:\w+ ){1,3}?(?:e-?mail|message|text|mail|voicemail)\b", "what did Priya say in her last email"),
    Cue("mail", r"(?:tell|ask|let|inform|warn|notify) (?!(?:me|us|you|yourself|a|an|the|this|that|some|any|it|one|more)\b)(?:my |our )?[\w'’]+ (?:know\b|that\b|to\b|whether\b|if\b|i\b|i'm\b|i've\b|i'll\b|we\b|we're\b|we've\b|not to\b|about\b|when\b|what\b|where\b)", "let Anna know that I'm running late"),
    Cue("mail", r"check (?:for )?(?:new )?(?:e-?mails?|messages?|mail)\b|(?:who|did any(?:one|body)|has any(?:one|body)) (?:has )?(?:call|text|e-?mail|messag|phon|rang|rung)\w*|who wrote (?:to )?(?:me|us)\b|(?:have|did) i (?:heard?|receive|receiv|miss|get|got)\w*\b.{0,20}\b(?:back|from|anything|something|calls?|messages?)\b|did (?!you\b)(?:[\w'’]+ ){1,3}?(?:e-?mail|text|message|call|phone) (?:me|us|back)\b", "who called me this morning"),
    Cue("mail", r"text (?:mum|mom|mummy|dad|daddy|grandma|grandpa|gran|nan|auntie|uncle) \w|drop \w+ a (?:line|message|text|note)\b|give \w+ a (?:shout|ring|call|buzz|bell|nudge)\b|answer (?!the\b|this\b|these\b|each\b|all\b|in\b|with\b|as\b|my question|me\b|honestly|yes\b|to\b|questions?\b)[\w'’]+ and\b|tell (?:the|my|our) (?:others|kids|children|team|family|guys|group|neighbou?rs?|office|school|boss)\b|(?:attach|unsubscribe)\b", "drop Kim a line that the keys are under the mat"),
    Cue("kept", rf"(?:read|check|open|show|search|find|get|look|go|delete|archive|see|list|clear|print|browse|scan|review|view|locate|copy|move|back up|tidy up|sort|clean up|empty)(?: me| us| out| up| at| through| in| into| for| over)* {_MINE} {_SOME}{_KEPT}\b", "read me my latest message from Priya"),
    Cue("kept", rf"summari[sz]e (?:my|our|unread|all my|today's) {_SOME}{_KEPT}\b", "summarise my unread emails"),
    Cue("kept", rf"(?:what|which|when|where|who|how many|is|are|does|do|did)\b.{{0,60}}\b(?:in|on|from|at) (?:my|our) {_SOME}{_KEPT}\b", "what did I write in my note about the garden"),
    Cue("notes", r"(?:note|write|jot|type|put|take) (?:that|this|it|these|those|them|all that) (?:down|up)\b|(?:note|jot) down\b|(?:note|write) (?:that|to self)\b", "note that down"),
    Cue("notes", r"(?:make|take|leave|create|start|add|open|read|find|new|keep) (?:me )?(?:an?|the|that|another) (?:(?:quick|new|voice|short|little|mental|last|latest) )?note\b|make note of\b", "make a note that the boiler was serviced"),
    Cue("notes", r"(?:save|store|record|file|log) (?:this|that|it|these|those|them|what i|all of)\b|(?:write|put) (?:this|that|it|these|them) (?:to|in|into|on|under) (?:a|my|the)\b", "save this as a note called packing"),
    Cue("notes", r"add (?:this|that|it|these|those|them)\b.{0,40}\bto (?:my|the|our|a) \w", "add that to my notes"),
    Cue("notes", r"(?:write|put|get) down (?:that|my|this|what|for me)\b|keep (?:a|this|that) .{0,12}(?:record|note)\b|keep (?:a )?(?:record|track|note) of\b|add .{1,40} to (?:my|the) notes?\b|what did i (?:tell you to (?:note|write)|write|note|save)\b", "write down that the spare key is with Rosa"),
    Cue("contacts", r"(?:what(?:'s| is|s)|give me|tell me|find|get|show me|do you have|have you got) (?:[\w'’]+ ){0,3}?(?:\w+['’]s|his|her|their) (?:(?:phone|mobile|cell|work|home|e-?mail|office|telephone) ){0,2}(?:number|address|e-?mail|contact details?|birthday)\b", "what's Maria's phone number"),
    Cue("contacts", r"when(?:'s| is) (?:my \w+['’]s|his|her|their) birthday\b", "when is my brother's birthday"),
    Cue("contacts", r"(?:call|phone|ring|dial|facetime) (?!me\b|you\b|it\b|this\b|that\b|for\b|out\b|of\b|to\b|your|is\b|was\b|center|centre|number|in\b)\w|put me through\b", "call the dentist"),
    Cue("contacts", rf"(?:add|create|save|update|make|delete|edit) {_SOME}contacts?\b", "add a new contact for Lena"),
    Cue("contacts", r"do (?:i|we|you) (?:have|know) (?:an? |the |any )?(?:[\w'’]+ ){0,2}?(?:number|address|e-?mail|contact)\b", "do I have a number for the plumber"),
    Cue("files", r"(?:open|find|delete|remove|move|copy|rename|zip|unzip|print|locate|trash|duplicate|back up)(?: me| up)? (?:an?|the|my|this|that|all|every|some|new|both)? ?(?:[\w'’.-]+ ){0,4}?(?:files?|folders?|director(?:y|ies)|documents?|pdfs?|spreadsheets?|attachments?|screenshots?|photos?|downloads|trash)\b", "find the PDF of my lease"),
    Cue("files", r"(?:create|make|add) (?:an?|the|another) (?:\w+ )?folder\b|read (?:the|my|that|this) (?:\w+ ){0,2}?(?:document|file|pdf)\b|(?:rename|move|copy|delete|open|edit) \S{1,40}\.\w{2,4}\b", "create a folder for the invoices"),
    Cue("files", r"how much (?:\w+ )?(?:space|storage|battery|memory|disk)\b.{0,20}\b(?:left|free|used|have|remain\w*)\b", "how much space is left on my disk"),
    Cue("files", r"convert (?:this|that|the|my) (?:pdf|file|document|photo|video|recording)s?\b|copy (?:this|that|it) to\b|paste (?:this|that|it)\b|log (?:an?|one|two|three|\d+|my|that|this) \w", "copy that to the clipboard"),
    Cue("files", r"(?:show|find|open|get|see|play|print|share|delete)(?: me)? (?:(?:the|my|our|all|some|last|those|new|old|recent) ){0,3}(?:\w+ )?(?:photos?|pictures?|videos?|files?|documents?|downloads)\b|where (?:did|have) i (?:save|saved|put|left|leave|store|stored|file|filed)\b|(?:make|create|save) (?:an?|the) (?:copy|backup) of\b|(?:empty|clean up|back up) (?:the|my)\b", "show me photos from last summer"),
    Cue("apps", r"(?:open|launch)(?: up)? (?!ended\b|minded\b|source\b|questions?\b|your\b|with\b|to\b|for\b|air\b)[\w'’]|(?:quit|close|restart|minimi[sz]e|switch to) (?:the|that|this|all|my|every|safari|chrome|finder|spotify|mail|word|excel)\b(?! (?:gap|deal|loop|sentence|letter|essay|paragraph))", "open Safari"),
    Cue("apps", r"(?:install|uninstall|download|reboot|shut down) (?:the|my|this|that|an?|it|all)\b", "install the update"),
    Cue("web", r"(?:search|browse)\b(?! (?:engines?|queries|query|terms?|results?|is|are|committee))|google (?!sheets?\b|nest\b|maps\b|docs\b|drive\b|pronunciation|translate\b|chrome\b|is\b|was\b|has\b)\w|look (?:[\w'’]+ ){0,4}?up\b|(?:check|look)\b.{0,40}\b(?:online|the web|the internet)$", "search the web for cheap flights"),
    Cue("web", r"(?:check|look)(?: again| around| something| for something| somewhere| out)* (?:in|at|around|near|there|for something|something)\b(?! (?:the )?(?:text|sentence|code|grammar|spelling|paragraph|following))", "check around Whitby"),
    Cue("web", r"(?:what(?:'s|s| is| are|'re)|whats|any|give|read|tell|show|get|check|is there|are there|play|hear|know)(?: (?:me|us|the|today's|latest|new|newest|any|some|top|happening|in|world|local|about|breaking|morning|on|sports?|all|more|interesting))* (?:news|headlines)\b(?! (?:cycle|anchors?|articles?|papers?|values?|titles?|stor(?:y|ies)))", "what are today's headlines"),
    Cue("web", rf"(?:who (?:won|is|'s|are|plays?)|who's|how much (?:is|are|does|do)|how many|what time (?:is|does|do|are|did)|when (?:is|does|do|are|did|will)|is there|are there|where(?:'s| is| are| can)|did|what(?:'s| is| are) (?:the )?(?:price|score|exchange rate|traffic|status|cheapest|best|time|stock))\b.{{0,100}}\b{_WHEN_OR_NEAR}\b", "when does the supermarket close today"),
    Cue("web", rf"(?:find(?! out)|book|reserve|rent|hire|get|show|search|look|check|looking|searching|seeking|finding|how about|see if there(?: is| are|'s))(?: me| us| for| up| finding)* (?:(?!(?:of|about|that|which)\b)[\w'’.-]+ ){{0,6}}?{_PLACE}\b", "find me a hotel in Bath"),
    Cue("web", rf"(?:want|need|like|prefer|see|watch|attend|visit|visiting|go to|check out|interested in|eat|listen to|hear|buy)(?: to)? {_SOME}{_PLACE}\b.{{0,60}}(?:\b(?:in|at|around|near|from|by|directed|starring|on)\b)", "I need two rooms in a small hotel in Bath"),
    Cue("web", rf"(?:(?:is|are) there|about) (?:[\w'’-]+ ){{0,5}}?{_PLACE}\b.{{0,80}}\b(?:in|from|near|around|to|at|on|by|directed|with|there|here|available)\b", "is there a bus from York to Whitby"),
    Cue("web", r"(?:find|book|order|get)(?: me| us)? (?:an?|some|the|any) (?:\w+ )?(?:good |nice |best |cheap(?:est)? |nearest |closest )\w+.{0,40}\b(?:in|near|around)\b|find (?:me )?(?:one|them|something|anything)\b|find (?:an?|some) nice place|find (?:me )?(?:any|some|someone|somewhere) (?!mistakes|errors|typos|words?\b|synonyms)(?:.{0,60} )?(?:in|near|around) \w|get me (?:an?|some) (?!list|summary|poem|story|joke)|order (?:me|us|some|an?|more)\b", "order me a pizza"),
    Cue("web", r"(?:find|get|buy|book|rent|purchase|reserve)(?: me| us)? (?:\w+ ){0,3}?(?:tickets?|seats?)\b|(?:rent|buy|watch|purchase) (?:the|that|this|it) (?:movie|film|one|song)\b", "buy two tickets for the concert"),
    Cue("web", r"check (?:if|whether|when|what time) (?:the|my|our|there)\b(?!.{0,40}\b(?:sentence|grammar|spelling|code|text|essay|paragraph|answer)\b)", "check whether the library has Middlemarch"),
    Cue("web", r"what song is (?:this|that|playing|it)\b|what(?:'s|s| is) (?:this|that) song(?: called)?$|what(?:'s|s| is) playing\b", "what song is this"),
    Cue("web", r"when did (?:i|we) last\b|what did i (?:ask|tell) you to\b|who(?:'s|s| is) (?:leading|winning|playing|on)\b|go to (?:the )?[\w. ]{1,30} (?:web ?site|page|site)\b|look for an? (?:used|cheap|second[ -]hand|new|good)\b", "who's leading the Tour de France"),
    Cue("web", r"how(?:'s|s| is| bad is)? (?:the )?traffic\b|(?:what(?:'s|s| is| are) )?(?:the )?(?:\w+ ){0,2}?(?:stock|share|exchange|gas|petrol|fuel|bitcoin|gold|house|interest) (?:prices?|rates?)\b|did (?!you\b|i\b)(?:[\w'’]+ ){1,3}?(?:win|lose|draw|score|play)\b(?! a\b)|how did (?:[\w'’]+ ){1,3}?(?:do|play|get on) (?:last|today|yesterday|on|in|against)\b|what(?:'s|s| is) the score\b|what(?:'s|s| is| are) (?:[\w'’]+ ){1,3}?trading at\b", "did Arsenal win"),
    Cue("web", r"how (?:long|far|much)\b.{0,30}\b(?:drive|walk|journey|ride|way|bus|train|taxi|get)\b.{0,25}\b(?:to|from|home)\b|how far is it\b|how do i get (?:to|from|home)\b|(?:get |give me |show me )?(?:the )?directions (?:to|from|home)\b|navigate\b|take me (?:to|home)\b|what(?:'s| is) the (?:fastest|quickest|best|shortest) (?:way|route) (?:home|(?:to|from) (?:the|my|work|home))|where am i\b|track (?:my|the|this)\b|where(?:'s| is) my (?:parcel|package|order|delivery|phone|taxi|uber)\b", "directions to the nearest petrol station"),
    Cue("web", r"(?:(?:latest|any|more|some|today's|sports?|local|world) )?(?:news|headlines) (?:about|on|from|in|today|please)\b|(?:which|what) (?:[\w'’]+ ){1,3}?(?:is|are) (?:still )?(?:open|closed|delayed|running|on (?:tonight|today|tv))\b|(?:is|are) (?:the |my )?(?:[\w'’]+ ){1,7}?(?:still )?(?:open|closed|delayed|cancelled|on time|running late|sold out|in stock)\b|(?:convert|change|exchange|what(?:'s| is)|how much is) .{1,50}\b(?:dollars?|euros?|pounds?|yen|francs?|rupees?|usd|eur|gbp)\b.{0,20}\b(?:in|to|into|worth|at)\b", "which pharmacies are open now"),
    Cue("bank", r"(?:check|know|see|tell|find|show|get|what(?:'s|s| is)|have)\b.{0,50}\bbalance\b.{0,30}\b(?:in|of|on|for|account|my)\b|(?:what(?:'s| is)|check|show|see|find) (?:my|the) (?:\w+ ){0,3}?balance\b|(?:transfer|wire) (?:\S+ ){0,6}?(?:to|from|into|money)\b|make an? (?:\w+ )?(?:transfer|payment)\b|pay (?:my|the) \w+ bill\b", "check the balance of my current account"),
    Cue("bank", r"how much (?:money |cash )?(?:did|have|do|does) (?:i|we) (?:still )?(?:spend|spent|have|owe|earn|pay|paid|saved?|left)\b", "how much did I spend on groceries"),
    Cue("music", r"play (?!the (?:role|part|field|fool|game)\b|a (?:\w+ )?(?:role|part|game|character|trick)\b|on words|with\b|along\b|devil|pretend|as\b|out\b|chess|hangman|trivia|\d+ questions|twenty questions|word games?|is\b|and\b|a quiz|games?\b|tennis|football|together|by\b|safe\b)\w", "play some jazz"),
    Cue("music", r"(?:skip|pause|resume|shuffle|rewind|mute|unmute|fast[ -]forward)(?:$| (?:it|to|ahead|forward|back|everything|song|track|music|this|(?:this|the|that|my|a|to the next) (?:\w+ )?(?:song|track|one|music|video|podcast|episode|playlist|part|chapter|radio|alarm|timer|tv|film|movie|sound|call|mic|microphone))\b)|(?:next|previous|another) (?:song|track)\b|stop (?:the )?(?:music|song|playing|playback|podcast|radio|video|reading)\b", "skip this song"),
    Cue("music", r"(?:turn|crank|bring|put) (?:it|(?:the )?(?:volume|music|sound|radio|tv)(?: of \w+)?) (?:up|down|on|off|lower|higher)\b|volume (?:up|down)\b|(?:louder|quieter)(?: please)?$", "turn the volume down"),
    Cue("music", r"(?:what|which|who)(?:'s|s| is)? ?(?:song|track|this|the|that|artist|singing|name of)?.{0,20}\b(?:is|'s)? ?(?:playing|this song)\b|put on (?:some|something|my|the|a) ", "what song is playing"),
    Cue("music", r"(?:listen to|hear) (?:some|a|the|my|music|songs?|something)\b(?!.{0,30}\bstory\b)|(?:find|search|want|like|need|pull up|get|love)(?: me| for| to find| up| to| some)* (?:\w+ ){0,4}?(?:songs?|music)\b", "I want to hear some quiet music"),
    Cue("home", r"(?:turn|switch) (?:on|off|up|down) (?:the|my|our|all|every|some|both|it|that|everything|(?:\w+ )?(?:lights?|lamps?|heating|fan|tv|music|wifi|wi-fi|bluetooth|radio))\b|(?:turn|switch) (?:the|my|our|all|it|them|every|that) (?:\w+ ){0,4}?(?:on|off|up|down)\b", "turn on the kitchen light"),
    Cue("home", r"(?:dim|brighten|lock|unlock|arm|disarm|start|stop|raise|lower) (?:the|my|all|our|every) (?:\w+ ){0,2}?(?:lights?|lamps?|doors?|alarm|blinds|curtains|vacuum|robot|washing machine|dishwasher|heating|thermostat|volume|brightness|recording)\b|(?:open|close|shut) the (?:\w+ )?(?:blinds|garage|curtains|shutters|door|window)\b|set (?:the|my) (?:\w+ )?(?:lights?|thermostat|heating|temperature|brightness|volume)\b", "dim the lights in the bedroom"),
    Cue("home", r"(?:start|stop|run|preheat|boil) (?:the|my) (?:\w+ ){0,2}?(?:machine|vacuum|hoover|washer|washing|dryer|dishwasher|kettle|oven|heating|robot|tv|fan|sprinklers?|car)\b|make (?:the|my|it) .{0,25}\b(?:lights?|lamps?|room|screen|music|volume)\b.{0,10}\b(?:brighter|darker|dimmer|warmer|cooler|louder|quieter|red|blue|green|white)\b|(?:is|are|did i (?:leave|lock|close)) (?:the|my) (?:\w+ ){0,2}?(?:doors?|oven|lights?|garage|windows?|heating|iron|stove|alarm)\b|(?:vacuum|hoover|clean) the (?:\w+ )?(?:rug|carpet|floor|room|house|flat|kitchen)|(?:warm|heat|cool) (?:up |down )?the (?:\w*room|house|kitchen|car|flat)\b", "start the coffee machine"),
    Cue("screen", r"(?:take|grab|capture|make)(?: me)? an? (?:\w+ ){0,2}?(?:screenshot|screen shot|photo|photograph|picture|selfie|snapshot|screen recording|recording|video)\b|(?:take|snap) (?:my|his|her|our|their) (?:picture|photo)\b|(?:record|share|lock|unlock) (?:my|the|this) screen\b", "take a screenshot"),
    Cue("screen", r"(?:double-?click|right-?click|click|scroll|tap|swipe|zoom|drag|press)(?:$| (?:on|in|out|down|up|to|the|this|that|into|left|right|enter|it|ok|play|return|escape|again)\b)|type (?:in|into|text|hello)\b", "scroll down a bit"),
    Cue("screen", r"(?:what|which|can|do|is|are|does|read|look|see|tell|where|describe|explain|how)\b.{0,60}\b(?:on|at|of) (?:my|the|this) (?:screen|display|monitor|webcam|camera)\b", "what's on my screen"),
    Cue("screen", r"see me\b|(?:can|do) you see (?:what|me|this|that|my)\b|see what i\b|what (?:am i|do you see|can you see)\b.{0,30}|look (?:through|at|around)(?: with)? (?:the|my|this|me|what|these)\b(?! (?:following|sentence|text|paragraph|words?|code|list|example|problem|bright))", "what am I holding up"),
    Cue("screen", r"what(?:'s| is| does| do| are) (?:this|that|these|those) (?:button|icon|window|error|message|label|sign|symbol|thing|page|in my|on my|on the|over|here)\b|what(?:'s| is) in (?:my hand|front of)\b|fill (?:in|out) (?:this|the|that|my) (?:\w+ )?(?:form|application|field|page)\b", "what does this button do"),
)  # fmt: skip

# Things that are this person's own, or so only now. A clause that begins with a cue needs no such word, and one that tells
# of something, or asks for a text, is not looked at for it.
PRESENT = (
    Cue("kept", r"\b(?:my|our|any|new|unread) (?:[\w'’-]+ ){0,2}?(?:calendar|agenda|diary|journal|appointments?|dentist|reminders?|timers?|alarms?(?! clock)|inbox|e-?mails?|newsletter|contacts|screenshots?|screen|camera|webcam|downloads|desktop|clipboard|playlist|voicemails?)\b|\bnumber of the (?:vet|doctor|dentist|plumber|school|shop|\w+ (?:shop|office))\b|\b(?:a|the) reminder (?:for|to|about)\b|\bon (?:my|this|the) (?:mac|laptop|computer|phone)\b", "was there any new mail, or newsletter, in my inbox"),
    Cue("screen", r"\b(?:in|on) (?:this|the) (?:window|screen|tab|page)\b|\bi'm (?:holding|wearing|looking at|pointing at)\b|^can you see me\b", "what is written in this window"),
    Cue("home", r"\bthe (?:windows|front door|back door|garage|heating|radio|tv|lights|lamp|volume) (?:on|off|shut|closed|open|locked|up|down|a (?:bit|little))\b|\b(?:all )?lights (?:on|off)$|\bdark mode (?:on|off)\b|\bmorning playlist\b", "good night, all lights off"),
    Cue("web", r"^(?!who\b).{0,200}?\b(?:sunrise|sunset|headlines|forecast)\b|\bat the (?:cinema|library|shop)\b|\bdelays on\b|\bhas it in stock\b", "any delays on the northern line"),
    Cue("web", rf"^(?:what|whats|what's|whose|who(?! wrote| sang| painted)|who's|was there|were there|when|where|which|is|are|any|do i|do we|does|did|will|would|have i|has|how (?:warm|cold|hot|busy|late|long|are the|is the|was the))\b.{{0,100}}\b(?<!after )(?<!before )(?:{_WHEN_OR_NEAR}|at (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon|midnight|\d{{1,2}}(?::\d\d)?)(?: ?[ap]m)?|in the world today)(?: (?:morning|afternoon|evening|night|then|please|or not))?$", "who am I meeting at two"),
    Cue("weather", r"^(?:rain|snow|sun|weather|price|lows?|highs?|traffic)\b.{0,40}\b(?:today|tonight|tomorrow|now)$", "price of a stamp now"),
)  # fmt: skip

# Said anywhere in a clause.
ANYWHERE = (
    Cue("weather", r"\bweather check\b|\b(?:tell me|check|know|see) (?:if|whether) it\b.{0,25}\b(?:rain|snow|storm|sunny|cold|hot|freez|warm|wet)", "tell me if it will snow on Friday"),
    Cue("camera", r"\bhave a look$|\blook at me\b", "does this shirt go with these trousers, have a look"),
    Cue("web", rf"\bi(?:'d| would|'ll| will)?(?:'m| am)? (?:also |just |really |be |actually |going to be )?(?:like|want|need|needing|prefer|looking for|searching for)(?: to (?:find|book|get|visit|see|attend|rent|stay in))? {_SOME}{_BOOKED}\b", "I need a hotel"),
    Cue("reminders", r"\bremind me(?:$| (?:to|at|on|in|tomorrow|tonight|later|when)\b)", "tomorrow at six, remind me to leave"),
    Cue("web", r"\b(?:search|look|check|find) (?:[\w'’]+ ){0,4}?(?:online|on (?:the (?:web|internet)|google))\b|\bweb search\b", "who is the prime minister, check online"),
    Cue("weather", r"\b(?:how(?:'s| is| will| would)|what(?:'s| is| will| would)) the (?:weather|forecast)\b", "on Sunday how's the weather there"),
    Cue("web", r"\bfind out (?:when|what time|if|whether|how late) (?:the|my|our)\b.{0,60}\b(?:opens?|closes?|leaves?|arrives?|starts?|comes?|runs?|has|delivers?)\b", "find out when the pharmacy closes"),
    Cue("files", r"(?:^|\s)(?:~/|/Users/|/Volumes/)", "what's in ~/Documents/tax"),
    Cue("kept", r"\b(?:on|in|to|from|according to|check|open) (?:my|our) (?:calendar|inbox|contacts|address book|reminders|desktop|screen)\b", "a birthday in my contacts"),
    Cue("screen", r"\bwhat i have (?:open|here)\b|\bthis error on\b", "can you see what I have open here"),
)  # fmt: skip

# What comes after such a text was written, and needs a tool all the same: "write an email to Sam and send it".
DELIVERED = re.compile(
    r"\b(?:and|then) (?:then |please )?(?:send|e-?mail|text|save|post|print|share|read out|forward) (?:it|that|this|them|[\w']+ (?:the|an?) )",
    re.I,
)

# A request for a text, for an explanation or for advice, whatever its words are about.
TEXTS = (
    "write, draft, compose, rewrite, rephrase, reword, paraphrase, translate, proofread, edit, correct, convert, summarise, summarize,"
    "explain, describe, define, discuss, compare, contrast, categorize, classify, analyze, analyse, decide, determine, identify, suggest,"
    "recommend, brainstorm, imagine, pretend, invent, design, outline, plan, prepare, generate, create, come up with, think of, provide,"
    "complete, fill, list, name, give me an idea, give me a tip, give me tips, give me advice, give an example, give me an example,"
    "give me a, give me some, give me five, give me three, give some, tell me a story, tell me a joke, tell me why, tell me how to, include,"
    "help me write, help me draft, help me word, help me phrase, help me understand, help me come up, help me think, help me plan,"
    "make up, make a plan, make a list, make a poem, make me laugh, make a to-do, make a packing, turn this, turn that, turn these,"
    "turn it into, sort these, sort the, how do i, how do you, how do we, how can i, how can we, how can you, how should i, how should we,"
    "how to, how would, how could, how do, how does, how did, how come, how come, why, what is a, what is an, what's a, what's an,"
    "what are the benefits, what is the difference, what's the difference, what does it mean, what does the phrase, what do you think,"
    "what do you call, what should, what could i say, what would you, what kind of, what makes, what's the meaning, what is the meaning,"
    "what's another, what's the opposite, what's a good, is it rude, is it ok, is it okay, is it normal, is it bad, is it possible to learn,"
    "do you think, do people, should i tell, should i call, should i ask, should you, spell, pronounce, quiz me, teach me, read this,"
    "act as, role-play, roleplay, remind me what, remind me how, remind me who, remind me why, remind me which, a poem, a haiku, a story"
)  # fmt: skip
# "Give me the forecast" and "create a folder" begin as requests for a text do.
_NOT_A_TEXT = re.compile(
    r"(?:give me (?:the|today's|my|some news|a weather|a forecast|a call|a wake)|create (?:an?|the|another) (?:\w+ ){0,2}(?:folder|reminder|event|meeting"
    r"|appointment|alarm|timer|note|contact|calendar)\b|edit (?:my|the) (?:calendar|contact|reminder|alarm|note)|list (?:my|all my|the files)"
    r"|complete (?:the|my) (?:task|reminder|to-?do)|give me a (?:ring|reminder|shout|nudge|buzz)|what's a good \w+ (?:near|in)\b|sort the (?:files|folder|photos)"
    r"|summari[sz]e (?:my|our|unread|all my|today's)|(?:explain|describe|translate|correct) .{0,60}\bon (?:my|the|this) screen|write (?:that|this|it|these) (?:down|to|in)"
    r"|convert (?:this|that|the|my) (?:pdf|file|document|photo|video|recording)|how do i (?:look|get (?:to|from|home))|write down (?:that|my|this|what)|fill (?:in|out) (?:this|the|that|my) (?:\w+ )?(?:form|application|field|page)"
    r"|convert .{1,50}\b(?:dollars?|euros?|pounds?|yen|francs?))\b",
    re.I,
)
# Material that follows, or was given: the request is about a text that is there.
_GIVEN = re.compile(
    r"\b(?:the|this|these|each) (?:given|provided|above|below)\b|\b(?:e-?mail|messages?|text|sentences?|paragraph|list|code|words?|table|passage|conversation) (?:above|below)\b|\bgiven (?:the|an?|information|word|list|text)\b|\bbased on (?!my\b|our\b)"
    r"|\b(?:the|this) following (?!day|week|month|morning|monday|tuesday|wednesday|thursday|friday|saturday|sunday)|\bas follows\b",
    re.I,
)

# What people say before what they ask for. Those that begin with "i" leave a clause that tells of something alone.
POLITE = (
    # Greetings, thanks, hesitation
    r"hi|hey|hello|fae|ok|okay|yes|yep|yeah|no|sure|great|cool|good|fine|alright|all right|actually|oh|um|uh|please|kindly|not bad|thank goodness",
    r"thanks(?: a lot| so much)?|thank you(?: so much| very much)?",
    r"so|well|and|then|now|also|just|but|or|perhaps|maybe|later|right now|quickly|for now|in fact|if|whether|to|go ahead and",
    # Asking whether somebody can
    r"(?:can|could|would|will|may|might) (?:you|i|we)|be able to|would you mind|do you mind|is it possible (?:for you )?to",
    r"i (?:was|am) wondering if you (?:can|could)|i wonder if|you (?:could|can)",
    r"you (?:could|can|should|must|need|will need|have)(?= to\b| help\b)|let's|let us|let me|help me(?: out)?|help|your help",
    # Wishing
    r"i(?:'d| would) like it if you (?:can|could)|i(?:'d| would) (?:really |also |just )?(?:like|love)(?: you)?(?= to\b)|i(?:'d| would| will|'ll| must| should)|we (?:want|need)",
    r"i(?: will|'ll) (?:also )?need|i(?:'m| am) (?:going to be needing|hoping|trying|going)|i(?:'m| am)(?= (?:looking|searching|seeking|interested))",
    r"i (?:also |just |really |actually |still )?(?:want|need|wish|wanna|gotta|have(?= to\b))(?: you| your help)?|i(?= prefer\b)",
    # Wishing to know
    r"do you know|find out(?= (?:when|if|whether|what|who|how|where)\b)|tell me(?= (?:what|when|where|who|how|if|whether|the|about)\b)",
    r"try(?= (?:looking|searching|finding|to find)\b)",
)  # fmt: skip
_SENTENCE = re.compile(r"[.!?]+(?:\s|$)|\n+")
_CLAUSE = re.compile(r"[,;:]\s|\s(?:and|but|then)\s", re.I)


def _any(patterns: list[str]) -> re.Pattern:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.I)


# The longest first, where one is the beginning of another.
_POLITE = re.compile(
    "(?:(?:" + "|".join(reversed(POLITE)) + r")(?:[\s,]+|$))*",
    re.I,
)
_BEGINS = _any([cue.pattern for cue in CUES])
_PRESENT = _any([cue.pattern for cue in PRESENT])
_HOLDS = _any([cue.pattern for cue in ANYWHERE])
_IS_TEXT = _any(
    [re.escape(opener.strip()) + r"\b" for opener in TEXTS.split(",")]
    + [r"(?:make|change|improve|fix|shorten|lengthen|polish|finish|retrieve|check) (?:this|the|these) (?:\w+ )?(?:e-?mail|text|message|sentence"
       r"|paragraph|letter|note|poem|list|line|response|reply|tone|word|wording|grammar|spelling|information)s?\b"]
)  # fmt: skip
# A clause that tells of something: its words are no request.
_TELLS = re.compile(
    r"(?:i|i'm|i've|my|our|we|he|she|they|it|it's|this is|there|the|his|her|their|people|everyone|someone|some)\b(?! weather| forecast| temperature| current)",
    re.I,
)


def needs_tool(request: str) -> bool:
    """Whether `request` asks for something that only a tool can do or know."""
    paragraphs = [part for part in re.split(r"\n\s*\n", request.replace("’", "'")) if part.strip()]
    if not paragraphs:
        return False
    sentences = _sentences(paragraphs[0])
    # A line that ends a letter may ask for something ("Add this to my calendar"); anything longer is what was given.
    last = paragraphs[-1].strip()
    if len(paragraphs) > 1 and "\n" not in last and not any(map(_is_about_a_text, sentences)):
        sentences += _sentences(last)
    for sentence in sentences:
        if DELIVERED.search(sentence):
            return True
        if _is_about_a_text(sentence):
            # "Rewrite this: Send me the report. Call the office." What follows is the text.
            if ":" in sentence or _GIVEN.search(sentence):
                return False
            continue
        clauses = _CLAUSE.split(sentence)
        if any(map(_asks, clauses if len(clauses) == 1 else [*clauses, sentence])):
            return True
    return False


def _sentences(paragraph: str) -> list[str]:
    whole = (" ".join(part.split()) for part in _SENTENCE.split(paragraph))
    return [part for part in whole if part]


def _is_about_a_text(sentence: str) -> bool:
    if _GIVEN.search(sentence):
        return True
    asked = _asked(sentence)
    return bool(_IS_TEXT.match(asked)) and not _NOT_A_TEXT.match(asked)


def _asked(clause: str) -> str:
    """`clause` without the words of politeness and wishing before what is asked for."""
    return clause[_POLITE.match(clause + " ").end() :][:LONGEST_CLAUSE].strip()


def _asks(clause: str) -> bool:
    asked = _asked(clause)
    if _HOLDS.search(clause[:LONGEST_CLAUSE]):
        return True
    if _TELLS.match(asked):
        return False
    return bool(_BEGINS.match(asked) or _PRESENT.search(asked))
