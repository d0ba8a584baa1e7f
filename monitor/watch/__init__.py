"""What is wrong with the stream itself, whatever its windows say: refused messages, silence, lag, MLflow behind.

It looks at Kafka and at the spool every few seconds, as long as its monitor is the one at work. Durations are *watched
time*: seconds of a clock that nobody can set, and that stands still while Kafka cannot be looked at.
"""
