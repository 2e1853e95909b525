"""The bill of materials of the locks: CycloneDX 1.6, the same bytes for the same locks."""

import json
import uuid
from collections.abc import Iterable

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from tasks.errors import EvidenceError
from tasks.supply_chain.locked import LockedPackage

NAMESPACE = uuid.UUID("6f0d8b0e-0e0b-5c0c-9a52-b8a1a2a3c0de")
SHA256 = "portcullis:sha256"  # of each file that may be installed; it differs by machine which is


def bill_of_materials(shipped: Iterable[LockedPackage]) -> bytes:
    """Return the bill of what is shipped.

    It names neither machine nor time, and its serial number is derived from what it lists.

    Raises:
        EvidenceError: The strict validator of CycloneDX does not take it.
    """
    packages = sorted(set(shipped))
    # The same packages make the same serial number, and so the same bytes, on every machine.
    listed = [[item.name, item.version, item.marker, *item.sha256] for item in packages]
    bom = Bom(serial_number=uuid.uuid5(NAMESPACE, json.dumps(listed)))
    root = Component(name="portcullis", type=ComponentType.APPLICATION, bom_ref="portcullis")
    bom.metadata.component = root

    for package in packages:
        purl = PackageURL("pypi", None, package.name, package.version)
        bom.components.add(
            Component(
                name=package.name,
                version=package.version,
                type=ComponentType.LIBRARY,
                bom_ref=purl.to_string(),
                purl=purl,
                # On some machines it is not installed. CycloneDX takes what states no scope as
                # required.
                scope=ComponentScope.OPTIONAL if package.marker else None,
                properties=[Property(name=SHA256, value=digest) for digest in package.sha256],
            )
        )

    bom.register_dependency(root, list(bom.components))

    # The library always writes the time of now, which would make each bill another.
    values = json.loads(JsonV1Dot6(bom).output_as_string())
    del values["metadata"]["timestamp"]

    text = json.dumps(values, indent=1, sort_keys=True) + "\n"
    if JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is not None:
        raise EvidenceError(
            "the bill of materials",
            expected="CycloneDX 1.6",
            found="what its strict validator refuses",
            remedy="Report it: a lock was read that cannot be listed.",
        )

    return text.encode()
