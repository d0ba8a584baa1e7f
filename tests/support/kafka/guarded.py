"""A broker of its own that lets each user do only what an ACL allows, with users who log in by SASL/PLAIN."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from churnstream.local_kafka.broker import LocalKafka, free_port

PASSWORD = "Reed-Mill-3"
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Right:
    """What a user may do with one resource, or with all whose names begin so."""

    kind: ResourceType
    name: str
    is_prefix: bool
    operations: tuple[str, ...]


@dataclass(frozen=True)
class GuardedBroker:
    """``open``: where everybody may do everything; ``guarded``: where users log in and ACLs hold."""

    open: str
    guarded: str

    def login(self, user: str) -> dict[str, str]:
        """The properties of a client that is this user."""
        return {
            "bootstrap.servers": self.guarded,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": user,
            "sasl.password": PASSWORD,
        }

    def grant(self, user: str, rights: Iterable[Right]) -> None:
        """Let a user do this, too."""
        admin = AdminClient({"bootstrap.servers": self.open})
        principal = f"User:{user}"
        bindings = [
            AclBinding(
                right.kind,
                right.name,
                ResourcePatternType.PREFIXED if right.is_prefix else ResourcePatternType.LITERAL,
                principal,
                "*",
                AclOperation[operation],
                AclPermissionType.ALLOW,
            )
            for right in rights
            for operation in right.operations
        ]
        for answer in admin.create_acls(bindings).values():
            answer.result(_TIMEOUT)


@contextlib.contextmanager
def guarded_broker(folder: Path, users: Sequence[str]) -> Iterator[GuardedBroker]:
    """Start it in ``folder``, with users who may do nothing yet."""
    port, guarded = free_port(), f"127.0.0.1:{free_port()}"
    logins = " ".join(f'user_{user}="{PASSWORD}"' for user in users)
    properties = {
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
            f"org.apache.kafka.common.security.plain.PlainLoginModule required {logins};"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # whoever comes without a login, as the broker itself does
        "super.users": "User:ANONYMOUS",
    }
    listeners = [f"SASL_PLAINTEXT://{guarded}"]
    with LocalKafka(folder / "kafka", port, listeners=listeners, properties=properties) as broker:
        yield GuardedBroker(broker.bootstrap_servers, guarded)
