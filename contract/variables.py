"""Variables of the environment: which are meant for us, and which a platform has put there under our names."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

KAFKA_PREFIX = "KAFKA_"
# Kubernetes gives each pod these for every Service of its namespace, and Docker's links the first of them, too
_OF_A_SERVICE = re.compile(
    r".+_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)", re.IGNORECASE
)
_PORT_OF_A_SERVICE = re.compile(r".+_PORT", re.IGNORECASE)
_LINK = re.compile(r"(tcp|udp|sctp)://", re.IGNORECASE)
# of Kafka's own start scripts and of Docker's links
_BROKER_SIDE = re.compile(
    r"KAFKA_(HOME|OPTS|HEAP_OPTS|JVM_.*|LOG4J_.*|LOG_DIRS?|GC_.*|JMX_.*|DEBUG|CLASSPATH|NAME|ENV_.*)"
)
# librdkafka's other name of the same property
_ALIASES = {"metadata.broker.list": "bootstrap.servers"}
_Value = TypeVar("_Value")


def without_services(environment: Mapping[str, _Value]) -> dict[str, _Value]:
    """The environment without what Kubernetes makes of Services' names: one called ``kafka`` gives ``KAFKA_PORT``."""
    return {
        name: value
        for name, value in environment.items()
        if not _OF_A_SERVICE.fullmatch(name) and not (_PORT_OF_A_SERVICE.fullmatch(name) and _LINK.match(str(value)))
    }


def kafka_properties(environment: Mapping[str, str]) -> dict[str, str]:
    """librdkafka properties in ``KAFKA_…`` variables: ``KAFKA_SASL_USERNAME`` is ``sasl.username``.

    Variables of Kafka's own start scripts (``KAFKA_HEAP_OPTS`` and the like) and of Kubernetes' Services are none, nor
    is one that is empty, as a compose file gives it. ``metadata.broker.list`` is ``bootstrap.servers``.
    """
    found = {
        name.removeprefix(KAFKA_PREFIX).lower().replace("_", "."): value
        for name, value in without_services(environment).items()
        if name.startswith(KAFKA_PREFIX) and value and not _BROKER_SIDE.fullmatch(name)
    }
    renamed = {_ALIASES[name]: value for name, value in found.items() if name in _ALIASES}
    return renamed | {name: value for name, value in found.items() if name not in _ALIASES}


def variable_of(kafka_property: str) -> str:
    """The variable that a librdkafka property comes from."""
    return f"{KAFKA_PREFIX}{kafka_property.upper().replace('.', '_')}"


def meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that a mistyped one is nearest to; None where none is near."""
    return next(iter(get_close_matches(name, known, n=1, cutoff=0.8)), None)
