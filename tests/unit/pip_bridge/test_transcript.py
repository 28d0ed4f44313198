"""What is said elsewhere is said here, once and in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from pip._internal.utils.logging import indent_log

from pipcache_plugin.pip_bridge.transcript import Step, Transcript, note_begin, written_to
from tests.unit.pip_bridge.said import Shown, only_handlers

PATIENCE_SECONDS = 30

logger = logging.getLogger("tests.transcript")


@pytest.fixture
def shown() -> Iterator[Shown]:
    """Return pip's only handler."""
    handler = Shown()
    with only_handlers(handler):
        yield handler


def in_thread(work: Callable[[], object]) -> threading.Thread:
    """Do *work* in a thread, which is given back running."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def write(transcript: Transcript, work: Callable[[], object]) -> None:
    """Let a thread do *work* and take down what it says, to the end."""

    def write_down() -> None:
        with written_to(transcript):
            work()
        transcript.close()

    in_thread(write_down).join(PATIENCE_SECONDS)


def say(*words: str) -> None:
    """Log each."""
    for word in words:
        logger.info(word)


class TestRecords:
    """What is logged."""

    def test_nothing_is_said_before_it_is_shown(self, shown: Shown) -> None:
        """It waits for its turn, and is then said in order."""
        transcript = Transcript(in_thread=True)
        write(transcript, lambda: say("line 0", "line 1", "line 2"))
        assert shown.lines == []
        transcript.show()
        assert shown.lines == ["line 0", "line 1", "line 2"]

    def test_every_handler_gets_it_once(self) -> None:
        """Each by its own level and filters, as if it were said there and then."""
        everything, errors = Shown(), Shown(logging.ERROR)

        def work() -> None:
            logger.info("information")
            logger.error("error")

        with only_handlers(everything, errors):
            transcript = Transcript(in_thread=True)
            write(transcript, work)
            transcript.show()
        assert everything.lines == ["information", "error"]
        assert errors.lines == ["error"]

    def test_other_threads_say_theirs_at_once(self, shown: Shown) -> None:
        """What is taken down is what one thread says, while it is asked to be."""
        transcript = Transcript(in_thread=True)
        with written_to(transcript):
            logger.info("taken down")
            in_thread(lambda: logger.info("said")).join(PATIENCE_SECONDS)
        logger.info("said after that")
        assert shown.lines == ["said", "said after that"]

    def test_two_threads_have_two_transcripts(self, shown: Shown) -> None:
        """What was said first may be shown last."""
        transcripts = [Transcript(in_thread=True) for _ in range(2)]
        for number, transcript in enumerate(transcripts):
            write(transcript, lambda number=number: logger.info("thread %d", number))  # type: ignore[misc]
        for transcript in reversed(transcripts):
            transcript.show()
        assert shown.lines == ["thread 1", "thread 0"]

    def test_handlers_that_are_set_up_anew(self, shown: Shown) -> None:
        """As when a command begins again: there is nothing left of what was set on the first ones."""
        write(Transcript(in_thread=True), lambda: logger.info("first"))
        new = Shown()
        with only_handlers(new):
            transcript = Transcript(in_thread=True)
            write(transcript, lambda: logger.info("second"))
            assert new.lines == []
            transcript.show()
            assert new.lines == ["second"]

    def test_two_threads_that_begin_at_once(self, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
        """What each of them says is said once."""
        root, add = logging.getLogger(), logging.getLogger().addHandler
        transcripts = [Transcript(in_thread=True) for _ in range(2)]
        second = threading.Thread(target=lambda: write(transcripts[1], lambda: logger.info("second")), daemon=True)

        def add_slowly(handler: logging.Handler) -> None:
            if second.ident is None:
                # Let it do what it can do in the middle of this.
                second.start()
                second.join(0.2)
            add(handler)

        monkeypatch.setattr(root, "addHandler", add_slowly)
        write(transcripts[0], lambda: logger.info("first"))
        second.join(PATIENCE_SECONDS)
        for transcript in transcripts:
            transcript.show()
        assert shown.lines == ["first", "second"]


class TestIndentation:
    """How far to the right."""

    def test_counts_from_where_it_is_shown(self, shown: Shown) -> None:
        """Of a thread, all that was indented there."""

        def talk() -> None:
            logger.info("flat")
            with indent_log():
                logger.info("indented")

        transcript = Transcript(in_thread=True)
        write(transcript, talk)
        with indent_log(4):
            transcript.show()
        assert shown.lines == ["    flat", "      indented"]

    def test_counts_from_where_it_was_made(self, shown: Shown) -> None:
        """In pip's own thread, which may be indented just then, for something else."""
        with indent_log(4):
            transcript = Transcript()
            with written_to(transcript):
                logger.info("flat")
                with indent_log():
                    logger.info("indented")
        transcript.close()
        transcript.show()
        assert shown.lines == ["flat", "  indented"]


class TestSteps:
    """What takes a while."""

    @pytest.mark.parametrize("word", ["done", "error", "canceled"])
    def test_status_is_said(self, shown: Shown, word: str) -> None:
        """As the process that was waited for has ended; what is noted later does not count."""

        def work() -> None:
            with transcript.step("Working") as spinner:
                spinner.spin()
                spinner.finish(word)

        transcript = Transcript(in_thread=True)
        write(transcript, work)
        transcript.show()
        assert shown.lines == ["Working: started", f"Working: finished with status '{word}'"]

    def test_failure_is_an_error(self, shown: Shown) -> None:
        """Whatever it is, and it goes on its way."""
        transcript = Transcript()
        with pytest.raises(ZeroDivisionError), transcript.step("Working"):
            raise ZeroDivisionError
        transcript.close()
        transcript.show()
        assert shown.lines == ["Working: started", "Working: finished with status 'error'"]

    def test_one_step_after_the_other(self, shown: Shown) -> None:
        """With what is said between them, each at its place."""

        def work() -> None:
            for name in ["First", "Second"]:
                logger.info("before %s", name)
                with transcript.step(name):
                    pass

        transcript = Transcript(in_thread=True)
        write(transcript, work)
        transcript.show()
        said = [line.partition(":")[0] for line in shown.lines]
        assert said == ["before First", "First", "First", "before Second", "Second", "Second"]

    def test_shown_while_it_goes_on(self, shown: Shown) -> None:
        """The user sees what is done before it is done; each pause is used, and what comes then is shown."""
        transcript, may_end = Transcript("project", in_thread=True), threading.Event()

        def work() -> None:
            with written_to(transcript):
                for name in ["First", "Second"]:
                    with transcript.step(name):
                        assert may_end.wait(PATIENCE_SECONDS)
                        may_end.clear()
            transcript.close()

        def idle() -> bool:
            seen.append(shown.lines[-1])
            may_end.set()
            return False

        seen: list[str] = []
        thread = in_thread(work)
        transcript.show(idle)
        thread.join(PATIENCE_SECONDS)
        assert {"First: started", "Second: started"} <= set(seen)
        assert shown.lines[-1] == "Second: finished with status 'done'"

    def test_what_is_said_in_a_step_is_said_while_it_goes_on(self, shown: Shown) -> None:
        """Between its beginning and its end, as far to the right as it was; also by a step within it."""
        transcript, may_end = Transcript(in_thread=True), threading.Event()

        def work() -> None:
            with indent_log(), transcript.step("Working"):
                logger.info("said")
                with transcript.step("Working"):
                    with indent_log():
                        logger.info("said within")
                    assert may_end.wait(PATIENCE_SECONDS)
                logger.info("said at last")

        def idle() -> bool:
            if shown.lines[-1:] == ["    said within"]:
                may_end.set()
            return False

        thread = in_thread(lambda: write(transcript, work))
        transcript.show(idle)
        thread.join(PATIENCE_SECONDS)
        assert shown.lines == [
            "  Working: started",
            "  said",
            "  Working: started",
            "    said within",
            "  Working: finished with status 'done'",
            "  said at last",
            "  Working: finished with status 'done'",
        ]

    def test_idle_before_anything_is_said(self, shown: Shown) -> None:
        """Also when there is something to do each time, its end is seen."""
        transcript = Transcript(in_thread=True)
        left = [1, 2, 3]

        def idle() -> bool:
            left.pop()
            if not left:
                transcript.close()
            return bool(left)

        transcript.show(idle)
        assert left == []
        assert shown.lines == []

    @pytest.mark.usefixtures("shown")
    def test_current_step(self) -> None:
        """The one that lasts, with its project; none before it and after it."""
        transcript = Transcript("project", in_thread=True)
        assert transcript.current_step is None
        with transcript.step("Working"):
            assert transcript.current_step == Step(message="Working", indentation=0, project="project")
        assert transcript.current_step is None

    @pytest.mark.usefixtures("shown")
    def test_begin_is_noted_in_the_step_of_the_thread(self) -> None:
        """Before that it waits; without a step, or a transcript, there is nothing to note."""
        transcript = Transcript(in_thread=True)
        note_begin()
        with written_to(transcript):
            note_begin()
            with transcript.step("Working"):
                step = transcript.current_step
                assert step is not None
                assert step.began is None
                note_begin()
                assert step.began is not None
