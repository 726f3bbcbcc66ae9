#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the firmware in its three image formats, as ELF and as flat binary, with SHA-256 sums.

fw_dynamic learns from the stage before where the next one is, fw_jump goes to a fixed address, and fw_payload has the
next stage inside. Two builds of the same source with the same compiler give the same bits, wherever they are made.

Exit code: 0 built; 2 usage; 3 a tool is missing; 4 a file is missing or in the way, or the build failed.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "image")
FILES = [f"fw_{kind}.{form}" for kind in ("dynamic", "jump", "payload") for form in ("elf", "bin")]
TARGETS = ["fw_dynamic", "fw_jump", "fw_payload"]
TOOLS = {
    "cmake": "cmake",
    "ninja": "ninja-build",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
    "riscv64-unknown-elf-objcopy": "binutils-riscv64-unknown-elf",
}


def arguments():
    parser = argparse.ArgumentParser(prog="touchstone image", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--payload", metavar="FILE", help="next stage inside of fw_payload (default: the QEMU payload)")
    parser.add_argument("--jump-address", default="0x80200000", metavar="ADDRESS", help="entry of fw_jump (0x80200000)")
    parser.add_argument("--output", default=os.path.join(ROOT, "build", "images"), metavar="DIR", help="for the files")
    args = parser.parse_args()
    try:
        args.jump_address = hex(int(args.jump_address, 0))
    except ValueError:
        parser.error(f"{args.jump_address} is not an address")
    return args


def stop(code, text):
    print(f"touchstone image: {text}", file=sys.stderr)
    sys.exit(code)


def run(*command):
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-20:]), file=sys.stderr)
        stop(4, f"{' '.join(command[:3])} failed")


def build(args):
    payload = os.path.abspath(args.payload) if args.payload else ""
    if payload and not os.path.isfile(payload):
        stop(4, f"{args.payload} does not exist")
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            stop(3, f"{tool} not found: install the Debian package {package}")
    run(os.path.join(ROOT, "ci", "fetch-bearssl"))
    options = [f"-DTOUCHSTONE_PAYLOAD={payload}", f"-DTOUCHSTONE_JUMP_ADDRESS={args.jump_address}"]
    run("cmake", "--preset", "firmware", "-B", BUILD, *options)
    run("cmake", "--build", BUILD, "--target", *TARGETS)


def collect(output):
    os.makedirs(output, exist_ok=True)
    lines = []
    for name in FILES:
        with open(os.path.join(BUILD, name), "rb") as file:
            data = file.read()
        with open(os.path.join(output, name), "wb") as file:
            file.write(data)
        lines.append(f"{hashlib.sha256(data).hexdigest()}  {name}")
        print(f"{lines[-1]}  ({len(data)} bytes)")
    with open(os.path.join(output, "SHA256SUMS"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def main():
    args = arguments()
    build(args)
    try:
        collect(args.output)
    except OSError as error:
        stop(4, f"{error.filename}: {error.strerror}")
    print(f"in {os.path.relpath(args.output)}: {len(FILES)} images and SHA256SUMS")
    return 0


if __name__ == "__main__":
    sys.exit(main())
