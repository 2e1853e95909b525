"""S3 keys for boto3 that a rotation changes while clients live."""

from typing import Any

from tasks.secrets.declaring import ACCESS_KEY, SECRET_KEY
from tasks.secrets.provider import Secrets


def sign_by(secrets: Secrets) -> None:
    """Have every boto3 client of this process sign by the keys of now, which no file holds.

    Clients of boto3's default session ask at each request; MLflow makes its clients there.
    """
    import boto3
    from botocore.credentials import Credentials
    from botocore.session import get_session

    class CurrentKeys(Credentials):  # type: ignore[misc] # botocore has no types
        """Keys that are read whenever a request is signed."""

        def __init__(self) -> None:
            super().__init__(
                secrets.read(ACCESS_KEY), secrets.read(SECRET_KEY), method="portcullis"
            )

        def get_frozen_credentials(self) -> Any:
            """Return the keys of now, in one piece."""
            # botocore asks for frozen credentials at each request, so that key and secret are of
            # one moment.
            self.access_key = secrets.read(ACCESS_KEY)
            self.secret_key = secrets.read(SECRET_KEY)
            return super().get_frozen_credentials()

    session = get_session()
    # botocore has no public way to give a session credentials of one's own class.
    session._credentials = CurrentKeys()
    boto3.setup_default_session(botocore_session=session)
