"""Values that very many people and programs share, known without asking who has them."""

from tasks.erasure.searching.boundaries import is_unspaced
from tasks.erasure.searching.spellings import NAME_KINDS, fold

# Kinds that many people share: they tell two people of one name apart, and are nobody's alone.
SHARED_KINDS = ("city", "date", "postal_code", "network")
# Up to six digits are anybody's amount, and the number of any row.
FEWEST_DIGITS = 7

# Values of other systems' schemas and of ours, in small letters. A person may be called Model, and
# a text of theirs may read "Completed": in a database that is what a state is called. A test
# compares them with the enumerations of MLflow, Prefect and this house.
_SCHEMA_WORDS = """
active all archived artifact assembled awaitingconcurrencyslot awaitingretry batch branch
boolean cancelled cancelling candidate champion challenger code completed complete crashed
created critical cron dataset debug default deleted development duration email error evaluation
experiment failed failed_registration false finished float flow function hosted identifier
inactive infinite info integer interval job killed late local logged_model metric model model_id
mlflow name never no none notebook not_ready null number object off once other param parameter
paused passed password pending phone prefect process production project protected public private
ready recipe redacted registered rejected resuming retry retrying rows rrule run running
scheduled skipped source staging started status string subject success successful suspended
table tags target task text training timedout true unknown unspecified user validation version
waiting warning worker yes
"""
SCHEMA_WORDS = frozenset(_SCHEMA_WORDS.split())


def is_common(kind: str, text: str) -> bool:
    """Say whether a value's form alone shows that it identifies nobody by itself.

    A word of a schema, a name of one word, or a short number; of a script without blanks, a name
    is one word and identifies.
    """
    folded = fold(text.strip())
    if folded in SCHEMA_WORDS or (folded.isdigit() and len(folded) < FEWEST_DIGITS):
        return True
    return kind in NAME_KINDS and folded.isalpha() and not is_unspaced(folded)
