"""A file is written whole or not at all, whatever the disk does."""

import contextlib
import errno
import os
import re
import stat
import threading

import pytest

from skbetafd._utils.files import whole_file


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def write(path, content=b"new"):
    with whole_file(path) as file:
        file.write(content)


def test_a_file_and_then_its_folder_are_on_the_disk_before_and_after_it_takes_its_place(
    path, monkeypatch
):
    sync, replace, steps = os.fsync, os.replace, []

    def synced(descriptor):
        steps.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        sync(descriptor)

    def replaced(one, other):
        assert one.parent == other.parent
        steps.append((one.name, other.name))
        replace(one, other)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write(path)
    unfinished = steps[0]
    assert unfinished.endswith(".tmp")
    assert steps == [unfinished, (unfinished, "file"), path.parent.name]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt()])
def test_an_error_that_is_not_the_system_s_comes_out_as_it_is(path, error):
    with pytest.raises(type(error)) as caught, whole_file(path) as file:
        file.write(b"ha")
        raise error
    assert caught.value is error
    assert os.listdir(path.parent) == ["file"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("call", ["builtins.open", "os.fsync", "os.replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_whatever_the_system_refuses_the_old_file_stays_and_the_error_names_it(
    path, call, number, monkeypatch
):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number), "another name")

    monkeypatch.setattr(call, refuse)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        write(path)
    monkeypatch.undo()
    assert caught.value.errno == number
    assert caught.value.filename == str(path)
    assert isinstance(caught.value, PermissionError) == (number == errno.EACCES)
    assert os.listdir(path.parent) == ["file"]
    assert path.read_bytes() == b"old"


def test_a_link_stays_and_leads_to_the_new_file(path):
    link = path.with_name("link")
    link.symlink_to(path)
    write(link)
    assert link.is_symlink() and path.read_bytes() == b"new"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666, 0o440])
def test_a_file_keeps_its_mode_and_nobody_else_reads_what_is_not_finished(path, mode):
    path.chmod(mode)
    with whole_file(path) as file:
        (unfinished,) = path.parent.glob(".*")
        assert stat.S_IMODE(unfinished.stat().st_mode) == mode
        file.write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


def test_a_new_file_has_the_mode_of_any(path):
    write(path.with_name("new"))
    (path.with_name("other")).touch()
    assert path.with_name("new").stat().st_mode == path.with_name("other").stat().st_mode


def test_a_hard_link_is_replaced_and_not_written_through(path):
    os.link(path, path.with_name("link"))
    write(path.with_name("link"))
    assert path.read_bytes() == b"old" and path.with_name("link").read_bytes() == b"new"


def test_a_path_that_leads_to_no_place_for_a_file_is_refused_by_its_name(path):
    folder = path.parent
    os.mkfifo(folder / "pipe")
    for one, other in (("one", "two"), ("two", "one")):
        (folder / one).symlink_to(folder / other)
    before = sorted(os.listdir(folder))
    for given, error in {
        folder: IsADirectoryError,
        f"{folder}/new/": IsADirectoryError,
        f"{path}/": IsADirectoryError,
        f"{path}/.": IsADirectoryError,
        folder / "none" / "file": FileNotFoundError,
        folder / "one": OSError,  # leads back to itself
        folder / "pipe": OSError,
        "/dev/null": OSError,
    }.items():
        with pytest.raises(error, match=re.escape(f": '{given}'")):
            write(given)
        assert sorted(os.listdir(folder)) == before and path.read_bytes() == b"old"
    assert not os.path.isfile("/dev/null")


def test_a_path_from_a_working_folder_that_is_gone_is_named(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    with contextlib.chdir(tmp_path):
        os.chdir(gone)
        gone.rmdir()
        with pytest.raises(FileNotFoundError, match="No such file or directory: 'model'"):
            write("model")


def test_a_path_that_can_name_no_file_is_told(tmp_path):
    path = tmp_path / "a\ud800"
    with pytest.raises(ValueError, match=re.escape(f"can name a file, got {path!r}")) as caught:
        write(path)
    assert type(caught.value) is ValueError


def test_a_name_as_long_as_the_system_allows_can_be_written(path):
    long = path.with_name("x" * 255)
    write(long)
    assert long.read_bytes() == b"new"


def test_threads_that_write_one_file_leave_the_whole_of_one(path):
    contents = [bytes([65 + i]) * 100_000 for i in range(4)]
    threads = [threading.Thread(target=write, args=(path, content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert os.listdir(path.parent) == ["file"]
