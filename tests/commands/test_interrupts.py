"""What ends a command ends it in order."""

import os
import signal
import sys
import tempfile

import pytest

from itermix.commands.parser import Parser, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signals of a Unix")


@pytest.fixture(params=["SIGTERM", "SIGHUP"])
def signal_number(request):
    number = getattr(signal, request.param)
    before = signal.signal(number, signal.SIG_DFL)
    yield number
    signal.signal(number, before)


def test_what_the_system_ends_leaves_no_temporary_folder(signal_number, capsys):
    folders = []

    def action(options):
        with tempfile.TemporaryDirectory(prefix="itermix-") as folder:
            folders.append(folder)
            os.kill(os.getpid(), signal_number)
            pytest.fail("it went on")

    assert run("studio", Parser("studio", ""), [], action) == 130
    assert capsys.readouterr().err == "\nitermix studio: interrupted\n"
    assert len(folders) == 1 and not os.path.exists(folders[0])
    assert signal.getsignal(signal_number) is signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_so(signal_number):
    """As under nohup."""
    signal.signal(signal_number, signal.SIG_IGN)
    went_on = []

    def action(options):
        os.kill(os.getpid(), signal_number)
        went_on.append(signal.getsignal(signal_number))

    assert run("studio", Parser("studio", ""), [], action) == 0
    assert went_on == [signal.SIG_IGN]
