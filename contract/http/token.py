"""Whether a request carries the bearer token."""

import hmac

from pydantic import SecretStr


def has_token(authorization: str, token: SecretStr) -> bool:
    """Whether the header Authorization, empty where there is none, holds ``token``.

    The comparison takes the same time wherever they differ.
    """
    scheme, _, given = authorization.partition(" ")
    known = hmac.compare_digest(given.strip().encode(), token.get_secret_value().encode())
    return known and scheme.lower() == "bearer"
