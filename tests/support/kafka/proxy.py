"""A network between a worker and the broker that loses one chosen message: a TCP proxy that knows Kafka's framing.

A frame is its length (4 bytes) and its body. A request's body begins with API key and version (2 bytes each) and a
correlation id (4 bytes), a reply's with the correlation id of its request. Wherever a reply tells clients the broker's
address (metadata, coordinators, and the new leader in an answer to a request that went to another one), the port is
changed to the proxy's, so that all connections come through it; the host is the same, 127.0.0.1.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from confluent_kafka.admin import AdminClient

from churnstream.local_kafka.broker import LocalKafka

METADATA, END_TXN = 3, 26
_LOOPBACK = ("127.0.0.1", "localhost")

Loss = Literal["request", "reply", "reply and connection"]


class KafkaProxy:
    """Passes everything on but the ``at``-th exchange of ``api_key``, of which it loses what ``loss`` says."""

    def __init__(self, broker: tuple[str, int], api_key: int, loss: Loss, at: int) -> None:
        self._broker = broker
        self._api_key = api_key
        self._loss = loss
        self._at = at
        self._seen = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._listener.getsockname()[1]

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def lost(self) -> bool:
        """Whether the message that is to be lost has been."""
        return self._seen >= self._at

    async def serve(self) -> None:
        """Until cancelled."""
        server = await asyncio.start_server(self._connected, sock=self._listener)
        async with server:
            await server.serve_forever()

    async def _connected(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        try:
            broker_in, broker_out = await asyncio.open_connection(*self._broker)
        except OSError:
            client_out.close()
            return
        awaited: dict[int, int] = {}
        ways = [
            asyncio.create_task(self._requests(client_in, broker_out, awaited)),
            asyncio.create_task(self._replies(broker_in, client_out, awaited)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            client_out.close()
            broker_out.close()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, awaited: dict[int, int]
    ) -> None:
        while True:
            frame = await _read(reader)
            api_key, _version, correlation_id = struct.unpack_from(">hhi", frame)
            if self._loss == "request" and self._is_to_be_lost(api_key):
                continue
            awaited[correlation_id] = api_key
            await _write(writer, frame)

    async def _replies(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, awaited: dict[int, int]
    ) -> None:
        while True:
            frame = await _read(reader)
            (correlation_id,) = struct.unpack_from(">i", frame)
            api_key = awaited.pop(correlation_id)
            if self._loss != "request" and self._is_to_be_lost(api_key):
                if self._loss == "reply and connection":
                    return
                continue
            await _write(writer, self._renamed(frame))

    def _is_to_be_lost(self, api_key: int) -> bool:
        self._seen += api_key == self._api_key
        return api_key == self._api_key and self._seen == self._at

    def _renamed(self, frame: bytes) -> bytes:
        host, port = self._broker
        name = host.encode()
        return frame.replace(name + struct.pack(">i", port), name + struct.pack(">i", self._port))


@contextlib.contextmanager
def lossy_network(bootstrap_servers: str, directory: Path, api_key: int, loss: Loss, at: int) -> Iterator[KafkaProxy]:
    """A proxy before the broker; or, if that one is on another machine or not alone, before one of the test's own."""
    with contextlib.ExitStack() as stack:
        if (address := _address(bootstrap_servers)) is None:
            address = _address(stack.enter_context(LocalKafka(directory / "kafka")).bootstrap_servers)
        assert address is not None
        proxy = KafkaProxy(address, api_key, loss, at)
        stack.enter_context(_on_a_thread(proxy))
        yield proxy


@contextlib.contextmanager
def _on_a_thread(proxy: KafkaProxy) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    serving = asyncio.run_coroutine_threadsafe(proxy.serve(), loop)
    try:
        yield
    finally:
        serving.cancel()
        asyncio.run_coroutine_threadsafe(_end_all_others(), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _end_all_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)


async def _write(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)
    await writer.drain()


def _address(bootstrap_servers: str) -> tuple[str, int] | None:
    """Host and port by which clients know the only broker of a cluster, if that is on this machine."""
    brokers = list(AdminClient({"bootstrap.servers": bootstrap_servers}).list_topics(timeout=10).brokers.values())
    host = brokers[0].host
    return None if len(brokers) > 1 or host is None or host not in _LOOPBACK else (host, brokers[0].port)
