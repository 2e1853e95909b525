"""Who is who: the spellings of a person's names and addresses, folded so that one person is one.

A run says who started it by a login, a commit by the hash of an address, an approval by a staff id.
They are compared here and nowhere else. The law of folding is in docs/evidence.md, "Who is who".
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

WORKER = "worker"  # the holder of the roles' own keys, who is no person

# ASCII alone, because two alphabets have letters that look alike: a Cyrillic A would make a
# second person of the first. No space and no control character either.
_WRITABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+\\-]{0,127}")

# What text can hold without showing it: control, format and separator characters.
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
# Letters and marks by their category that nobody sees either: what else has the property
# Default_Ignorable_Code_Point (DerivedCoreProperties.txt), and the empty pattern of Braille.
_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


@lru_cache(maxsize=4096)  # each reader of a log compares the same few names over and over
def fold_name(name: str) -> str:
    """Return the spelling by which a staff id or a login is compared.

    NFKC, casefold, and NFKC again, for folding can undo it (Unicode 3.13, D145); without what
    nobody sees. It only makes more spellings one, and so never makes two people of one.
    """
    composed = unicodedata.normalize("NFKC", _BLANKS.sub("", name)).casefold()
    return "".join(
        character
        for character in unicodedata.normalize("NFKC", composed)
        if unicodedata.category(character) not in _INVISIBLE
    )


def is_writable_name(name: str) -> bool:
    """Say whether a staff id or a login can be enrolled: ASCII, 1 to 128 characters, no space."""
    return _WRITABLE.fullmatch(name) is not None


def person_sha256(email: str) -> str:
    """Return how a person's address is written into evidence: hashed, so that it only compares.

    In small letters and without a tag: `Ann+git@bank` reaches ann@bank (RFC 5233 calls it
    subaddressing). Dots are letters: most servers tell `a.nn@bank` from `ann@bank`.
    """
    user, at, server = email.strip().lower().rpartition("@")
    # `+x@bank` is no tag of anybody: nothing would be left of the address.
    untagged = user.partition("+")[0] or user
    return _address_sha256(f"{untagged}{at}{server}")


def addresses_sha256(email: str) -> tuple[str, ...]:
    """Return every hash under which evidence may know an address.

    The second is of the address with its tag, as commits were signed for before tags were left out.
    """
    hashes = (person_sha256(email), _address_sha256(email.strip().lower()))
    return tuple(dict.fromkeys(value for value in hashes if value))


def _address_sha256(address: str) -> str:
    if not address:
        return ""
    # The prefix keeps these hashes apart from others of the same address. It hides no address from
    # whoever can guess it: evidence only needs to compare them.
    return hashlib.sha256(b"portcullis/person/v1\n" + address.encode()).hexdigest()


@dataclass(frozen=True)
class Identity:
    """Everything by which one person is known: `names` are folded, addresses are hashes."""

    names: frozenset[str] = frozenset()
    emails_sha256: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str], emails_sha256: Iterable[str] = ()) -> "Identity":
        """Return the identity of whoever has these names and addresses.

        A name with an `@` is an address, too: it is the same person whose commits carry it.
        """
        # A name that folds to nothing would be shared by everybody else whose name does.
        spelt = [name for name in names if fold_name(name)]
        of_names = (value for name in spelt if "@" in name for value in addresses_sha256(name))
        addresses = frozenset((*emails_sha256, *of_names)) - {""}
        return cls(frozenset(map(fold_name, spelt)), addresses)

    def shares(self, other: "Identity") -> bool:
        """Say whether both may be one person: one name or one address in common is enough."""
        return bool(self.names & other.names or self.emails_sha256 & other.emails_sha256)

    def joined(self, other: "Identity") -> "Identity":
        """Return what is known of both, as of one person."""
        return Identity(self.names | other.names, self.emails_sha256 | other.emails_sha256)
