"""The kinds of model, and what each is made of: encodings, samplings and search spaces."""
