"""Threads and processes that begin and execute other programs."""

from __future__ import annotations

from iomodels.observe.calls.state import Handler, State
from iomodels.observe.log.call import Call
from iomodels.observe.table.program import Program
from iomodels.observe.table.thread import Thread


def _clone(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if call.result is None or call.result <= 0:
        return
    state.unheard.discard(call.result)
    parent = thread.process
    known = state.threads.get(call.result)
    if "CLONE_FILES" in call.arguments or "CLONE_THREAD" in call.arguments:
        if known is None:
            known = state.start_thread(call.result, parent, is_first=False)
        elif known.process is not parent:  # It was heard of before the call that made it ended.
            own = known.process
            known.process, known.habits.is_first = parent, False
            parent.threads += 1
            for number, held in own.held.items():
                held.program = parent.program
                if number not in parent.held:
                    parent.give(number, held)
                else:
                    state.let_go(held)
        known.habits.starter = thread.habits
        thread.habits.started_threads += known.habits.transfers == 0
        return
    program = _child(state, parent.program, "fork")
    if known is None:
        process = state.new_process(program)
        state.start_thread(call.result, process, is_first=True)
    else:
        process = known.process
        if process.executed is not None:
            program = _child(state, program, process.executed)
        process.program = program
        for held in process.held.values():
            held.program = program
    process.inherit(parent)


def _execute(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if call.result != 0:
        return
    what = hash(arguments[0]) if arguments else 0
    thread.process.program = _child(state, thread.process.program, what)
    thread.process.executed = what
    thread.process.execute()
    thread.habits.is_first = True


def _child(state: State, parent: Program, how: object) -> Program:
    """Children that one program made in the same way are one program."""
    key = hash(how)
    if key not in parent.children:
        parent.children[key] = state.new_program()
    return parent.children[key]


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("clone", "clone3", "fork", "vfork"), _clone),
    **dict.fromkeys(("execve", "execveat"), _execute),
}
