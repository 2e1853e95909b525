"""Events as syslog messages (RFC 5424): by UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425).

Syslog has no receipts. A stream is ended by us and then by the receiver, which shows that it has
read all of it; a receiver that breaks off instead gets everything again. UDP shows nothing: use it
where a lost event is not a fault.
"""

import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tasks.errors import ConfigError, ServiceError
from tasks.formats.canonical_json import canonical

SECONDS = 10
MOST_ANSWERS = 16
FACILITY_AUDIT, NOTICE, WARNING = 13, 5, 4  # RFC 5424, 6.2.1
PORTS = {"udp": 514, "tcp": 514, "tls": 6514}  # RFC 5426, 6587, 5425
# What a datagram holds by IPv4: 65,535 less the headers of IP and UDP.
MOST_DATAGRAM_BYTES = 65_507
Events = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class SyslogTarget:
    """Where messages go, and by which certificates both sides know each other."""

    scheme: str
    host: str
    port: int
    ca_path: str = ""
    certificate_path: str = ""


def read_target(address: str, ca_path: str = "", certificate_path: str = "") -> SyslogTarget:
    """Read `udp://host:514`, `tcp://host:514` or `tls://host:6514`.

    Raises:
        ConfigError: It has another form.
    """
    try:
        where = urlsplit(address)
        port = where.port or PORTS[where.scheme]
    except (ValueError, KeyError):
        raise _other_form() from None

    if not where.hostname:
        raise _other_form()

    return SyslogTarget(where.scheme, where.hostname, port, ca_path, certificate_path)


def send_to_syslog(target: SyslogTarget, events: Events) -> None:
    """Send each event as one message.

    Raises:
        ServiceError: Not all of them arrived, as far as can be known.
        ConfigError: A certificate cannot be read.
    """
    # The kind of the error alone: its text may hold an address, or what a receiver sent.
    try:
        if target.scheme == "udp":
            _send_datagrams(target, events)
        else:
            _send_stream(target, events)
    except OSError as error:
        raise ServiceError(
            "syslog server",
            expected="to take the audit log",
            found=type(error).__name__,
            remedy="It is kept and sent with the next run.",
        ) from error


def message_of(values: dict[str, Any], most_bytes: int = 0) -> bytes:
    """Return an event as RFC 5424 has it, cut down to its head where it may not be that long.

    Priority, version, time, host, application, process, type, no data, text.
    """
    priority = FACILITY_AUDIT * 8 + (NOTICE if values.get("status_id") == 1 else WARNING)

    when = (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(values["time"] / 1000))
        + f".{values['time'] % 1000:03d}Z"
    )

    kind = f"OCSF{values['class_uid']}"
    head = f"<{priority}>1 {when} {socket.gethostname()} portcullis {os.getpid()} {kind} - "

    line = canonical(values)
    if most_bytes and len(head) + len(line) > most_bytes:
        line = canonical(_head_of(values, len(line)))

    return head.encode() + line


def _head_of(values: dict[str, Any], size: int) -> dict[str, Any]:
    """Return who did what and when; OCSF's own attributes say that the rest was left out."""
    short = {
        key: value
        for key, value in values.items()
        if key not in ("resources", "unmapped", "message", "evidences", "databucket")
    }
    short["metadata"] = values["metadata"] | {"is_truncated": True, "untruncated_size": size}
    return short


def _send_datagrams(target: SyslogTarget, events: Events) -> None:
    *_, (family, kind, protocol, _, address) = socket.getaddrinfo(
        target.host, target.port, type=socket.SOCK_DGRAM
    )

    # RFC 5426, 3.1: one message a datagram. Nobody acknowledges one: what is lost is not noticed.
    with socket.socket(family, kind, protocol) as sender:
        for values in events:
            sender.sendto(message_of(values, MOST_DATAGRAM_BYTES), address)


def _send_stream(target: SyslogTarget, events: Events) -> None:
    messages = [message_of(values) for values in events]
    # RFC 6587, 3.4.1: by octets counted, so that no character in a message can end it.
    framed = b"".join(b"%d %b" % (len(message), message) for message in messages)

    context = _tls(target) if target.scheme == "tls" else None

    with socket.create_connection((target.host, target.port), timeout=SECONDS) as plain:
        if context is None:
            plain.sendall(framed)

            plain.shutdown(socket.SHUT_WR)
            # The receiver ends its side when it has read all; one that died resets it. Syslog has
            # no answers: one that goes on sending would keep us here for ever.
            for _ in range(MOST_ANSWERS):
                if not plain.recv(4096):
                    return
            raise ConnectionAbortedError

        _Tls(plain, context, target.host).deliver(framed)


class _Tls:
    """TLS on a socket, by hand: `SSLSocket.unwrap` takes a receiver's alert for a good end.

    By TLS 1.3 a server may refuse our certificate after we have sent everything.
    """

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._plain = plain
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def deliver(self, data: bytes) -> None:
        """Send data, and return when the receiver has ended its side as well as we ours.

        Raises:
            OSError: It ended it in another way, or not in time.
        """
        self._do(self._tls.do_handshake)
        self._do(lambda: self._tls.write(data))
        self._do(self._tls.unwrap)

        # Without the close_notify of the other side, what it had not read is lost in silence.
        try:
            self._do(lambda: self._tls.read(1))
        except ssl.SSLZeroReturnError:  # its close_notify
            return
        raise ConnectionAbortedError

    def _do(self, step: Callable[[], object]) -> None:
        """Take one step of the protocol, with as many round trips as it needs."""
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                self._flush()

                if answer := self._plain.recv(65_536):
                    self._incoming.write(answer)
                else:
                    self._incoming.write_eof()
            else:
                self._flush()
                return

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._plain.sendall(self._outgoing.read())


def _tls(target: SyslogTarget) -> ssl.SSLContext:
    """Return how TLS is spoken: the receiver is always verified, we where it asks for it."""
    try:
        context = ssl.create_default_context(cafile=target.ca_path or None)
        # Older ones are deprecated (RFC 8996).
        context.minimum_version = ssl.TLSVersion.TLSv1_2

        if target.certificate_path:
            context.load_cert_chain(target.certificate_path)

    except OSError as error:  # an ssl.SSLError is one
        raise ConfigError(
            "$PORTCULLIS_SYSLOG_CA, $PORTCULLIS_SYSLOG_CERTIFICATE",
            expected="PEM files",
            found=type(error).__name__,
            remedy="Mend them; without TLS the audit log is not sent.",
        ) from error

    return context


def _other_form() -> ConfigError:
    return ConfigError(
        "$PORTCULLIS_SYSLOG",
        expected="udp://host:port, tcp://… or tls://…",
        found="another form",
        remedy="Mend it.",
    )
