"""What a model review asks for: the facts of a version, and one page with them."""
