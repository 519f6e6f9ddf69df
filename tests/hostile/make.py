#!/usr/bin/env python3
"""Makes the files beside it: HDF5 and zip files that must be read right, or refused. Needs h5py and numpy."""
import io
import os
import struct
import zipfile

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
os.chdir(HERE)


def h5(name, **options):
    return h5py.File(name + ".h5", "w", **options)


def dataset(f, name, shape, type_id=h5py.h5t.IEEE_F32LE, plist=None, max_shape=None):
    """A dataset without data, by the low-level interface."""
    space = h5py.h5s.create_simple(shape, max_shape)
    plist = plist or h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_obj_track_times(False)
    return h5py.h5d.create(f.id, name.encode(), type_id, space, plist)


def bfloat16(f, name, values):
    raw = (np.asarray(values, "f4").view("u4") >> 16).astype("u2").view("V2")
    f.create_dataset(name, data=raw)
    return f[name]


def fill_types(f):
    for code in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
        low = 0 if code[0] == "u" else -3
        for order in "<>":
            f[f"{code}{'le' if order == '<' else 'be'}"] = np.array([low, 1, 2, 100], order + code)
    for code in ("f2", "f4", "f8"):
        for order in "<>":
            f[f"{code}{'le' if order == '<' else 'be'}"] = np.array([-1.5, 0, 0.25, np.inf], order + code)
    f["flags"] = np.array([True, False, True])
    f["scalar"] = np.float32(2.5)
    f["empty"] = np.zeros((0, 3), "f4")
    bfloat16(f, "half", [1, -2, 0.15625, np.inf]).attrs["dtype"] = "bfloat16"
    bfloat16(f, "opaque", [1, 2])
    f.create_dataset("packed", data=np.arange(600, dtype="f4").reshape(20, 30), chunks=(7, 11), compression="gzip", shuffle=True,
                     fletcher32=True)
    f["text"] = ["not", "numbers"]
    f["pairs"] = np.zeros(2, [("a", "i4"), ("b", "f4")])
    f.create_dataset("nothing", data=h5py.Empty("f4"))
    f["a/b/c"] = np.int64(5)


def types():
    for name, libver in (("types", "earliest"), ("types_latest", ("v110", "v110"))):
        with h5(name, libver=libver) as f:
            fill_types(f)


def texts():
    with h5("texts") as f:
        f.attrs["keras_version"] = "3.15.1"
        f.attrs.create("ascii", b"plain", dtype=h5py.string_dtype("ascii"))
        f.attrs["accents"] = "d\u00e9j\u00e0 \U0001f600"
        f.attrs["fixed"] = np.bytes_(b"fixed")
        f.attrs["names"] = np.array([b"dense", b"dense_1", b""])
        f.attrs["variable"] = ["alpha", "beta/gamma"]
        f.attrs["none"] = np.zeros(0)
        f.attrs["number"] = 3.5
        f.attrs["long"] = "x" * 70000
        group = f.create_group("model_weights")
        group.attrs["name"] = "model"
        space = h5py.h5t.C_S1.copy()
        space.set_size(8)
        space.set_strpad(h5py.h5t.STR_SPACEPAD)
        scalar = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(f.id, b"padded", space, scalar).write(np.array(b"spaces  ", "S8"))


def references():
    with h5("soft") as f:
        f["real"] = np.zeros(2, "f4")
        f["group/data"] = np.zeros(2, "f4")
        f["soft"] = h5py.SoftLink("/real")
        f["to_group"] = h5py.SoftLink("/group")
    with h5("external_link") as f:
        f["there"] = h5py.ExternalLink("soft.h5", "/real")
    with h5("external_storage") as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_external(b"/etc/passwd", 0, 16)
        dataset(f, "secret", (16,), h5py.h5t.STD_U8LE, plist)
    with h5("virtual", libver=("v110", "v110")) as f:
        layout = h5py.VirtualLayout((2,), "f4")
        layout[:] = h5py.VirtualSource("soft.h5", "real", (2,))
        f.create_virtual_dataset("elsewhere", layout)
    with h5("ring") as f:
        f.create_group("a")
        f["a/again"] = f["a"]
        f["a/up"] = f["/"]
    with h5("named_type") as f:
        f["kind"] = np.dtype("f4")


def sizes():
    with h5("bombs") as f:
        dataset(f, "large", (1 << 30, 1 << 30))
        dataset(f, "unstored", (1 << 20, 1 << 11))
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1 << 26,))
        plist.set_deflate(1)
        dataset(f, "chunk", (4,), plist=plist, max_shape=(h5py.h5s.UNLIMITED,))
    with h5("overflow") as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1, 1, 1))
        dataset(f, "wraps", (1 << 40, 1 << 20, 1 << 10), plist=plist)
    with h5("rank") as f:
        f["nine"] = np.zeros((1,) * 9, "f4")
    with h5("filters") as f:
        f.create_dataset("lzf", data=np.zeros(100, "f4"), compression="lzf")
    with h5("filter_twice") as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((10,))
        plist.set_deflate(1)
        plist.set_deflate(1)
        dataset(f, "twice", (10,), plist=plist)


def checksums():
    with h5("checksums") as f:
        f["wrong"] = np.arange(4, dtype="f4")
        f["wrong"].attrs["nacre_crc32"] = np.uint32(1)
        f["wide"] = np.arange(4, dtype="f4")
        f["wide"].attrs["nacre_crc32"] = np.uint64(1)
        f["text"] = np.arange(4, dtype="f4")
        f["text"].attrs["nacre_crc32"] = "1"


def archive(name, fill):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        fill(z)
    return name + ".zip", data.getvalue()


def save(named, change=lambda b: b):
    with open(named[0], "wb") as f:
        f.write(change(named[1]))


CONFIG = b'{"class_name": "Sequential"}'


def info(name, **fields):
    member = zipfile.ZipInfo(name)
    for key, value in fields.items():
        setattr(member, key, value)
    return member


def plain(z):
    z.writestr(info("metadata.json"), b"{}")
    z.writestr(info("config.json"), CONFIG)


def patched(data, local, central):
    """Fields {offset: bytes} of the headers of config.json."""
    data = bytearray(data)
    at = data.index(b"config.json") - 30
    for offset, value in local.items():
        data[at + offset:at + offset + len(value)] = value
    at = data.rindex(b"config.json") - 46
    for offset, value in central.items():
        data[at + offset:at + offset + len(value)] = value
    return bytes(data)


def zips():
    good = archive("good", plain)
    save(good)

    def deflated(z):
        z.writestr(info("config.json", compress_type=zipfile.ZIP_DEFLATED), CONFIG * 20)

    def bzip2(z):
        z.writestr(info("config.json", compress_type=zipfile.ZIP_BZIP2), CONFIG)

    def symlink(z):
        z.writestr(info("config.json", create_system=3, external_attr=0o120777 << 16), b"/etc/passwd")

    def twice(z):
        plain(z)
        z.writestr(info("config.json"), b"{}")

    def names(z):
        for name in ("../config.json", "/config.json", "Config.json", "assets/config.json", "./config.json"):
            z.writestr(info(name), CONFIG)

    save(archive("deflated", deflated))
    save(archive("bzip2", bzip2))
    save(archive("symlink", symlink))
    save(archive("twice", twice))
    save(archive("names", names))
    save(("encrypted.zip", good[1]), lambda b: patched(b, {6: b"\1\0"}, {8: b"\1\0"}))
    save(("checksum.zip", good[1]), lambda b: b.replace(b"Sequential", b"sequential"))
    save(("leading.zip", good[1]), lambda b: b"#!/bin/sh\n" + b)
    save(("trailing.zip", good[1]), lambda b: b + b"more")
    save(("truncated.zip", good[1]), lambda b: b[:-30])
    save(("local_name.zip", good[1]), lambda b: patched(b, {30: b"konfig.json"}, {}))
    save(("local_size.zip", good[1]), lambda b: patched(b, {22: struct.pack("<I", 5)}, {}))
    save(("both_sizes.zip", good[1]), lambda b: patched(b, {22: struct.pack("<I", 5)}, {24: struct.pack("<I", 5)}))
    save(("offset.zip", good[1]), lambda b: patched(b, {}, {42: struct.pack("<I", 0)}))
    save(("outside.zip", good[1]), lambda b: patched(b, {}, {42: struct.pack("<I", 1 << 30)}))
    large = struct.pack("<I", 0xfffffff0)
    save(("large.zip", archive("", deflated)[1]), lambda b: patched(b, {22: large}, {24: large}))

    # A member that claims 5 GiB in a zip64 field, in both its headers.
    packed = zipfile.zlib.compressobj(9, zipfile.zlib.DEFLATED, -15)
    body = packed.compress(CONFIG) + packed.flush()
    crc, size, name = zipfile.zlib.crc32(CONFIG), 5 << 30, b"config.json"
    extra = struct.pack("<HHQQ", 1, 16, size, len(body))
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 45, 0, 8, 0, 33, crc, 0xffffffff, 0xffffffff, len(name), len(extra)) + name + extra + body
    central = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 45, 45, 0, 8, 0, 33, crc, 0xffffffff, 0xffffffff, len(name), len(extra), 0, 0, 0,
                          0, 0) + name + extra
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local), 0)
    save(("bomb.zip", local + central + end))


if __name__ == "__main__":
    types()
    texts()
    references()
    sizes()
    checksums()
    zips()
