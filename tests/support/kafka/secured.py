"""A broker of its own with TLS and SASL, and the files that a client needs to trust it, or not to."""

import contextlib
import datetime
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from churnstream.local_kafka.broker import LocalKafka, free_port

USER, PASSWORD = "scorer", "Lake-Stone-7"
"""A login that the broker takes, by SASL/PLAIN."""
AWAY = "kafka.invalid:9092"
_LOGIN = (
    f"org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="{USER}" password="{PASSWORD}" user_{USER}="{PASSWORD}";'
)


@dataclass(frozen=True)
class SecuredBroker:
    """Where its listeners are: one without security, one with TLS, one that wants a login, and one that sends its
    clients on to ``AWAY``, where nobody is.

    ``ca`` signed its certificate, ``other_ca`` did not.
    """

    plain: str
    away: str
    tls: str
    sasl: str
    ca: Path
    other_ca: Path


@contextlib.contextmanager
def secured_broker(folder: Path) -> Iterator[SecuredBroker]:
    """Start it in ``folder``; its certificate is for 127.0.0.1 and no name, so ``localhost`` is another host."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, other = _authority("the tests"), _authority("somebody else")
    ca, other_ca, keystore = folder / "ca.pem", folder / "other-ca.pem", folder / "broker.pem"
    ca.write_bytes(_pem(authority[1]))
    other_ca.write_bytes(_pem(other[1]))
    keystore.write_bytes(_certified_key(authority))
    plain, away, tls, sasl = (f"127.0.0.1:{free_port()}" for _ in range(4))
    advertised = [f"PLAINTEXT://{plain}", f"SSL://{tls}", f"SASL_PLAINTEXT://{sasl}"]
    properties = {
        "listener.security.protocol.map": (
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,AWAY:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"
        ),
        "advertised.listeners": ",".join([*advertised, f"AWAY://{AWAY}"]),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": _LOGIN,
    }
    further = [*advertised[1:], f"AWAY://{away}"]
    with LocalKafka(folder / "kafka", int(plain.rpartition(":")[2]), listeners=further, properties=properties):
        yield SecuredBroker(plain, away, tls, sasl, ca, other_ca)


_Authority = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def _authority(name: str) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    builder = _builder(subject, subject, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return key, builder.sign(key, hashes.SHA256())


def _certified_key(authority: _Authority) -> bytes:
    """A key and its certificate in one PEM file, as Kafka takes them."""
    key = ec.generate_private_key(ec.SECP256R1())
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = _builder(_name("broker"), authority[1].subject, key)
    signed = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False).sign(
        authority[0], hashes.SHA256()
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret + _pem(signed) + _pem(authority[1])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
