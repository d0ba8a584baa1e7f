"""``churnstream dead-letters`` and ``churnstream redrive``."""

from typing import Annotated

import typer

from contract.worker.flags import BootstrapServers, Dataset, StreamName, TopicPrefix

LetterReasons = Annotated[
    list[str] | None,
    typer.Option("--reason", help="Only dead letters with this reason, such as unknown-category. Repeatable."),
]
LetterFields = Annotated[
    list[str] | None, typer.Option("--field", help="Only dead letters with this field. Repeatable.")
]
LetterTopics = Annotated[
    list[str] | None,
    typer.Option("--topic", help="Only dead letters from this topic: customers, labels or predictions. Repeatable."),
]
LettersSince = Annotated[
    str | None, typer.Option("--since", metavar="MOMENT", help="Only dead letters that came at this time or later.")
]
LettersUntil = Annotated[
    str | None, typer.Option("--until", metavar="MOMENT", help="Only dead letters that came before this time.")
]


def dead_letters(
    reason: LetterReasons = None,
    field: LetterFields = None,
    topic: LetterTopics = None,
    since: LettersSince = None,
    until: LettersUntil = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    dataset: Dataset = None,
) -> None:
    """List the dead letters by reason, field and origin, and show which can be sent again.

    Reads only Kafka and changes nothing. No value of a message is shown, only its place and what kind of value the
    field holds. Letters are judged by the current schema. Times are UTC and say when a letter came.
    """
    from churnstream.live.shown import output
    from churnstream.redrive.chosen import choose_letters
    from churnstream.redrive.listing import find_letters
    from churnstream.redrive.told import as_json, letters_view
    from contract.kafka.reachability import require_kafka
    from contract.schema import load_schema
    from contract.settings import load_settings

    settings = load_settings(
        bootstrap_servers=bootstrap_servers, stream=stream, topic_prefix=topic_prefix, dataset=dataset
    )
    chosen = choose_letters(settings, reason or (), field or (), topic or (), since, until)
    schema = load_schema(settings.dataset)
    require_kafka(settings)
    found = find_letters(settings, schema, chosen)
    if json:
        print(as_json(found))
    else:
        output().print(letters_view(found))


def redrive(
    reason: LetterReasons = None,
    field: LetterFields = None,
    topic: LetterTopics = None,
    since: LettersSince = None,
    until: LettersUntil = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Send at most this many, the oldest of each partition first.")
    ] = None,
    most_tries: Annotated[
        int, typer.Option(min=1, help="Leave letters that have already been sent again this often.", show_default=True)
    ] = 3,
    yes: Annotated[
        bool, typer.Option("--yes", help="Send the letters. Without this flag they are only counted.")
    ] = False,
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    dataset: Dataset = None,
) -> None:
    """Send dead letters back to the topic they came from, each once, after the cause has been fixed.

    Without `--yes` it only shows what would be sent and what would stay. A letter keeps its bytes, key and partition.
    It stays if the schema would refuse it again, if it was cut, or if it is from another stream. No letter is sent
    twice, whoever runs this command. A message that fails again becomes a dead letter with the header `redriven`. See
    docs/dead-letters.md.
    """
    from churnstream.live.shown import output
    from churnstream.redrive.chosen import choose_letters
    from churnstream.redrive.sending import Redrive
    from churnstream.redrive.told import tally_view
    from contract.kafka.reachability import require_kafka
    from contract.schema import load_schema
    from contract.settings import load_settings
    from contract.worker.logs import configure_logging
    from contract.worker.process import stop_on_signals

    settings = load_settings(
        bootstrap_servers=bootstrap_servers, stream=stream, topic_prefix=topic_prefix, dataset=dataset
    )
    chosen = choose_letters(settings, reason or (), field or (), topic or (), since, until)
    schema = load_schema(settings.dataset)
    require_kafka(settings)
    work = Redrive(settings, schema, chosen, limit=limit, most_redriven=most_tries)
    console = output()
    if not yes:
        tally = work.plan()
        console.print(tally_view(tally, done=False))
        if tally.sent:
            print("nothing has been sent; to send them, run churnstream redrive --yes with the same flags")
        return
    configure_logging(verbose=False)
    console.print(tally_view(work.run(stop_on_signals()), done=True))
