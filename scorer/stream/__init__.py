"""Records scored from topic to topic, exactly once."""
