"""What `fairness` needs of rows and predictions: numbers and groups, without names and texts.

Pure functions of some of the rows, so that workers may open them; the combine puts parts one after
the other, which is associative and exact. A row takes some hundred bytes, however long its texts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.disparity.counts import group_names

PREDICTED = ("subject", "part", "actual", "approved", "score", "oof_approved", "oof_score")
IDENTIFYING = ("subject", "person")
TEST_PART = "test"


@dataclass(frozen=True)
class GroupsOfRows:
    """Whom rows are about, and the groups that they are in.

    Attributes:
        subjects: Pseudonyms as bytes, shape (rows,).
        people: The number of each row's person, shape (rows,).
        codes: By attribute, the place of each row's group in `names`, -1 where it is not known;
            shape (rows,).
        names: By attribute, the groups in order of name.
    """

    subjects: np.ndarray
    people: np.ndarray
    codes: dict[str, np.ndarray]
    names: dict[str, tuple[str, ...]]

    def protected(self) -> pd.DataFrame:
        """Return the groups as a frame of one categorical column an attribute."""
        return pd.DataFrame(
            {
                name: pd.Categorical.from_codes(codes, pd.Index(self.names[name], dtype="str"))
                for name, codes in self.codes.items()
            },
            index=pd.RangeIndex(len(self.people)),
        )


@dataclass(frozen=True)
class PredictedRows:
    """What `train` predicted of rows; each of shape (rows,)."""

    subjects: np.ndarray
    is_test: np.ndarray
    predictions: pd.DataFrame  # `actual`, decisions and scores


def take_groups(attributes: tuple[str, ...], rows: pd.DataFrame) -> GroupsOfRows:
    """Return the groups of some of the rows."""
    codes = {}
    names = {}
    for attribute in attributes:
        # Names by part of the rows: each has the codes that occur in it, in order of name, and
        # `combine_groups` gives them the codes of all. So one process and a cluster come to the
        # same numbers.
        places, groups = pd.factorize(group_names(rows[attribute]), sort=True)
        codes[attribute] = places.astype(np.int32)
        names[attribute] = tuple(map(str, groups))
    return GroupsOfRows(_subjects_of(rows), rows["person"].to_numpy(), codes=codes, names=names)


def combine_groups(parts: Iterable[GroupsOfRows]) -> GroupsOfRows:
    """Return the groups of all parts, one after the other."""
    several = list(parts)
    names = {
        attribute: tuple(sorted({name for part in several for name in part.names[attribute]}))
        for attribute in several[0].names
    }
    codes = {}
    for attribute, all_names in names.items():
        place_of = {name: place for place, name in enumerate(all_names)}
        # A code is a place in the part's own names: the same code is another group in the next
        # part.
        recoded = []
        for part in several:
            # the last place is that of -1
            places = [*(place_of[name] for name in part.names[attribute]), -1]
            recoded.append(np.array(places, np.int32)[part.codes[attribute]])
        codes[attribute] = np.concatenate(recoded)

    return GroupsOfRows(
        np.concatenate([part.subjects for part in several]),
        np.concatenate([part.people for part in several]),
        codes,
        names,
    )


def take_predictions(_shared: None, rows: pd.DataFrame) -> PredictedRows:
    """Return what was predicted of some of the rows."""
    left_out = ["subject", "part"]
    return PredictedRows(
        _subjects_of(rows),
        (rows["part"] == TEST_PART).to_numpy(bool),
        rows.drop(columns=left_out),
    )


def combine_predictions(parts: Iterable[PredictedRows]) -> PredictedRows:
    """Return what was predicted of the rows of all parts, one after the other."""
    several = list(parts)
    return PredictedRows(
        np.concatenate([part.subjects for part in several]),
        np.concatenate([part.is_test for part in several]),
        pd.concat([part.predictions for part in several], ignore_index=True),
    )


def _subjects_of(rows: pd.DataFrame) -> np.ndarray:
    """Return pseudonyms as bytes of one width: the least that they can be held in."""
    return np.array([subject.encode() for subject in rows["subject"]], dtype="S")
