"""What versions of a model were like when they were made, and which of them serves: for the topic ``versions``.

MLflow is asked in a thread, and what differs from what stands on the topic is given to the timeline, the one writer.
"""
