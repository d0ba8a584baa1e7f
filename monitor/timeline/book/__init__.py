"""The parts of the window book: what is known of one model, its buckets, its windows and its cumulative metrics."""
