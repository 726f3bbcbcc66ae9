# SPDX-License-Identifier: Apache-2.0
"""Kernel, KVM module and busybox of Debian for riscv64, from Debian's packages.

apt downloads them with folders of its own: the system's lists stay as they are and root is not needed. apt believes a
package only when the archive's signed lists name its digest. On top of that, packages.json pins the digests of versions
that were looked at once: a known version with another digest is an error. What is taken out of the packages is kept in
the cache with digests, so that the next run needs neither network nor the packages.
"""

import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PINS = os.path.join(HERE, "packages.json")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = os.environ.get("TOUCHSTONE_DEBIAN_MIRROR", "http://deb.debian.org/debian")
SECONDS = 900

# What is taken out of the packages: name in the cache, and where it is in a package.
WANTED = {
    "kernel": re.compile(r"\./(boot/vmlinu[xz]-|usr/lib/modules/[^/]+/vmlinu[xz]$)"),
    "kvm.ko": re.compile(r"\./usr/lib/modules/[^/]+/kernel/arch/riscv/kvm/kvm\.ko(\.xz)?$"),
    "irqbypass.ko": re.compile(r"\./usr/lib/modules/[^/]+/kernel/virt/lib/irqbypass\.ko(\.xz)?$"),
    "busybox": re.compile(r"\./(usr/)?bin/busybox$"),
}


class Unavailable(Exception):
    """The packages cannot be had here and now: no network, a mirror that is not in order, no apt."""


class Wrong(Exception):
    """The packages are not what they have to be."""


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder():
    base = os.environ.get("TOUCHSTONE_CACHE")
    if not base:
        base = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "touchstone")
    return os.path.join(base, "linux")


def pins():
    with open(PINS, encoding="utf-8") as file:
        return json.load(file)["packages"]


def check_pin(package):
    """True when the version is pinned, False when nobody has seen it yet."""
    for pin in pins():
        if (pin["name"], pin["version"]) != (package["name"], package["version"]):
            continue
        if pin["sha256"] != package["sha256"]:
            raise Wrong(f"{package['name']} {package['version']} has another digest than packages.json says")
        return True
    return False


# ---------------------------------------------------------------- the cache


def cached(folder):
    """What an earlier run left, when every file is still what it was; else None."""
    try:
        with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        good = all(digest(os.path.join(folder, name)) == value for name, value in manifest["files"].items())
    except (OSError, ValueError, KeyError):
        return None
    return manifest if good and set(manifest["files"]) == set(WANTED) else None


# ---------------------------------------------------------------- apt


class Apt:
    """apt with lists, cache and state of its own below `folder`."""

    def __init__(self, folder, suite):
        self.folder = folder
        for name in ("state/lists/partial", "cache/archives/partial", "debs"):
            os.makedirs(os.path.join(folder, name))
        if not os.path.exists(KEYRING):
            raise Unavailable(f"{KEYRING} is missing: install the Debian package debian-archive-keyring")
        with open(os.path.join(folder, "sources.list"), "w", encoding="utf-8") as file:
            file.write(f"deb [signed-by={KEYRING}] {MIRROR} {suite} main\n")
        options = {
            "Dir::Etc::sourcelist": os.path.join(folder, "sources.list"),
            "Dir::Etc::sourceparts": "-",
            "Dir::State": os.path.join(folder, "state"),
            "Dir::State::status": "/dev/null",
            "Dir::Cache": os.path.join(folder, "cache"),
            "APT::Architecture": "riscv64",
            "APT::Architectures": "riscv64",
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
            "Acquire::Retries": "1",
        }
        self.options = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

    def run(self, tool, *words):
        command = [tool, "-q", *self.options, *words]
        try:
            done = subprocess.run(
                command, cwd=os.path.join(self.folder, "debs"), capture_output=True, text=True, timeout=SECONDS
            )
        except OSError as error:
            raise Unavailable(f"{tool}: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"{tool} {words[0]} did not end within {SECONDS} seconds") from error
        return done

    def update(self, suite):
        done = self.run("apt-get", "update")
        text = done.stdout + done.stderr
        if done.returncode or "\nE:" in "\n" + text or "\nErr:" in "\n" + text:
            lines = [line.strip() for line in text.splitlines() if re.match(r"\s+[A-Z]|E:", line)]
            raise Unavailable(f"no verified package list from {MIRROR}: {lines[0] if lines else text[-200:]}")

    def show(self, name):
        """Fields of the newest version, or None."""
        done = self.run("apt-cache", "show", "--no-all-versions", name)
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", done.stdout, re.MULTILINE))
        return fields if done.returncode == 0 and fields.get("Package") == name else None

    def download(self, package):
        done = self.run("apt-get", "download", f"{package['Package']}={package['Version']}")
        name = os.path.basename(package["Filename"])
        for found in os.listdir(os.path.join(self.folder, "debs")):
            path = os.path.join(self.folder, "debs", found)
            if found.startswith(package["Package"] + "_") and digest(path) == package["SHA256"]:
                return path
        raise Unavailable(f"cannot download {name}: {(done.stderr or done.stdout).strip()[-200:]}")


def choose(apt, suite):
    """The packages that hold what is wanted: the kernel that the metapackage stands for, and busybox."""
    meta, busybox = apt.show("linux-image-riscv64"), apt.show("busybox-static")
    match = re.search(r"linux-image-([0-9][^ ,|]*)", meta["Depends"]) if meta else None
    if not match or not busybox:
        raise Unavailable(f"{suite} has no kernel or no busybox-static for riscv64")
    release = match.group(1)
    # Newer suites have image and modules apart, and the package with the old name is empty.
    parts = [apt.show(f"linux-{part}-{release}") for part in ("binary", "modules")]
    kernel = parts if all(parts) else [apt.show(f"linux-image-{release}")]
    return release, [*kernel, busybox]


# ---------------------------------------------------------------- unpacking


def unpack(deb, folder):
    """Take what is wanted out of one package. Returns the names found."""
    found = []
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                for name, pattern in WANTED.items():
                    if not member.isfile() or not pattern.match(member.name):
                        continue
                    data = archive.extractfile(member).read()
                    if member.name.endswith(".xz"):
                        data = lzma.decompress(data)
                    with open(os.path.join(folder, name), "wb") as out:
                        out.write(data)
                    found.append(name)
    return found


def fetch(suite, folder, say):
    """Download and unpack into `folder`, which becomes complete at once or not at all."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=os.path.dirname(folder)) as work:
        apt = Apt(os.path.join(work, "apt"), suite)
        apt.update(suite)
        release, chosen = choose(apt, suite)
        files = os.path.join(work, "files")
        os.mkdir(files)
        found, packages = [], []
        for package in chosen:
            say(f"downloading {package['Package']} {package['Version']} ({int(package['Size']) >> 20} MiB)")
            path = apt.download(package)
            packages.append(
                {
                    "name": package["Package"],
                    "version": package["Version"],
                    "sha256": package["SHA256"],
                    "size": int(package["Size"]),
                    "file": package["Filename"],
                }
            )
            check_pin(packages[-1])
            found += unpack(path, files)
            os.remove(path)
        if sorted(found) != sorted(WANTED):
            raise Wrong(f"the packages of {suite} hold {sorted(found)} and not {sorted(WANTED)}")
        manifest = {
            "suite": suite,
            "release": release,
            "packages": packages,
            "files": {name: digest(os.path.join(files, name)) for name in sorted(WANTED)},
        }
        with open(os.path.join(files, "manifest.json"), "w", encoding="utf-8") as out:
            json.dump(manifest, out, indent=1)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(files, folder)
    return manifest


def provide(suite, say, refresh=False):
    """(folder, manifest) of the suite's files, from the cache or from the archive."""
    folder = os.path.join(cache_folder(), suite)
    manifest = None if refresh else cached(folder)
    if manifest is None:
        manifest = fetch(suite, folder, say)
    for package in manifest["packages"]:
        package["pinned"] = check_pin(package)
    return folder, manifest
