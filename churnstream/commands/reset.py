"""``churnstream reset``."""

from typing import Annotated

import typer

from contract.worker.flags import BootstrapServers, StateDir, StreamName, TopicPrefix


def reset(
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    state_dir: StateDir = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it all. Without this flag it is only listed.")] = False,
) -> None:
    """Delete everything of a stream: its topics, its consumer groups, and what its workers keep on this machine.

    Without `--yes` it only lists what would be deleted. It refuses while workers are running. The model and the
    monitor's experiment stay in MLflow, and this machine's copies of models and references stay beside them.

    Then the stream starts from the beginning: any worker creates its topics again. Nothing is deleted on other machines
    with workers of this stream. These workers notice the old state when they start, and discard it.
    """
    from churnstream.reset import StreamReset
    from contract.kafka.clients import DEFAULT_BOOTSTRAP_SERVERS, admin_client
    from contract.kafka.reachability import require_kafka
    from contract.settings import load_settings

    settings = load_settings(
        bootstrap_servers=bootstrap_servers, stream=stream, topic_prefix=topic_prefix, state_dir=state_dir
    )
    require_kafka(settings)
    whole = StreamReset(settings, admin_client(settings))
    found = whole.find()
    servers = settings.kafka.get("bootstrap.servers", DEFAULT_BOOTSTRAP_SERVERS)
    named = f"the stream {settings.topic_prefix!r}" if settings.topic_prefix else "the stream without a prefix"
    if not found:
        print(f"nothing is left of {named} at {servers} and in {settings.state_dir}")
        return
    if yes:
        whole.delete(found)
    print(f"{'deleted' if yes else 'would be deleted'}, of {named} at {servers}:")
    for topic, messages in found.topics.items():
        print(f"  topic {topic}: {messages:,} message{'' if messages == 1 else 's'}")
    for group in found.groups:
        print(f"  consumer group {group}")
    for path, size in found.paths.items():
        print(f"  {path}: {size / 1e6:,.1f} MB")
    if found.strangers:
        print(f"kept, because they only share the prefix: {', '.join(found.strangers)}")
    print(f"kept in MLflow: the model {settings.model_name!r} and the experiment {settings.experiment!r}")
    if kept := whole.kept():
        print(f"kept on this machine, because MLflow has the same: {', '.join(map(str, kept))}")
    if not yes:
        whole.refuse_while_at_work(found)
        print("nothing has been deleted; to delete it, run churnstream reset --yes with the same settings")
