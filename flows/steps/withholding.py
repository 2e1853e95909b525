"""Keep the texts of exceptions out of Prefect, which stores and prints whole tracebacks.

A traceback quotes every exception of its chain, and a library's exception quotes what it stumbled
over: a value, a row, a path. Messages of ours keep to the rule of `tasks.formats.shown`; their
causes do not.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import PortcullisError
from tasks.formats.shown import describe_fault, is_debug_asked_for


class WithheldError(Exception):
    """A fault of the program, without its text: class and place of what was raised."""


@contextmanager
def withholding_texts() -> Iterator[None]:
    """Let exceptions leave the block without their causes, and foreign ones without their text.

    As a decorator it stands between `@flow` or `@task` and the function. `PORTCULLIS_DEBUG=1` lets
    everything through, and Prefect's own signals pass in any case: they are no `Exception`.
    """
    if is_debug_asked_for(os.environ):
        yield
        return

    try:
        yield
    except PortcullisError as error:
        raise error.with_traceback(None) from None
    except Exception as error:
        raise WithheldError(describe_fault(error, is_debug=False)) from None
