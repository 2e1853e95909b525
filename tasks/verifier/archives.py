"""Archives of which there is exactly one for their contents: sorted, stored, dated 1980."""

import io
import zipfile

FORMAT = b"portcullis-bundle/v1\n"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a ZIP can say


def archive(files: dict[str, bytes]) -> bytes:
    """Return the one archive that holds these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as target:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            # Both depend on the system that writes: 3 is Unix, whose mode is in the upper 16 bits.
            info.create_system = 3
            info.external_attr = 0o644 << 16
            target.writestr(info, files[name])
    return stream.getvalue()
