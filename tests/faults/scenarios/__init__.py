"""All scenarios, in the order of the table."""

from __future__ import annotations

from tests.faults.scenario import Scenario
from tests.faults.scenarios.backups import BACKUPS
from tests.faults.scenarios.collections import COLLECTIONS
from tests.faults.scenarios.conversations import CONVERSATIONS
from tests.faults.scenarios.index import INDEX
from tests.faults.scenarios.jobs import JOBS
from tests.faults.scenarios.migrations import MIGRATIONS
from tests.faults.scenarios.small_files import SMALL_FILES

SCENARIOS: tuple[Scenario, ...] = (*INDEX, *CONVERSATIONS, *JOBS, *COLLECTIONS, *SMALL_FILES, *BACKUPS, *MIGRATIONS)
