"""Servers on loopback that stand for providers: HTTP, and certificates for TLS."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import Struct


class Asked(Struct, frozen=True):
    """One request, as the provider got it."""

    line: str
    headers: dict[str, str]
    body: bytes


class Provider:
    """Answers every request alike, until told otherwise; None: never."""

    def __init__(self, url: str, answer: Callable[[Asked], tuple[int, bytes] | None]) -> None:
        self.url = url
        self.answer = answer
        self.asked: list[Asked] = []


@asynccontextmanager
async def provider(
    answer: Callable[[Asked], tuple[int, bytes] | None], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Provider]:
    """An HTTP/1.1 server that closes after each answer."""
    found = Provider("", answer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await _answer(found, reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    serving: set[asyncio.Task[None]] = set()
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    found.url = (
        f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1?key=k"
    )
    async with server:
        yield found
    if serving:
        await asyncio.wait(serving, timeout=5)


async def _answer(
    found: Provider, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *lines = head.strip().split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (one.partition(":") for one in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    found.asked.append(Asked(line, headers, body))
    said = found.answer(found.asked[-1])
    if said is None:
        await reader.read()
        return
    status, content = said
    length = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n"
    writer.write(length.encode() + content)
    await writer.drain()


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for 127.0.0.1, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))
