"""Fakes of what stands around churnstream, for its own tests and for those of what is built on it.

``MemoryLog`` takes the place of Kafka, ``ManualClock`` and ``RunningClock`` that of the wall clock. Each behaves as the
real thing does in what it covers; tests run the same assertions against both. ``scorer.testing`` has a model, a model
registry and a sink. ::

    log = MemoryLog({"predictions": 2})
    log.fail("commit_transaction", KafkaError._TIMED_OUT)
    producer = log.producer("my-worker")
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce("predictions", key=b"c7", value=b"{}")
    with pytest.raises(KafkaException):
        producer.commit_transaction()
    assert log.messages("predictions") == []
"""

from contract.testing.clock import ManualClock, RunningClock
from contract.testing.log import MemoryLog

__all__ = ["ManualClock", "MemoryLog", "RunningClock"]
