"""Read the register of agreements: a file each."""

from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from tasks.config.strict import StrictModel
from tasks.errors import ConfigError
from tasks.formats.digests import sha256_of
from tasks.formats.yaml_file import parse_yaml_bytes, read_yaml_bytes

REGISTER = Path("configs") / "governance" / "agreements"
FILES = REGISTER / "files"  # the signed files, as far as they are kept here
# What is signed for stays in the ledger: a place in a text, a name of a firm, never a paragraph.
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\n]+$")
]


class SignedFile(StrictModel):
    """The file that both parties signed, by its digest. It may be kept elsewhere."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class SubProcessor(StrictModel):
    """Somebody whom the party lets process the data."""

    name: Line
    country: str = Field(pattern=r"^[A-Z]{2}$")
    task: Line


class Transfer(StrictModel):
    """A country that the data is taken to, and what allows it."""

    country: str = Field(pattern=r"^[A-Z]{2}$")
    basis: Line


class DataAgreement(StrictModel):
    """One agreement, or a controller's own record of processing.

    Attributes:
        covers: The sources that it is about, as `use-case/source`.
        country: Where the party processes, as ISO 3166 writes it.
        clauses: Clause -> its place in the signed text; which are needed depends on the role.
        subprocessors: All of them; an empty list says that there are none.
        transfers: All countries besides the party's own; an empty list says that there are none.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")
    title: Line
    controller: Line
    party: Line
    role: Literal["controller", "joint_controller", "independent_controller", "processor"]
    is_business_associate: bool = False
    covers: tuple[str, ...] = Field(min_length=1)
    country: str = Field(pattern=r"^[A-Z]{2}$")
    signed: date
    expires: date
    file: SignedFile
    clauses: dict[str, Line | None] = {}
    subprocessors: tuple[SubProcessor, ...]
    transfers: tuple[Transfer, ...]


class RegisteredAgreement(StrictModel):
    """An agreement with the digest of the file that declares it.

    `signed_file_sha256` is that of the signed file where it lies here; empty where it does not.
    """

    agreement: DataAgreement
    sha256: str
    signed_file_sha256: str = ""


def read_agreement(agreement_id: str, workspace: Path) -> RegisteredAgreement | None:
    """Return an agreement of the register; None where the register has no file of this name.

    Raises:
        ConfigError: The file says something else than an agreement, or is one of another id.
    """
    path = REGISTER / f"{agreement_id}.yaml"
    # An id is the name of a file: nothing that leads elsewhere is looked up.
    if Path(agreement_id).name != agreement_id or not (workspace / path).is_file():
        return None

    # Read once: what is judged has the digest that is signed.
    content = read_yaml_bytes(workspace / path, path.as_posix())
    try:
        agreement = DataAgreement.model_validate(parse_yaml_bytes(content, path.as_posix()))
    except ValidationError as error:
        # Where the fault is and never what stands there: an agreement holds names.
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise ConfigError(
            path.as_posix(),
            expected="an agreement as docs/agreements.md describes it",
            found=f"a fault at `{place}`",
            remedy="Mend the file.",
        ) from error
    # A copy under another name would be an agreement that nobody has signed.
    if agreement.id != agreement_id:
        raise ConfigError(
            path.as_posix(),
            expected="the id that the file is named by",
            found="another",
            remedy="Mend `id`, or the file's name.",
        )

    signed_file = workspace / FILES / agreement.file.name
    digest = sha256_of(signed_file) if signed_file.is_file() else ""
    return RegisteredAgreement(
        agreement=agreement, sha256=sha256(content).hexdigest(), signed_file_sha256=digest
    )
