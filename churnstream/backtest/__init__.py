"""One's own table as a stream: what of it trains a model, what is replayed, and how that is measured."""
