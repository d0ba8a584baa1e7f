"""Whether this user may read as a consumer group, for clients that keep the broker's refusal to themselves."""

import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation

from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.settings import Settings

_BEFORE_IT_KNOWS = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
_SECONDS_BETWEEN = 0.2


def check_group_right(settings: Settings, group: str) -> None:
    """Ask the broker, for ``request_timeout_ms`` at most; an answer that does not come is taken as a yes.

    Raises:
        UserError: this user may not read as ``group`` (its full name).
    """
    deadline = time.monotonic() + settings.request_timeout_ms / 1_000
    # the answers come while the client lives
    admin = admin_client(settings)
    while (left := deadline - time.monotonic()) > 0:
        asked = admin.describe_consumer_groups([group], include_authorized_operations=True, request_timeout=left)
        try:
            allowed = asked[group].result(left).authorized_operations
        except TimeoutError:
            return
        except KafkaException as error:
            if error.args[0].code() in _BEFORE_IT_KNOWS:
                time.sleep(_SECONDS_BETWEEN)
                continue
            if error.args[0].code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                return
            allowed = ()
        if allowed is not None and AclOperation.READ not in allowed:
            raise UserError(f"this user may not read as the consumer group {group}; grant this user READ on that group")
        return
