"""Dead letters listed, and sent back to the topic that they came from, each once."""
