"""A batch moves a topic's progress as its messages do one by one."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Label, Prediction
from contract.rejection import Reason, RejectionError
from monitor.join.incoming import EndOfStream, Incoming
from monitor.join.rules import NEVER, JoinRules, TopicProgress
from monitor.join.trajectory import follow
from tests.support.join.log import CHALLENGER, label, prediction

BAD = RejectionError(Reason.NOT_JSON, "", "")
_times = st.integers(0, 40)
_messages = st.lists(
    st.one_of(_times, st.sampled_from(["bad", "end"]), st.tuples(st.just("challenger"), _times)), max_size=40
)


def content(one: int | str | tuple[str, int]) -> Prediction | Label | EndOfStream | RejectionError:
    if isinstance(one, tuple):
        return prediction(1, float(one[1]), model=CHALLENGER)
    return BAD if one == "bad" else EndOfStream() if one == "end" else label(1, float(one))


@given(_messages, st.lists(st.integers(1, 7), min_size=1, max_size=8), st.integers(1, 6))
def test_progress_after_batches_is_that_after_single_messages(
    given_messages: list[int | str | tuple[str, int]], cuts: list[int], confirmations: int
) -> None:
    rules = JoinRules(slide=1, out_of_orderness=1, lateness=1, confirmations=confirmations)
    messages = [Incoming(2 * at, None, None, content(one)) for at, one in enumerate(given_messages)]
    single, batched = TopicProgress(), TopicProgress()
    latest, epochs = [], []
    for message in messages:
        if isinstance(message.content, EndOfStream):
            single.end(message.offset)
        elif isinstance(message.content, RejectionError):
            single.advance(message.offset, None, rules)
        else:
            latest.append(NEVER if single.latest is None else single.latest)
            epochs.append(single.epoch)
            is_challengers = isinstance(message.content, Prediction)
            single.advance(message.offset, None if is_challengers else message.content.event_time, rules)
    found_latest: list[int] = []
    found_epochs: list[int] = []
    while messages:
        cut = cuts[0]
        cuts = cuts[1:] + cuts[:1]
        path = follow(batched, messages[:cut], rules)
        messages = messages[cut:]
        found_latest += path.latest.tolist()
        found_epochs += path.epochs.tolist()
    assert msgspec.structs.asdict(batched) == msgspec.structs.asdict(single)
    assert (found_latest, found_epochs) == (latest, epochs)
