"""A file is written whole or not at all, whatever the disk does."""

import errno
import os
import threading

import pytest

from skbetafd.training import whole_file


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


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt(), MemoryError()])
def test_an_error_that_is_not_the_system_s_comes_out_as_it_is(path, error):
    with pytest.raises(type(error)) as caught, whole_file(path) as file:
        file.write(b"ha")
        raise error
    assert caught.value is error
    assert os.listdir(path.parent) == ["file"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_whatever_the_system_refuses_the_old_file_stays_and_the_error_names_it(
    path, call, number, monkeypatch
):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number), "another name")

    if call == "open":
        monkeypatch.setattr("builtins.open", refuse)
    else:
        monkeypatch.setattr(os, call, refuse)
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


def test_a_device_is_not_replaced(path):
    os.mkfifo(path.with_name("pipe"))
    for special in (path.with_name("pipe"), "/dev/null"):
        with pytest.raises(OSError, match=f"no ordinary file: '{special}'"):
            write(special)
    assert not os.path.isfile("/dev/null")


def test_a_folder_or_one_that_is_missing_is_named(path):
    with pytest.raises(IsADirectoryError, match=f"is needed: '{path.parent}'"):
        write(path.parent)
    with pytest.raises(FileNotFoundError, match=f"'{path.parent}/none/file'"):
        write(path.parent / "none" / "file")


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
