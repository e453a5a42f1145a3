#!/usr/bin/env python3
"""Pack a directory as an image of one layer, a docker-archive: mkimage.py OUT.tar NAME:TAG ROOT ENTRYPOINT..."""
import hashlib
import io
import json
import platform
import sys
import tarfile
import tempfile

out, name, root, *entrypoint = sys.argv[1:]
architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]

with tempfile.TemporaryFile() as layer, tarfile.open(out, "w") as archive:
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(root, arcname=".")
    size = layer.tell()
    layer.seek(0)
    digest = hashlib.file_digest(layer, "sha256").hexdigest()
    layer.seek(0)

    def put(path: str, content: io.IOBase, length: int) -> None:
        member = tarfile.TarInfo(path)
        member.size = length
        archive.addfile(member, content)

    config = json.dumps({
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": entrypoint, "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    put("layer.tar", layer, size)
    put(config_name, io.BytesIO(config), len(config))
    put("manifest.json", io.BytesIO(manifest), len(manifest))
