"""What a job in a child comes to."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobqueue import ConfigurationError, Job, Retry
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from jobqueue.domain.outcomes import Failed, Mismatch, Snoozed, Succeeded
from jobqueue.worker.children import ChildPool
from tests.integration.worker.conftest import LIMITS, Run, current, nothing
from tests.support import process_jobs as jobs

