"""The life of a task as a table: which status may follow which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.domain.task import TERMINAL, TRANSITIONS, WAITING, TaskStatus, may_become

statuses = st.sampled_from(TaskStatus)


def test_every_status_has_its_row():
    """The table speaks of each of Runway's six words, and of no other."""
    assert set(TRANSITIONS) == set(TaskStatus)
    assert {str(status) for status in TaskStatus} == {
        "PENDING",
        "THROTTLED",
        "RUNNING",
        "SUCCEEDED",
        "FAILED",
        "CANCELLED",
    }


@given(before=st.sampled_from(sorted(TERMINAL)), after=statuses)
def test_terminal_is_for_ever(before: TaskStatus, after: TaskStatus):
    """Nothing follows a terminal status, not even itself."""
    assert before.is_terminal
    assert not may_become(before, after)


@given(walk=st.lists(statuses, max_size=30))
def test_a_walk_reaches_success_through_running_only(walk: list[TaskStatus]):
    """However a task walks: SUCCEEDED is preceded by RUNNING, THROTTLED never runs at once, and the end is the end."""
    status, before, past = TaskStatus.PENDING, TaskStatus.PENDING, []
    for wish in walk:
        if may_become(status, wish):
            past.append(status)
            before, status = status, wish

    assert all(not step.is_terminal for step in past)
    assert status is not TaskStatus.SUCCEEDED or before is TaskStatus.RUNNING
    assert status is not TaskStatus.RUNNING or TaskStatus.THROTTLED not in past[-1:]


@pytest.mark.parametrize("status", sorted(set(TaskStatus) - TERMINAL))
def test_whatever_is_open_can_be_cancelled_and_can_fail(status: TaskStatus):
    """No open task is beyond the reach of its owner, and none can get stuck without an end."""
    assert may_become(status, TaskStatus.CANCELLED)
    assert may_become(status, TaskStatus.FAILED)


def test_waiting_and_terminal_leave_running_alone():
    """The three kinds of status share nothing and cover everything."""
    assert TERMINAL | WAITING | {TaskStatus.RUNNING} == set(TaskStatus)
    assert not TERMINAL & WAITING
