"""The text of a single-node broker's configuration files. Paths in them are relative to the broker's folder."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

_ALWAYS = (
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Dlog4j2.configurationFile=log4j2.properties",
    # the compression codecs are native code; without these two the JVM warns at every start
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
_LASTING = (
    # Kafka's own default
    "-Xmx1g",
    # any other collector stops the broker, and all records that come meanwhile, for 20 to 50 ms again and again
    "-XX:+UseZGC",
)
_SHORT = (
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    # of the JVM's own 48 MB a seventh is soon full, and then it stops the broker to look for code to drop
    "-XX:ReservedCodeCacheSize=128m",
)


def jvm_options(*, lasting: bool) -> tuple[str, ...]:
    """Options of the broker's JVM: bounded memory, and no files outside the broker's folder.

    A broker that is not ``lasting`` spends no time on optimising, which would take more than it gains. One that is gets
    there after some minutes of work: then a transaction takes it a third less CPU time. It collects garbage beside its
    work.
    """
    return (*_ALWAYS, *(_LASTING if lasting else _SHORT))


LOG4J2_PROPERTIES = """\
status = warn
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
logger.config.name = org.apache.kafka.common.config
logger.config.level = warn
"""


def server_properties(
    port: int, controller_port: int, listeners: Sequence[str] = (), changed: Mapping[str, object] = MappingProxyType({})
) -> str:
    """Properties of one KRaft node, broker and controller at once, that only this machine can reach.

    ``listeners`` are further ones for clients, such as ``SSL://127.0.0.1:9093``; ``changed`` is in the place of ours.
    """
    clients = ",".join([f"PLAINTEXT://127.0.0.1:{port}", *listeners])
    properties = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{clients},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": clients,
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": "data",
        "auto.create.topics.enable": "false",
        # there is one node
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        # a stream may pause for longer than Kafka's week, after which everything would be read anew
        "offsets.retention.minutes": 525_600,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 4,
        # a consumer group need not wait for members that start later, and a dead one is noticed when it asks to be
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "group.consumer.min.session.timeout.ms": 1000,
        "group.consumer.min.heartbeat.interval.ms": 200,
        # a transaction is aborted when it times out, not up to ten seconds later
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        # after a crash the controller lets the broker in again only when its last session has run out
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        # what a large cluster would need is waste here
        "num.network.threads": 2,
        "num.io.threads": 4,
        "log.cleaner.dedupe.buffer.size": 16_777_216,
    }
    return "".join(f"{name}={value}\n" for name, value in {**properties, **changed}.items())
