"""What a single turn must not be to be learned from. Each reason is a word that meta.json counts by."""

import re

from fae_training.conversations import secrets, tool_requests
from fae_training.conversations.text import WORD

# Fae cuts a record at 32,768 characters; 8,000 are about the 2,048 tokens of the longest preset.
LONGEST_TURN = 8000
REDACTED = "[REDACTED_"

# Without a tool the reply to a request for one was a guess or a pretence, and earlier tunes that saw such replies called
# 2 tools of 10 where the base model had called 10. So requests for a tool (tool_requests) go, and so do replies that say
# that something was done, or is being done, outside the conversation: each form with a reply that has it.
_DONE = (
    r"set|added|created|scheduled|booked|sent|emailed|texted|messaged|saved|deleted|removed|moved|updated|turned|opened|started (?:the|a|your|playing)"
    r"|stopped|paused|cancell?ed|ordered|made (?:a note|your|the|that) ?\w*|written down|put (?:it|that|them) (?:on|in)|called|searched|looked (?:up|online)|checked"
    r"|pulled up|played|installed|downloaded|logged|purchased|bought|reserved|rented|transferred|placed your|initiated|confirmed your"
)
_DOING = r"setting|adding|creating|scheduling|booking|sending|saving|deleting|updating|turning|opening|cancelling|searching|checking|pulling up|playing"
_WILL_DO = r"set|add|create|schedule|book|send|save|delete|remove|move|update|turn|open|cancel|order|call|search|check|pull up|play|install|download|make a note|reserve|look (?:up|online)"
_JUST = r"(?:just |now |already |quickly |successfully |go ahead and |gone ahead and )*"
CLAIMS = (
    (rf"\b(?:I've|I have|I just|I was able to) {_JUST}(?:{_DONE})\b", "I've added it to your list."),
    (rf"\b(?:I'll|I will|let me) {_JUST}(?:{_WILL_DO})\b", "I'll set that up."),
    (rf"\b(?:I'm|I am) {_JUST}(?:{_DOING})\b", "I'm sending it now."),
    (r"\bI can see you", "I can see you at your desk."),
    (r"(?<!do )(?<!did )(?<!should )(?<!shall )(?<!can )(?<!could )(?<!may )(?<!would )(?<!if )(?<!when )\bI (?:have |just |already )?(?:set|added|created|scheduled|booked"
     r"|sent|emailed|texted|messaged|saved|deleted|removed|moved|updated|turned (?:on|off|up|down)|cancell?ed|ordered|searched|checked|looked (?:up|online)|opened)"
     r" (?!out\b|myself\b|about\b)", "I booked the table."),
    (r"\b(?:let me|I'll) (?:check|look|search|find out|pull up|see what)\b", "Let me check."),
    (r"(?:^|[.!?,:] |\b(?:now|okay|sure|alright) )(?:checking|searching|looking up|pulling up|opening|setting|adding|sending|scheduling|creating) (?:your|the|that|it|for|a|an|now)\b(?! (?:\w+ ){0,6}(?:is|can|will|helps?|makes?)\b)",
     "Sure, checking your calendar."),
    (r"\b(?:your|the|that) (?:\w+ ){0,2}?(?:reminder|timer|alarm|message|e-?mail|note|event|appointment|meeting|visit|reservation|booking|order|payment|transfer|table|rooms?|hotel|tickets?|movie|car|vehicle|song|music|cab|ride|purchase)s?"
     r"\s+(?:(?:is|are|was|were|has been|have been) )?(?:now |all |being |successfully |been )*(?:set|sent|made|complete|added|created|saved|scheduled|booked|cancelled|deleted|running|reserved|purchased|rented|confirmed|successful|initiated|playing|starting)\b(?! (?:by|to|with|of|from)\b)",
     "Your table is booked."),
    (r"\b(?:reminder|timer|alarm)s? (?:is |are |has been )?(?:now )?(?:set|running|cancelled|deleted)\b", "Timer set for ten minutes."),
    (r"\bit(?:'s| is|'s been| has been) (?:now |all |successfully )*(?:booked|reserved|scheduled|sent|in your (?:calendar|list|notes))\b", "It's booked."),
    (r"\bI (?:was (?:un|not )able to|couldn't|could not) (?:book|reserve|make (?:the|that|your) (?:booking|reservation|appointment)|buy|purchase|schedule|set|add|send|play|rent|complete)\b", "Sorry, I couldn't add it."),
    (r"^(?:ok(?:ay)?,? )?(?:do )?enjoy (?:listening to )?(?:the|your) (?:music|song|tunes)\b", "Enjoy the music."),
    (r"\b(?:your|the) (?:calendar|inbox|reminders?|e-?mails?|screen|schedule|contacts?|forecast) (?:shows?|says?|has|looks?|is (?:empty|clear))\b", "Your calendar is empty."),
    (r"\baccording to (?:the web|my search|your (?:calendar|e-?mail|notes))\b|\bI (?:found|searched|checked|looked) (?:it |that )?(?:online|on the web|the web|your)\b", "According to your calendar, no."),
    (r"^(?:done|all done|all set|all booked|sent|added|saved|deleted|created|booked)\b[.!,]", "Done."),
)  # fmt: skip
_CLAIMS_ACTION = re.compile("|".join(f"(?:{pattern})" for pattern, _ in CLAIMS), re.I | re.M)
_MARKUP = re.compile(
    r"</?(?:tool_call|tool_response|think|function|voice)\b|<\|im_(?:start|end)\|>", re.I
)


def split_episode(text: str) -> tuple[str, str] | None:
    """What the user said and what Fae answered in an episode's text; None where it is not a turn."""
    if not text.startswith("User: "):
        return None
    user, _, reply = text[len("User: ") :].partition("\nAssistant: ")
    return user.strip(), reply.strip()


def reason_to_leave_out(user: str, reply: str) -> str | None:
    """Why this turn must not be learned from, as a word; None when it may be."""
    if not WORD.search(user) or not WORD.search(reply):
        return "empty"
    if REDACTED in user or REDACTED in reply:
        return "redacted"
    if len(user) + len(reply) > LONGEST_TURN:
        return "too_long"
    if "�" in user or "�" in reply:
        return "unreadable"
    if _MARKUP.search(reply) or _MARKUP.search(user):
        return "markup"
    # Fae's lines mix straight and typographic apostrophes.
    if _CLAIMS_ACTION.search(reply.replace("’", "'")):
        return "claims_action"
    if tool_requests.needs_tool(user):
        return "needs_tool"
    if secrets.find(user) or secrets.find(reply):
        return "secret"
    return None
