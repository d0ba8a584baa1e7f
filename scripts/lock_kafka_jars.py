"""Write churnstream/kafka_jars.txt: the jars of a Kafka release and their hashes. For maintainers.

Usage: python scripts/lock_kafka_jars.py 4.3.1
"""

import hashlib
import sys
import tempfile
from pathlib import Path

from jgo.maven import MavenContext
from jgo.parse import Coordinate

LOCK = Path(__file__).parent.parent / "churnstream" / "kafka_jars.txt"


def main(version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        maven = MavenContext(repo_cache=Path(folder), local_repos=[], timeout=30)

        def resolve(*coordinates: str) -> list[str]:
            wanted = [maven.create_dependency(Coordinate.parse(text)) for text in coordinates]
            inputs, transitive = maven.resolver.resolve(wanted)
            artifacts = [d.artifact for d in [*inputs, *transitive] if d.scope in ("compile", "runtime", None)]
            return sorted(
                f"{hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()}  "
                f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
                for artifact in artifacts
            )

        kafka = f"org.apache.kafka:kafka_2.13:{version}"
        log4j = next(line.rpartition(":")[2] for line in resolve(kafka) if ":log4j-core:" in line)
        # "!": its own dependency management must not choose the versions of Kafka's libraries
        lines = resolve(kafka, f"org.apache.logging.log4j:log4j-slf4j-impl:{log4j}!")
    header = f"# SHA-256 and Maven coordinates of Apache Kafka {version}; made by scripts/lock_kafka_jars.py"
    LOCK.write_text("\n".join([header, *sorted(lines, key=lambda line: line.split()[1])]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
