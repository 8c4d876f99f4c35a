"""Valid, unique Dart names from whatever features, categories and models are called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

#: Every word with a meaning in Dart; some could be names in places, none is worth the doubt.
KEYWORDS = frozenset(
    """abstract as assert async augment await base bool break case catch class const continue covariant default deferred
    do double dynamic else enum export extends extension external factory false final finally for Function get hide if
    implements import in int interface is late library macro mixin new Never null num of on operator part required
    rethrow return sealed set show static super switch sync this throw true try type typedef var void when while with
    yield""".split()  # noqa: SIM905 (a paragraph of words)
)
#: What every object has.
OBJECT = frozenset(("hashCode", "runtimeType", "toString", "noSuchMethod"))
#: Types of dart:core and dart:typed_data that generated code uses, or that a reader would take for those.
CORE_TYPES = frozenset(
    """Object String List Map Set Iterable Future Stream Duration DateTime Uri Enum Type Error Exception Record Symbol
    Function Null Never BigInt Pattern RegExp Float32List Float64List Uint8List""".split()  # noqa: SIM905
)
#: Two names and what is around them fit a line of 80.
MAX_LENGTH = 32

_LETTERS: Mapping[str, str] = {
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o",
    "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "þ": "th", "ð": "d", "ı": "i",
    "%": " percent ", "&": " and ", "°": " deg ", "µ": "u", "μ": "u", "€": " euro ", "$": " dollar ",
}  # fmt: skip


def words(text: str) -> list[str]:
    """Return the words of a text in ASCII letters and digits; what has no such form is left out."""
    spelled = "".join(_LETTERS.get(c, c) for c in unicodedata.normalize("NFC", text))
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Za-z0-9]+", re.sub(r"(?<=[A-Za-z])'(?=[A-Za-z])", "", plain))


def type_name(text: str, fallback: str) -> str:
    """Return UpperCamelCase for a text; `fallback` where nothing of it can be spelled."""
    name = "".join(_capital(word) for word in words(text))[:MAX_LENGTH]
    if not name:
        return fallback
    return name if name[0].isalpha() else f"{fallback}{name}"[:MAX_LENGTH]


def member_name(text: str, fallback: str) -> str:
    """Return lowerCamelCase for a text; `fallback` where nothing of it can be spelled."""
    parts = words(text)
    if not parts:
        return fallback
    first = parts[0].lower() if parts[0].isupper() else parts[0][0].lower() + parts[0][1:]
    name = (first + "".join(_capital(word) for word in parts[1:]))[:MAX_LENGTH]
    return name if name[0].isalpha() else f"{fallback}{name[0].upper()}{name[1:]}"[:MAX_LENGTH]


def file_name(text: str, fallback: str) -> str:
    """Return lower_case_with_underscores for a text: the name of a package or a file."""
    name = "_".join(word.lower() for word in words(text))[:MAX_LENGTH].rstrip("_")
    if not name:
        return fallback
    return name if name[0].isalpha() else f"{fallback}_{name}"


def unique(name: str, taken: Iterable[str], suffix: str = "Value") -> str:
    """Return the name, changed until it is no keyword, no member of every object and not in `taken`."""
    used = set(taken) | KEYWORDS | OBJECT
    if name not in used:
        return name
    candidate, number = (f"{name}{suffix}", 2) if name in KEYWORDS | OBJECT else (f"{name}2", 3)
    while candidate in used:
        candidate, number = f"{name}{number}", number + 1
    return candidate


def members(texts: Iterable[str], fallback: str, taken: Iterable[str] = ()) -> list[str]:
    """Return a member name for each text, no two alike; `fallback1`, `fallback2`, ... where nothing can be spelled."""
    found: list[str] = []
    own = set(taken)
    for number, text in enumerate(texts, 1):
        spelled = member_name(text, fallback)
        found.append(unique(f"{fallback}{number}" if spelled == fallback else spelled, own | set(found)))
    return found


def _capital(word: str) -> str:
    return word[0].upper() + (word[1:].lower() if word.isupper() else word[1:])
