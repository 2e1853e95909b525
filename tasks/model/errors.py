"""What this package raises. It stands alone, so its errors are its own and not the house's."""


class ModelError(ValueError):
    """Something about a model or its input is wrong: says where, what was expected, what to do.

    Never carries a value of a row: messages end up in logs and on screens.
    """

    def __init__(self, where: str, *, expected: str, found: str, remedy: str) -> None:
        self.where = where
        self.expected = expected
        self.found = found
        self.remedy = remedy
        super().__init__(f"{where}: expected {expected}; found {found}. {remedy}")


class InputError(ModelError):
    """Rows that the model was given do not keep to its contract."""


class BrokenModelError(ModelError):
    """A model folder is incomplete, altered, or not what this code can read and explain."""
