"""Guess what columns are for, from their names and from what their values look like.

Wherever two roles are possible, the guess is the one that protects more.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from flows.drafting.dialects import guess_date_formats
from flows.drafting.sampling import SAMPLE_ROWS, SampledFile
from tasks.config.cases import Role
from tasks.redaction.columns.looks import look
from tasks.stages.ingest.reading.file import NO_NUMBER

PROTECTED = {
    "sex", "gender", "race", "ethnicity", "ethnic", "religion", "marital", "married", "nationality",
    "disability", "disabled", "veteran", "pregnant", "orientation", "colour", "color",
    "citizenship",
    # names of groups, where a file has a column of 0 and 1 for each
    "male", "female", "black", "white", "hispanic", "hispan", "latino", "asian", "native",
    "foreign",
    "minority", "old", "young",
    # German, French, Spanish
    "geschlecht", "ethnie", "herkunft", "konfession", "familienstand", "staatsangehörigkeit",
    "staatsangehoerigkeit", "nationalität", "nationalitaet", "behinderung", "schwerbehindert",
    "schwanger", "hautfarbe", "verheiratet",
    "sexe", "genre", "ethnicité", "nationalité", "nationalite", "handicap", "état_civil",
    "sexo", "género", "genero", "raza", "etnia", "religión", "nacionalidad", "discapacidad",
    "estado_civil",
}  # fmt: skip
FAVOURABLE = {
    "target", "label", "outcome", "approve", "approved", "accept", "accepted", "repaid", "granted",
    "decision", "eligible", "genehmigt", "bewilligt", "accordé", "aprobado",
}  # fmt: skip
UNFAVOURABLE = {
    "reject", "rejected", "decline", "declined", "denied", "default", "defaulted", "fraud", "churn",
    "churned", "readmitted", "lapsed", "abgelehnt", "refusé", "rechazado",
}  # fmt: skip
TARGETS = FAVOURABLE | UNFAVOURABLE
FLAGS = {"0": "0", "1": "1", "0.0": "0", "1.0": "1"}  # a column with gaps is often exported so
IDS = {"id", "key", "no", "nr", "number", "code", "ref", "reference", "uuid", "guid"}
NO_NUMBERS = frozenset(NO_NUMBER)
LEAST_DISTINCT = 20  # fewer values that all differ are chance
LONG_DIGITS = 9  # a whole number as long as this is a number of somebody or something
KINDS = {"iban": "account", "card": "account"}  # what looks like one is declared as an account
# What columns of people's names are called in German, French and Spanish; `look` knows English.
NAMES = {
    "nachname", "vorname", "familienname", "nom", "prénom", "prenom", "apellido", "apellidos",
    "nombre",
}  # fmt: skip
KEYS = (Role.IDENTIFIER, Role.SUBJECT)
IDENTIFYING = ("email", "ssn", "account", "phone")
# Words for yes and no, which say nothing of a person; other values are never written down.
YES = ("yes", "y", "ja", "j", "oui", "si", "sí", "true", "t")
NO = ("no", "n", "nein", "non", "false", "f")
# A number with letters, as P012345 or AB-12/7.
NUMBER = re.compile(r"(?=\D*\d{3})[A-Za-z0-9][A-Za-z0-9/_.-]{3,31}")
PANDAS_INDEX = re.compile(r"__index_level_\d+__")
UNREADABLE_WHY = (
    "objects, lists, bytes, times of day or durations: of no kind, have what is needed delivered "
    "in columns of its own"
)
LEAST_SHARED = 0.05  # of the values of two keys, where both samples are of the first rows alone
LEAST_KEYS = 20  # different values of a key, at least


@dataclass(frozen=True)
class Guess:
    """What a column was taken for, and why."""

    column: str
    source: str
    role: Role
    kind: str
    why: str
    is_unique: bool  # every row of the sample has a value of its own
    date_formats: tuple[str, ...] = ()  # by which all its dates can be read; "": ISO 8601
    flag_words: tuple[tuple[str, int], ...] | None = None  # a target's that is no flag: to recode


def match_names(files: Sequence[SampledFile]) -> tuple[SampledFile, ...]:
    """Return the files with names under which each further one has one name in common: the key.

    A key that is called otherwise is found by its values; what else has a name that an earlier
    file has is another column, and gets its source's name in front.
    """
    matched = [files[0]]
    for file in files[1:]:
        base = matched[0]
        shared = [name for name in file.columns if name in base.columns]
        # Two columns of amounts share values, too: the key is one that identifies.
        key = next(
            (name for name in shared if guess_column("", name, base.columns[name]).role in KEYS),
            "",
        )
        names: dict[str, str] = {}
        if not key and (pair := _pair_of_keys(base, file)):
            own, key = pair
            names[own] = key
        taken = {name for other in matched for name in other.columns}
        for name in file.columns:
            if name in taken and name != key and name not in names:
                names[name] = f"{file.source}_{name}"
        matched.append(file.renamed(names) if names else file)

    return tuple(matched)


def _pair_of_keys(base: SampledFile, file: SampledFile) -> tuple[str, str] | None:
    """Return the column of `file` and that of `base` whose values are the same ones, if any are."""
    pairs = [
        (_overlap(base, theirs, file, own), own, theirs)
        for own, values in file.columns.items()
        if len(set(values)) >= LEAST_KEYS
        for theirs in base.columns
        if guess_column(base.source, theirs, base.columns[theirs]).role is Role.IDENTIFIER
    ]
    share, own, theirs = max(pairs, default=(0.0, "", ""))
    return (own, theirs) if share >= LEAST_SHARED else None


def _overlap(base: SampledFile, base_name: str, file: SampledFile, name: str) -> float:
    """Return the share of the smaller sample's different values that the other has, too."""
    ours = set(base.columns[base_name]) - {None}
    theirs = set(file.columns[name]) - {None}
    smaller = min(len(ours), len(theirs))
    return len(ours & theirs) / smaller if smaller else 0.0


@dataclass(frozen=True)
class JoinGuess:
    """How a further source is joined to the base; `by` is empty where nothing fits."""

    source: str
    by: str
    is_unique: bool
    order_by: str
    has_all: bool = True  # every key of the base's sample has a row, as far as samples tell


def guess_columns(files: Sequence[SampledFile]) -> tuple[Guess, ...]:
    """Return a guess for every column of every file; one at most is the subject, one the target.

    A column that joins two files is guessed once, for the first of them.
    """
    guesses: dict[str, Guess] = {}
    for file in files:
        for name, values in file.columns.items():
            if name not in guesses:
                guesses[name] = guess_column(file.source, name, values)
            if name in file.unreadable:
                guesses[name] = replace(
                    guesses[name], role=Role.DROPPED, kind="text", why=UNREADABLE_WHY
                )

    uses = {name: sum(name in file.columns for file in files) for name in guesses}
    if subject := _subject_of(list(guesses.values()), uses):
        why = f"{subject.why}; in {uses[subject.column]} of {len(files)} files"
        guesses[subject.column] = replace(subject, role=Role.SUBJECT, why=why)

    # Of several outcomes the favourable one: what the others say is only known afterwards, too.
    targets = sorted(
        (guess for guess in guesses.values() if guess.role is Role.TARGET),
        key=lambda guess: not words_of(guess.column) & FAVOURABLE,
    )
    for other in targets[1:]:
        why = f"its name is that of an outcome, and `{targets[0].column}` is the target"
        guesses[other.column] = replace(other, role=Role.DROPPED, why=why)
    return tuple(guesses.values())


def guess_column(source: str, name: str, values: Sequence[str | None]) -> Guess:
    """Return what a column looks like.

    It is never the subject: that takes all columns together.
    """
    present = [value for value in values if value is not None]
    distinct = set(present)
    codes = {FLAGS.get(value, value) for value in distinct - NO_NUMBERS}
    is_unique = len(distinct) == len(values) >= LEAST_DISTINCT
    words = words_of(name)

    appearance = look(name, present)
    kind = KINDS.get(appearance.kind, appearance.kind)
    why = appearance.why
    if words & NAMES and not appearance.is_clear:
        kind, why = "name", "its name is that of people's names"
    is_flag = codes == {"0", "1"}
    role = Role.FEATURE
    flag_words = None
    if words & TARGETS and (is_flag or len(codes) == 2):
        role, kind = Role.TARGET, "flag"
        why = "its name, and 0 and 1 alone"
        if not is_flag:
            flag_words = _flag_words(codes)
            why = "its name, and two values"
    elif words & PROTECTED:
        role, why = Role.PROTECTED, "its name is that of a protected attribute"
        kind = "flag" if is_flag else "category"
    elif is_flag:
        kind, why = "flag", "0 and 1 alone"
    elif not present:
        role, kind, why = Role.DROPPED, "text", "no values to look at"
    elif PANDAS_INDEX.fullmatch(name):
        role, why = Role.DROPPED, "an index that pandas wrote into the file"
    elif (
        # Of the name alone: nobody is called K000123.
        kind in ("text", "name")
        and len(distinct) >= LEAST_DISTINCT
        and all(map(NUMBER.fullmatch, distinct))
    ):
        role, kind, why = Role.IDENTIFIER, "account", "digits with letters: a number of somebody"
    elif kind == "number":
        role, kind, why = _guess_number(words, distinct, is_unique=is_unique, why=why)
    elif kind in ("date", "ip"):
        role = Role.QUASI
    elif kind == "text":
        role = Role.FREE_TEXT
    elif kind != "category":
        role = Role.IDENTIFIER
    formats = guess_date_formats(present) if kind == "date" else ()
    return Guess(name, source, role, kind, why, is_unique, formats, flag_words)


def _flag_words(values: Collection[str]) -> tuple[tuple[str, int], ...]:
    """Return two values with 1 for yes and 0 for no; nothing where they are other words."""
    if not all(value.lower() in (*YES, *NO) for value in values):
        return ()
    return tuple((value, int(value.lower() in YES)) for value in sorted(values, reverse=True))


def guess_joins(files: Sequence[SampledFile], guesses: Sequence[Guess]) -> tuple[JoinGuess, ...]:
    """Return a join for every file but the first.

    It is by the subject if both files have it, and else by a name that they share.
    """
    base, *others = files
    roles = {guess.column: guess for guess in guesses}
    subjects = [guess.column for guess in guesses if guess.role is Role.SUBJECT]
    joins: list[JoinGuess] = []
    for file in others:
        shared = [name for name in (*subjects, *file.columns) if name in base.columns]
        by = next((name for name in shared if name in file.columns), "")
        keys = file.columns.get(by, ())
        dates = [name for name in file.columns if roles[name].kind == "date"]
        # A sample of a larger file says nothing of whom it lacks.
        is_whole = file.rows < SAMPLE_ROWS
        has_all = not (by and is_whole and set(base.columns[by]) - set(keys))
        joins.append(
            JoinGuess(
                file.source,
                by,
                len(set(keys)) == len(keys),
                dates[0] if dates else "",
                has_all,
            )
        )

    return tuple(joins)


def words_of(name: str) -> set[str]:
    """Return the words of a column's name in lower case, and the name as one word."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    words = [word for word in re.split(r"[\W_]+", parts) if word]
    return {*words, parts, "_".join(words)}


def _guess_number(
    words: set[str], distinct: set[str], *, is_unique: bool, why: str
) -> tuple[Role, str, str]:
    """Return role, kind and reason of digits: identity is text, and no float can hold it."""
    is_whole = all(value.isdigit() for value in distinct)
    has_zeros = any(len(value) > 1 and value[0] == "0" for value in distinct)
    is_long = any(len(value) >= LONG_DIGITS for value in distinct)
    if is_whole and words & {"zip", "zipcode", "postcode", "postal", "plz", "code_postal"}:
        return Role.QUASI, "zip", "its name is that of a postal code"
    if words & {"age", "alter", "âge", "edad"}:
        return Role.QUASI, "age", "its name is that of an age"
    if is_whole and has_zeros:
        return Role.IDENTIFIER, "account", "digits with leading zeros: no number"
    if is_whole and (words & IDS or is_long or is_unique):
        reason = "its name" if words & IDS else "digits that all differ" if is_unique else "length"
        return Role.IDENTIFIER, "account", f"whole numbers that identify, by {reason}"

    return Role.FEATURE, "number", why


def _subject_of(guesses: Sequence[Guess], uses: dict[str, int]) -> Guess | None:
    """Return the likeliest join key of people: in most files, then unique, then by kind."""
    candidates = [
        guess for guess in guesses if guess.role is Role.IDENTIFIER and guess.kind in IDENTIFYING
    ]
    return max(
        candidates,
        key=lambda guess: (
            uses[guess.column],
            guess.is_unique,
            -IDENTIFYING.index(guess.kind),
        ),
        default=None,
    )
