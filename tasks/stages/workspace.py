"""The shell that all stages share: it reads, unseals, seals, writes and digests.

A stage's room only computes. Its `stage.py` has one function, `run(stage_run: StageRun) -> None`,
which wires the room's pure functions to this shell.
"""

import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from tasks.config.cases import Columns, load_case, section_in
from tasks.errors import DataError, EvidenceError, Refusal
from tasks.formats.digests import sha256_of
from tasks.formats.shown import kind_of_error, shown_name
from tasks.formats.strict_json import read_json
from tasks.gates import Check, Verdict, digest_of
from tasks.system.installation import Installation
from tasks.under_way import under_way

if TYPE_CHECKING:
    import pandas as pd

    from tasks.config.words import Words
    from tasks.engines import Engine, EngineParams
    from tasks.keystore.keys import KeyStore, Retention
    from tasks.keystore.tombstones import Tombstones
    from tasks.sealed import SealedWriter
    from tasks.sealed.partitions import PartWork, SealedPartition

DRAFT = ".draft-"
ENGINE = "engine"
WITHHELD_KEY = "…"
CLEARANCE = "clearance.json"  # the worker's, beside `data/` in the run folder

P = TypeVar("P", bound=BaseModel)
Shared = TypeVar("Shared")
Answer = TypeVar("Answer")
Foretelling = Callable[["StageRun", "pd.DataFrame"], Iterable[str]]


class StageRun:
    """A run of one stage for one use case; artefacts lie in `data/<case>/<stage>/<name>`.

    Whatever is read or written through it is digested, so that a verdict can be about exactly those
    bytes. Rows about people are sealed on disk, and plain in memory only.
    """

    def __init__(self, stage: str, case: str, installation: Installation) -> None:
        self.stage = stage
        self.case = case
        self.installation = installation
        self.inputs: dict[str, str] = {}  # artefact -> sha256, of everything read
        self.outputs: dict[str, str] = {}  # artefact -> sha256, of everything written
        self.rows_unsealed = 0
        self.rows_shredded = 0
        self.people_shredded = 0
        self.most_rows = 0  # of the largest dataset read or written: what a rate is told of
        self.has_opened_keys = False
        self.has_engine = False
        # What is known before training; the process of the stage sets it where a plan is sealed.
        self.foretell: Foretelling = _foretell_nothing

    @property
    def workspace(self) -> Path:
        """The checkout."""
        return self.installation.workspace

    # What the use case and the installation hold for the stage.

    @cached_property
    def case_values(self) -> dict[str, Any]:
        """The use case as plain values, as it was when the run first asked.

        Read once: what a verdict says it was judged by is then what it was judged by, and the copy
        is not compared with its files again for every section.
        """
        return load_case(self.case, self.workspace)

    def params(self, model: type[P], key: str | None = None) -> P:
        """Return the stage's own section of the use case (or `key`), validated."""
        return section_in(self.case_values, self.case, key or self.stage, model)

    def limits(self, model: type[P]) -> P:
        """Return `limits.<stage>` of the use case, validated."""
        return self.params(model, f"limits.{self.stage}")

    @cached_property
    def engine_params(self) -> "EngineParams":
        """Where heavy stages compute; no result depends on it, so no stage's sections hold it."""
        from tasks.engines.params import EngineParams

        # Without the section everything is computed in one process.
        if ENGINE not in self.case_values:
            return EngineParams()
        return self.params(EngineParams, ENGINE)

    @cached_property
    def engine(self) -> "Engine":
        """The engine that works on this stage's partitions.

        Raises:
            ConfigError: It cannot be opened as it is configured.
        """
        from tasks.engines import open_engine

        self.has_engine = True
        return open_engine(self.engine_params, self.installation.settings)

    @cached_property
    def columns(self) -> Columns:
        """The use case's declared columns."""
        return self.params(Columns, "columns")

    def secret(self, name: str) -> bytes:
        """Return a 32-byte secret of this installation; see `keys` for what it refuses."""
        self.keys  # noqa: B018 - a lost secret is refused there, and would be made anew here
        return self.installation.secret(name)

    @cached_property
    def keys(self) -> "KeyStore":
        """The key store that seals and unseals rows about people.

        Raises:
            EvidenceError: It is not what the ledger has seen, as the worker has told this run, or
                one of the secrets is not. A run that was started by hand is told nothing, and
                nobody signs for it: it is refused what has lost a secret.
        """
        from tasks.keystore.known_stores import KNOWN, KnownStores, open_known_keys

        path = self.workspace / KNOWN
        known = None
        if path.is_file():
            known = KnownStores.from_dict(json.loads(path.read_text(encoding="utf-8")))
        self.has_opened_keys = True
        return open_known_keys(self.installation, known)

    @cached_property
    def clearance(self) -> tuple[Refusal, ...]:
        """Why the ledger does not clear the stage's work, as the worker asked before it began.

        Empty where it clears, and where the stage was started by hand: nobody signs for it then.
        """
        path = self.workspace / CLEARANCE
        if not path.is_file():
            return ()
        values = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Refusal.from_dict(refusal) for refusal in values)

    @property
    def words(self) -> "Words":
        """Labels of the use case's columns, and what its outcomes are called."""
        from tasks.config.words import words_of

        return words_of(self.case_values)

    @property
    def erased(self) -> "Tombstones":
        """Who has been erased so far, read anew each time."""
        return self.keys.tombstones()

    # What the stage reads.

    @property
    def data(self) -> Path:
        """The folder of the use case's outputs, a folder per stage."""
        return self.workspace / "data" / self.case

    def input(self, stage: str, name: str) -> Path:
        """Return the path of an earlier stage's output, and note its digest.

        Raises:
            DataError: There is no such output.
        """
        path = self.data / stage / name
        if not path.exists():
            raise DataError(
                _shown(path),
                expected=f"an output of stage `{stage}`",
                found="nothing",
                remedy=f"Run `dvc repro {stage}@{self.case}` first.",
            )

        # Digested as it is about to be read, and not taken from `dvc.lock`, which says what lay
        # there once.
        self.inputs[f"{stage}/{name}"] = sha256_of(path)
        return path

    def read_rows(
        self,
        stage: str,
        name: str = "rows",
        columns: tuple[str, ...] | None = None,
        keep: "Callable[[pd.DataFrame], pd.DataFrame] | None" = None,
    ) -> "pd.DataFrame":
        """Return an earlier stage's sealed rows, in memory only.

        Rows of erased subjects cannot be unsealed: they are left out and counted. With `keep`, what
        it returns of each part of the rows: what has been counted in a part need not be kept.

        Raises:
            DataError: No row is left: nothing is judged, or learnt, of nobody.
        """
        from tasks.sealed import read_rows

        path = self.input(stage, f"{name}.parquet")
        # Other processes of this machine would cost more than they save: benchmarks/engines.py.
        if self.engine_params.root.kind == "dask" and _has_several_groups(path):
            return self._read_on_engine(path, stage, name, columns, keep)
        with under_way("reading sealed rows", _rows_in(path), "rows") as work:

            def take(part: "pd.DataFrame") -> "pd.DataFrame":
                work.advance(len(part))
                return part if keep is None else keep(part)

            opened = read_rows(
                path,
                dataset=self._dataset(stage, name),
                keys=self.keys,
                columns=columns,
                keep=take,
            )
        self.rows_unsealed += opened.unsealed
        self.rows_shredded += opened.shredded
        self.people_shredded += opened.people_shredded
        self.most_rows = max(self.most_rows, opened.unsealed)
        # After counting, so that the message can say how many there were.
        if not opened.unsealed:
            raise _no_rows(f"{stage}/{name}", opened.shredded)
        return opened.frame

    def map_rows(
        self,
        stage: str,
        function: "Callable[[Shared, pd.DataFrame], Answer]",
        shared: Shared,
        columns: tuple[str, ...] | None = None,
        name: str = "rows",
    ) -> "Iterator[Answer]":
        """Yield what a function says of an earlier stage's rows, row group by row group, in order.

        On a cluster its workers unseal the rows and ask the function: each gets the keys of its
        rows alone, and what the function leaves out never comes here. Elsewhere this process does.

        Args:
            stage: The earlier stage.
            function: Pure, and of a module's top level: a worker finds it by its name.
            shared: Its first argument, the same for all rows.
            columns: Which columns its second argument has; all, if None.
            name: The dataset.

        Raises:
            DataError: After the last row group, where none had a row that can be read.
        """
        from tasks.sealed.partitions import PartWork

        path = self.input(stage, f"{name}.parquet")
        if self.engine_params.root.kind == "dask":
            work = PartWork(function, shared, columns)
            yield from self._map_partitions(path, stage, name, work)
            return

        with under_way("reading sealed rows", _rows_in(path), "rows") as progress:
            for rows in self.iter_rows(stage, name, columns):
                progress.advance(len(rows))
                yield function(shared, rows)

    def _read_on_engine(
        self,
        path: Path,
        stage: str,
        name: str,
        columns: tuple[str, ...] | None,
        keep: "Callable[[pd.DataFrame], pd.DataFrame] | None",
    ) -> "pd.DataFrame":
        """Return the same rows, unsealed by the engine's workers: each gets its own keys alone."""
        from tasks.sealed.partitions import PartWork

        parts = self._map_partitions(path, stage, name, PartWork(_as_they_are, None, columns))
        return join_parts([part if keep is None else keep(part) for part in parts])

    def _map_partitions(
        self, path: Path, stage: str, name: str, work: "PartWork"
    ) -> "Iterator[Any]":
        """Yield what the engine's workers answer of each row group, and count its rows."""
        from tasks.sealed.partitions import iter_partitions, work_on_partition

        shredded_ids: set[bytes] = set()
        sealed_rows = self.count_rows(stage, name)

        def partitions() -> "Iterator[SealedPartition]":
            for partition in iter_partitions(
                path, dataset=self._dataset(stage, name), keys=self.keys
            ):
                shredded_ids.update(partition.shredded_ids)
                yield partition

        unsealed = 0
        with under_way("reading sealed rows", sealed_rows, "rows") as progress:
            for rows, answer in self.engine.map(work_on_partition, work, partitions()):
                unsealed += rows
                progress.advance(rows)
                yield answer
        self.rows_unsealed += unsealed
        self.rows_shredded += sealed_rows - unsealed
        self.people_shredded += len(shredded_ids)
        self.most_rows = max(self.most_rows, unsealed)
        if not unsealed:
            raise _no_rows(f"{stage}/{name}", sealed_rows)

    def read_predictions(
        self, rows: "pd.DataFrame", columns: tuple[str, ...] | None = None
    ) -> "pd.DataFrame":
        """Return what `train` predicted of each of `rows`, in their order.

        Groups and decisions are matched by position: one erased row would shift all that follow.

        Raises:
            DataError: The predictions are not those of these rows.
        """
        predictions = self.read_rows("train", "predictions", columns)
        self.require_own_predictions(rows["subject"].equals(predictions["subject"]))
        return predictions

    def require_own_predictions(self, are_own: bool) -> None:
        """Refuse predictions that are not of the rows beside them.

        Raises:
            DataError: They are not.
        """
        if not are_own:
            raise DataError(
                "predictions",
                expected="one per row, in the rows' order",
                found="others",
                remedy=f"Run `dvc repro train@{self.case}` again.",
            )

    def columns_of_rows(self, stage: str, name: str = "rows") -> tuple[str, ...]:
        """Return which columns an earlier stage's sealed rows have."""
        from tasks.sealed import columns_in

        return columns_in(self.data / stage / f"{name}.parquet")

    def count_rows(self, stage: str, name: str = "rows") -> int:
        """Return how many sealed rows an earlier stage wrote, those of erased subjects included."""
        import pyarrow.parquet as pq

        return int(pq.ParquetFile(self.input(stage, f"{name}.parquet")).metadata.num_rows)

    def iter_rows(
        self, stage: str, name: str = "rows", columns: tuple[str, ...] | None = None
    ) -> "Iterator[pd.DataFrame]":
        """Yield an earlier stage's sealed rows group by group; of `columns` alone, unless None.

        The memory that it takes does not grow with the file.

        Raises:
            DataError: After the last group, where none had a row.
        """
        from tasks.sealed import iter_rows

        path = self.input(stage, f"{name}.parquet")
        unsealed = 0
        shredded = 0
        for opened in iter_rows(
            path, dataset=self._dataset(stage, name), keys=self.keys, columns=columns
        ):
            self.rows_unsealed += opened.unsealed
            self.rows_shredded += opened.shredded
            self.people_shredded += opened.people_shredded
            unsealed += opened.unsealed
            shredded += opened.shredded
            self.most_rows = max(self.most_rows, unsealed)
            yield opened.frame
        if not unsealed:
            raise _no_rows(f"{stage}/{name}", shredded)

    def read_json(self, stage: str, name: str) -> dict[str, Any]:
        """Return an earlier stage's JSON output, which is an object.

        Raises:
            EvidenceError: It is no JSON of the strict form, or another value.
        """
        shown = _shown(self.data / stage / name)
        remedy = f"Run `dvc repro --force --single-item {stage}@{self.case}`, which makes it anew."
        values = read_json(self.input(stage, name), shown, remedy=remedy)
        if not isinstance(values, dict):
            raise EvidenceError(
                shown, expected="a JSON object", found="another value", remedy=remedy
            )
        return values

    def read_verdict(self, stage: str) -> Verdict:
        """Return an earlier stage's verdict.

        Raises:
            EvidenceError: It is no verdict, or one of a time before checks had ids.
        """
        try:
            return Verdict.from_dict(self.read_json(stage, "verdict.json"))
        except ValueError as error:
            raise EvidenceError(
                _shown(self.data / stage / "verdict.json"),
                expected="a verdict, each of its checks with an id",
                found=kind_of_error(error),
                remedy=f"Run `dvc repro --force --single-item {stage}@{self.case}`, "
                "which makes it anew.",
            ) from error

    # What the stage writes.

    @property
    def folder(self) -> Path:
        """The folder of this stage's outputs."""
        folder = self.data / self.stage
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def remove_drafts(self) -> None:
        """Remove what an earlier run of this stage was writing when it was killed.

        No other run can be writing now: DVC runs a stage of a use case once at a time.
        """
        # A process that is killed runs no `finally`: what it was writing lies there still.
        for draft in self.folder.glob(f"{DRAFT}*"):
            if draft.is_dir():
                shutil.rmtree(draft)
            else:
                draft.unlink()

    def write_rows(
        self, frame: "pd.DataFrame", name: str = "rows", retention: "Retention | None" = None
    ) -> None:
        """Seal rows about people (`frame` has a `subject` column of pseudonyms) and write them.

        `retention` says under which of a subject's keys; training, if None.
        """
        from tasks.keystore.keys import Retention
        from tasks.sealed import write_rows

        sealed_as = retention or Retention.TRAINING
        with self.writing(f"{name}.parquet") as path:
            write_rows(
                frame,
                path,
                dataset=self._dataset(self.stage, name),
                keys=self.keys,
                retention=sealed_as,
            )
        self.most_rows = max(self.most_rows, len(frame))

    @contextmanager
    def writing_rows(self, name: str = "rows") -> "Iterator[SealedWriter]":
        """Yield a writer that seals rows group by group.

        The file appears whole when the block ends without an error, or not at all.
        """
        from tasks.sealed import SealedWriter

        with (
            self.writing(f"{name}.parquet") as path,
            SealedWriter(path, dataset=self._dataset(self.stage, name), keys=self.keys) as writer,
        ):
            yield writer
        self.most_rows = max(self.most_rows, writer.rows)

    def write_report(self, report: BaseModel | dict[str, Any], name: str = "report.json") -> None:
        """Write a report: readable JSON, NaN refused, the same bytes for the same content.

        Raises:
            DataError: A figure is NaN or infinite; names its field. What was there before stays.
        """
        values = report.model_dump(mode="json") if isinstance(report, BaseModel) else report
        try:
            text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            field = self._field_without_number(values)
            if field is None:
                raise
            raise DataError(
                _shown(self.data / self.stage / name),
                expected="finite numbers, or none where nothing could be measured",
                found=f"NaN or an infinity in `{field}`",
                remedy="Nothing was written. See what `validate` reports of the rows; where "
                "nothing stands out there, it is a fault of the program.",
            ) from error

        with self.writing(name) as path:
            path.write_text(text + "\n", encoding="utf-8")

    def _field_without_number(self, values: dict[str, Any]) -> str | None:
        # The first keys are written by the stage's own code. Further down they may be groups of the
        # data, and are shown where a class of ours or the use case declares that name.
        declared = {*values, *_declared_fields(), *self.case_values.get("columns", {})}
        return next(_fields_without_number(values, declared), None)

    def write_verdict(self, checks: tuple[Check, ...], *, about: Iterable[str]) -> Verdict:
        """Write this stage's verdict about the artefacts named, as it has read or written them.

        The digest of the limits is that of the whole section, which `decide` computes again.

        Raises:
            ValueError: An artefact is named that the stage has neither read nor written.
        """
        digests = {**self.inputs, **self.outputs}
        judged = tuple(about)
        if unknown := [name for name in judged if name not in digests]:
            raise ValueError(f"{self.stage}: judged {unknown[0]}, which it never read or wrote")

        # From the values that the stage has read, not from the file again: it may have changed
        # meanwhile.
        limits = self.case_values["limits"][self.stage]
        verdict = Verdict(
            gate=self.stage,
            use_case=self.case,
            checks=checks,
            limits_sha256=digest_of(limits),
            about={name: digests[name] for name in judged},
        )
        self.write_report(verdict.to_dict(), "verdict.json")
        return verdict

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yield a path to write an output file to; it appears under `name` whole, or not at all."""
        # In the same folder, so that moving it is one step of the file system.
        descriptor, draft = tempfile.mkstemp(
            dir=self.folder, prefix=DRAFT, suffix=Path(name).suffix
        )
        os.close(descriptor)

        path = Path(draft)
        try:
            yield path
            # mkstemp makes files for the owner alone; DVC and other accounts read outputs.
            path.chmod(0o644)
            path.replace(self.folder / name)
        finally:
            path.unlink(missing_ok=True)  # nothing is left to remove where it was moved

        self.wrote(name)

    @contextmanager
    def folder_of(self, name: str) -> Iterator[Path]:
        """Yield an empty folder to fill.

        It takes the place of `name` whole when the block ends without an error.
        """
        with (
            under_way(f"writing `{name}`"),
            tempfile.TemporaryDirectory(dir=self.folder, prefix=DRAFT) as draft,
        ):
            folder = Path(draft) / name
            folder.mkdir()
            yield folder
            # A folder cannot be moved over one that is not empty; between the two steps there is
            # none, and a stage that is killed here has no output, which DVC notices.
            shutil.rmtree(self.folder / name, ignore_errors=True)
            folder.replace(self.folder / name)

        self.wrote(name)

    def wrote(self, name: str) -> None:
        """Note the digest of an output that the stage wrote itself (a folder of pages, a model)."""
        self.outputs[f"{self.stage}/{name}"] = sha256_of(self.folder / name)

    def _dataset(self, stage: str, name: str) -> str:
        return f"{self.case}/{stage}/{name}"


def join_parts(frames: "list[pd.DataFrame]") -> "pd.DataFrame":
    """Return parts of rows one below the other; `frames` is emptied, so that memory is spared."""
    from tasks.sealed.rows import join_frames

    return join_frames(frames)


def _rows_in(path: Path) -> int:
    """Return how many rows a file says it has; 0, not known, where it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return 0  # who reads its rows is told why


def _has_several_groups(path: Path) -> bool:
    import pyarrow.parquet as pq

    return int(pq.ParquetFile(path).metadata.num_row_groups) > 1


def _no_rows(dataset: str, shredded: int) -> DataError:
    """Return why a stage does not go on without a row: it would judge nothing, and pass."""
    found = "no row at all"
    if shredded:
        found = f"{shredded} rows, none of which this key store has a key for"

    return DataError(
        dataset,
        expected="at least one row that can be read",
        found=found,
        remedy=(
            "See what `ingest` reports, and whether everybody was erased; `./portcullis doctor` "
            "says whether this is the key store that sealed them."
        ),
    )


def _as_they_are(_shared: None, rows: "pd.DataFrame") -> "pd.DataFrame":
    return rows


def _fields_without_number(
    value: Any, declared: Collection[str], path: tuple[str, ...] = ()
) -> Iterator[str]:
    """Yield where a number is that JSON does not have, as `groups.3.estimates.0.value`.

    A key that is not among the declared ones is withheld.
    """
    if isinstance(value, float) and not math.isfinite(value):
        yield ".".join(path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            shown = shown_name(str(key), declared, otherwise=WITHHELD_KEY)
            yield from _fields_without_number(inner, declared, (*path, shown))
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _fields_without_number(inner, declared, (*path, f"{position:d}"))


def _declared_fields() -> Iterator[str]:
    """Yield the name of every field of every class of ours that a report can be made of."""
    classes: list[type[BaseModel]] = [BaseModel]
    for model in classes:
        classes.extend(model.__subclasses__())  # the loop goes on over what is added
        if model.__module__.startswith("tasks."):
            yield from model.model_fields


def _shown(path: Path) -> str:
    return path.as_posix()


def _foretell_nothing(_stage_run: StageRun, _rows: "pd.DataFrame") -> tuple[str, ...]:
    return ()
