"""``churnstream status``."""

from typing import Annotated

import typer

from contract.worker.flags import BootstrapServers, StreamName, TopicPrefix


def status(
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Keep showing the status, with the windows, until Ctrl-C.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch, one line for each change.")] = False,
    timeout: Annotated[
        float, typer.Option(min=1, max=3_600, help="Longest time to read the topics, in seconds.")
    ] = 30.0,
) -> None:
    """Show whether a stream is well now: workers, lag, newest window, dead letters, incidents, versions.

    Reads only Kafka and changes nothing. Exit code 0: it is well; 1: it is not; 2: unknown, because the broker does not
    answer, the stream does not exist, or its topics may not be read.
    """
    import logging

    from churnstream.live.shown import output
    from churnstream.status.form import as_json
    from churnstream.status.looking import look_at
    from churnstream.status.view import status_view
    from churnstream.status.watching import watch_stream
    from contract.settings import load_settings

    settings = load_settings(bootstrap_servers=bootstrap_servers, stream=stream, topic_prefix=topic_prefix)
    # why the broker does not answer is part of the status
    logging.getLogger("churnstream").addHandler(logging.NullHandler())
    if watch:
        watch_stream(settings, json, timeout)
        return
    with look_at(settings) as look:
        look.wait(timeout)
        found = look.status()
        # before the threads have ended, which may take some seconds
        if json:
            print(as_json(found), flush=True)
        else:
            output().print(status_view(found))
    raise typer.Exit(found.exit_code)
