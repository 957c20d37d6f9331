"""Forms of common English verbs, to find where the subject of a question ends and to ask with the base form."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

BE = ("is", "are", "was", "were", "will be", "has been", "have been")
AUXILIARIES = ("did", "does", "do", "has", "have", "had", "will", "can", "could", "would", "may", "must", "should")

_REGULAR = """
    add admit announce appear arrive ask attend attract bake belong borrow call carry cause charge claim climb close
    collect complete contain cost count cover create cross damage deliver depart design destroy die discover donate
    earn elect employ end enter erect establish exhibit export finish flood found gain gather handle harvest hire host
    inaugurate import injure invent issue join kill land last launch lend live look manage manufacture marry measure
    move name need occur open operate order paint perform pick plant play pour praise print produce publish pull
    purchase raise reach receive record register release remain rent repair repeat replace report rescue restore resign
    retire return sail save score serve settle show sign spill start stay stock stop store study suffer supply take
    train transport travel treat turn use visit vote wait walk want weigh work
"""
_IRREGULAR = """
    be:was,were,been become:became begin:began,begun bring:brought build:built burn:burnt,burned buy:bought catch:caught
    come:came cost:cost cut:cut draw:drew,drawn drink:drank,drunk drive:drove,driven eat:ate,eaten fall:fell,fallen
    feed:fed find:found fly:flew,flown gain:gained get:got give:gave,given go:went,gone grow:grew,grown have:had
    hit:hit hold:held keep:kept lay:laid lead:led leave:left lend:lent lose:lost make:made meet:met pay:paid put:put
    read:read ride:rode,ridden rise:rose,risen run:ran see:saw,seen sell:sold send:sent set:set show:showed,shown
    sing:sang,sung sit:sat sleep:slept speak:spoke,spoken spend:spent stand:stood swim:swam,swum take:took,taken
    teach:taught tell:told think:thought throw:threw,thrown wear:wore,worn win:won write:wrote,written
    bear:born,bore
"""
_VOWELS = "aeiou"
_MAX_VERB = 5
"""Most words of a verb and what follows it."""
_NOUN_LIKE = """
    show play plant store score visit vote stop work record report land plan study train exhibit supply flood harvest
    move paint end issue produce purchase register rent repair return start use walk ride run sign need
"""
_OFTEN_NOUNS = frozenset(_NOUN_LIKE.split())
"""Base forms that are a noun where another verb follows: "did the evening show open"."""
_NO_VERB_AFTER = frozenset({"the", "a", "an", "of", "in", "and", "its", "his", "her", "their", "more", "no", "any"})


def base_form(word: str) -> str | None:
    """Return the base form of a verb's form; `None` for other words."""
    return _forms().get(word)


def is_past(word: str) -> bool:
    """Return whether a word is a known past form, or participle."""
    return word in _past()


def split_subject(words: Sequence[str], after_be: bool) -> int | None:
    """Return where the verb begins in "the museum open" (or, after "was", "the museum built"); `None` if unclear.

    The verb is lower case, is not the first word, and takes only a few words after it.
    """
    for at in range(1, len(words)):
        word = words[at]
        is_verb = (is_past(word) or (word.endswith("ed") and len(word) > 4)) if after_be else base_form(word) == word
        following = words[at + 1] if at + 1 < len(words) else ""
        is_noun = word in _OFTEN_NOUNS and base_form(following) == following and following not in _OFTEN_NOUNS
        if is_verb and not is_noun and words[at - 1].lower() not in _NO_VERB_AFTER and len(words) - at <= _MAX_VERB:
            return at
    return None


@cache
def _forms() -> dict[str, str]:
    forms: dict[str, str] = {}
    for base in _REGULAR.split():
        forms |= {base: base, _with_s(base): base, _with_ed(base): base}
    for entry in _IRREGULAR.split():
        base, _, past = entry.partition(":")
        forms |= {base: base, _with_s(base): base} | {form: base for form in past.split(",")}
    forms |= {"has": "have", "does": "do"}
    # "found" is more often the base form in questions: "When did they found …", "was founded".
    return {form: base for form, base in forms.items() if form not in ("be", "was", "were", "been", "is")}


@cache
def _past() -> frozenset[str]:
    regular = {_with_ed(base) for base in _REGULAR.split()}
    irregular = {form for entry in _IRREGULAR.split() for form in entry.partition(":")[2].split(",")}
    return frozenset(regular | irregular) - {"was", "were", "been", "cost", "cut", "hit", "put", "set", "read"}


def _with_s(base: str) -> str:
    if base.endswith("y") and base[-2] not in _VOWELS:
        return f"{base[:-1]}ies"
    return f"{base}es" if base.endswith(("s", "sh", "ch", "x", "o")) else f"{base}s"


def _with_ed(base: str) -> str:
    if base.endswith("e"):
        return f"{base}d"
    if base.endswith("y") and base[-2] not in _VOWELS:
        return f"{base[:-1]}ied"
    doubled = base in ("stop", "admit", "occur", "plan")
    return f"{base}{base[-1]}ed" if doubled else f"{base}ed"
