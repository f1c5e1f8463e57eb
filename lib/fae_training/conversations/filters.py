"""What a single turn must not be to be learned from. Each reason is a word that meta.json counts by."""

import re

from fae_training.conversations import secrets
from fae_training.conversations.text import WORD

# Fae cuts a record at 32,768 characters; 8,000 are about the 2,048 tokens of the longest preset.
LONGEST_TURN = 8000
REDACTED = "[REDACTED_"

# Requests that Fae can only meet with a tool. Without one the reply was a guess or a pretence, and earlier tunes
# that saw such replies called 2 tools of 10 where the base model had called 10.
_NEEDS_TOOL = re.compile(
    r"\b(?:calendar|schedul(?:e|ed|ing)|meetings?|appointments?|remind(?:er|ers| me)?|to-?do|task list|timers?|alarms?"
    r"|weather|headlines?|(?:latest|today's) news|news about|search (?:the web|online|for)|web search|look (?:\w+ )?up"
    r"|google|e-?mails?|mail|inbox|contacts?|phone number|notes?|jot down|files?|folders?|path|screenshots?|camera"
    r"|photos?|pictures?|(?:on )?my screen|screen recording|click|type text|scroll|turn (?:on|off)|play (?:some|the|my))\b"
    r"|~/|/Users/",
    re.I,
)

# Replies that say something was done, or is being done, outside the conversation.
_ACTION = (
    r"set|added|add|created?|creat(?:ing)|schedul(?:e|ed|ing)|book(?:ed|ing)?|sen[dt]|sending|emailed|texted|messaged|saved?|saving"
    r"|deleted?|deleting|removed?|moved?|updated?|updating|turned|turning|opened|opening|started (?:the|a|your)|stopped|paused"
    r"|cancel(?:l?ed)?|ordered|made a note|written down|put (?:it|that|them) (?:on|in)|called|search(?:ed|ing)|looked (?:up|online)"
    r"|check(?:ed|ing)|pull(?:ed|ing) up|played|playing|installed|downloaded|logged"
)
_CLAIMS_ACTION = re.compile(
    rf"\b(?:I've|I have|I'll|I will|I'm|I am|I just|let me|I can see you)\s+(?:just |now |already |quickly |go ahead and |gone ahead and )*(?:{_ACTION})\b"
    r"|\bI (?:have |just |already )?(?:set|added|created|scheduled|booked|sent|emailed|texted|messaged|saved|deleted|removed|moved|updated"
    r"|turned (?:on|off|up|down)|cancell?ed|ordered|searched|checked|looked (?:up|online)|opened) (?!out\b|myself\b|about\b)"
    r"|\b(?:let me|I'll) (?:check|look|search|find out|pull up|see what)\b"
    r"|\b(?:checking|searching|looking up|pulling up|opening|setting|adding|sending|scheduling|creating) (?:your|the|that|it|for|a|an|now)\b"
    r"|\b(?:reminder|timer|alarm|message|e-?mail|note|event|appointment|meeting)s?\s+(?:is |are |has been |have been )?(?:now )?(?:set|sent|added|created|saved|scheduled|booked|cancelled|deleted|running)\b"
    r"|\b(?:your|the) (?:calendar|inbox|reminders?|e-?mails?|screen|schedule|contacts?|forecast) (?:shows?|says?|has|looks?|is (?:empty|clear))\b"
    r"|\baccording to (?:the web|my search|your (?:calendar|e-?mail|notes))\b|\bI (?:found|searched|checked|looked) (?:it |that )?(?:online|on the web|the web|your)\b"
    r"|^(?:done|all done|all set|sent|added|saved|deleted|created)\b[.!,]",
    re.I | re.M,
)  # fmt: skip
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
    if _NEEDS_TOOL.search(user.replace("’", "'")):
        return "needs_tool"
    if secrets.find(user) or secrets.find(reply):
        return "secret"
    return None
