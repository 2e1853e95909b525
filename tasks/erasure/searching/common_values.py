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
active all ambiguous archived artifact aside assembled awaitingconcurrencyslot awaitingretry batch
blocked boolean branch cancelled cancelling candidate challenger champion code command complete
completed crashed created critical cron dataset debug decision default deferred deleted
development dropped duration email enforced erase erased error evaluation experiment export failed
failed_registration false feature finished float flow foreign function holds hosted identifier
inactive infinite info infrastructurepending integer interval job killed late launcher local
logged_model metric missing mlflow model model_id name never no none not_ready notebook null
number object off older once other param parameter partial passed password paused pending phone
planned prefect private process production project protected public ready receipt recipe recorded
redacted registered rejected resuming retry retrying rows rrule run running scheduled scratch
scrub skipped source stage staging started state status string stuck subject submitting success
successful suspended table tags target task tests text timedout tombstone training true undecided
unknown unpinned unspecified unwitnessed user validation verify version versions waiting warning
worker workspace yes
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
