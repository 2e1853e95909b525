"""Everything that is compared with the accepted version, in one report."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.stages.validate.reference.agreement import (
    AssociationReport,
    Versions,
    compare_associations,
    effective_rows,
)
from tasks.stages.validate.reference.holding import HeldRows, columns_of
from tasks.stages.validate.reference.label_rates import LabelReport, compare_label_rates
from tasks.stages.validate.reference.profile import Drift, Profile, delivered_cells, drift
from tasks.stages.validate.reference.support import Beyond, compare_support


class ReferenceReport(BaseModel):
    """A delivery beside the accepted version.

    `associations` and `labels` are None where the accepted profile does not have them.
    """

    model_config = ConfigDict(frozen=True)

    drift: dict[str, Drift | None]
    beyond_support: dict[str, Beyond]
    associations: AssociationReport | None
    labels: LabelReport | None


def compare_with_reference(
    reference: Profile,
    frame: "pd.DataFrame | HeldRows",
    people: "np.ndarray[Any, Any]",
    *,
    target: str,
    protected: tuple[str, ...],
    sources: Mapping[str, str],
    significance: float,
) -> ReferenceReport:
    """Compare a delivery with the accepted version.

    Args:
        reference: The accepted version.
        frame: The delivery's profiled columns, one row at least.
        people: Whom each row is about.
        target: The column of the label.
        protected: The protected attributes.
        sources: The source of each column that was delivered as it is.
        significance: For each of the comparisons, the share of good deliveries in which chance may
            exceed what it is said to explain.
    """
    codes = delivered_cells(reference, frame)
    effective_delivered = effective_rows(people)
    joint = reference.joint
    shared = {name: reference.columns[name] for name in codes}

    associations = None
    labels = None
    if joint is not None and joint.effective_rows > 0:
        versions = Versions(
            profiles=shared,
            associations=joint.associations,
            rows=reference.rows,
            effective_rows=joint.effective_rows,
            codes=codes,
            effective_delivered=effective_delivered,
        )
        associations = compare_associations(
            versions, target=target, sources=sources, significance=significance
        )
        if joint.label_rates is not None:
            labels = compare_label_rates(
                joint.label_rates,
                frame[target],
                columns_of(frame, protected),
                significance=significance,
                rows_per_effective=max(
                    len(frame) / effective_delivered, reference.rows / joint.effective_rows
                ),
            )

    return ReferenceReport(
        drift=drift(reference, frame, codes),
        beyond_support=compare_support(
            shared, reference.rows, frame, codes, significance=significance
        ),
        associations=associations,
        labels=labels,
    )
