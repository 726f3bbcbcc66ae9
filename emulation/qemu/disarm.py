# SPDX-License-Identifier: Apache-2.0
"""Firmware without a defence: patches of emulation/qemu/attacks/disarm on top of a built firmware.

Only the files that a patch changes are compiled again, with the commands that the build used for them; everything else
is linked as it lies in the build folder. So patches change .c and .S files, no headers.
"""

import os
import re
import shlex
import shutil
import subprocess

PATCHES = "emulation/qemu/attacks/disarm"
TARGET = "fw.elf"


class Failed(Exception):
    """A patch does not apply, or what it makes does not build."""


class Builder:
    def __init__(self, source, build, work):
        self.source, self.build_folder, self.work = source, os.path.abspath(build), work
        self.commands = None

    def read_commands(self):
        """What the build runs for the firmware, one argument list each: compilations by object, and the link."""
        done = subprocess.run(["ninja", "-C", self.build_folder, "-t", "commands", TARGET], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise Failed(f"{self.build_folder} is no firmware build: {done.stdout.strip() or done.stderr.strip()}")
        self.commands = {}
        for line in done.stdout.splitlines():
            for part in re.split(r" && ", line):
                words = shlex.split(part)
                if "-o" in words:
                    self.commands[words[words.index("-o") + 1]] = words

    def build(self, patches):
        """Path of the patched firmware. `patches` are names without suffix, applied in this order."""
        if self.commands is None:
            self.read_commands()
        folder = os.path.join(self.work, "+".join(patches))
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        changed = self.patched_sources(patches, folder)
        objects = {}
        for name in changed:
            target = next((o for o, words in self.commands.items() if "-c" in words and words[-1].endswith("/" + name)), None)
            if target is None:
                raise Failed(f"{name} is not compiled into {TARGET}")
            objects[target] = os.path.join(folder, os.path.basename(name) + ".obj")
            words = [self.object_word(word, target, objects[target]) for word in self.commands[target]]
            words[words.index(next(w for w in words if w.endswith("/" + name)))] = os.path.join(folder, name)
            self.run(words, f"{'+'.join(patches)}: {name}")
        image = os.path.join(folder, TARGET)
        words = [objects.get(word, word) for word in self.commands[TARGET]]
        words = ["-Wl,-Map=" + image + ".map" if word.startswith("-Wl,-Map=") else word for word in words]
        words[words.index("-o") + 1] = image
        self.run(words, "+".join(patches))
        return image

    @staticmethod
    def object_word(word, target, replacement):
        """The object itself, and the files that lie beside it (dependencies)."""
        if word == "-Werror":
            return "-w"
        return replacement + word[len(target):] if word in (target, target + ".d") else word

    def patched_sources(self, patches, folder):
        names = []
        for patch in patches:
            path = os.path.join(self.source, PATCHES, patch + ".patch")
            try:
                with open(path, encoding="utf-8") as stream:
                    text = stream.read()
            except OSError as error:
                raise Failed(f"{path}: {error.strerror}") from error
            for name in re.findall(r"^\+\+\+ b/(\S+)", text, re.M):
                if name not in names:
                    names.append(name)
                    os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
                    shutil.copy(os.path.join(self.source, name), os.path.join(folder, name))
            done = subprocess.run(["patch", "-p1", "--batch", "--forward", "--fuzz=0", "--no-backup-if-mismatch", "-d", folder,
                                   "-i", os.path.abspath(path)], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Failed(f"{path} does not apply: {done.stdout.strip()}")
        return names

    def run(self, words, what):
        done = subprocess.run(words, cwd=self.build_folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"cannot build without {what}: {done.stderr.strip()}")
