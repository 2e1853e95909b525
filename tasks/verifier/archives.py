"""Archives of which there is exactly one for their contents: sorted, stored, dated 1980."""

import io
import zipfile

FORMAT = b"portcullis-bundle/v1\n"
EPOCH = (1980, 1, 1, 0, 0, 0)


def archive(files: dict[str, bytes]) -> bytes:
    """Return the one archive that holds these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as target:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = 3, 0o644 << 16
            target.writestr(info, files[name])
    return stream.getvalue()
