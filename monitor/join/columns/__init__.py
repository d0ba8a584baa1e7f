"""What the join computes with: the columns of a batch, rows of fixed width, an index of hashes, and sums of panes."""
