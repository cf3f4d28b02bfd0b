"""Compiles HLSL with Microsoft's compiler (DXC), as wgpu does, through its interface in C++'s layout.

Usage: compile.py LIBRARY FOLDER

LIBRARY is libdxcompiler.so. Each *.hlsl in FOLDER is a compute shader; its first line says for which shader model and
whether it needs types of 16 bits: `// 6_8 f16`. Prints what the compiler refuses, and a line that counts. Exit
status: 0 if it takes all, 1 otherwise.
"""

import ctypes
import multiprocessing
import pathlib
import sys
import uuid

COMPILER_CLASS = "73e22d93-e6ce-47f3-b5bf-f0664f39c1b0"
COMPILER = "228b4687-5a6a-4730-900c-9702b2203f54"  # IDxcCompiler3
RESULT = "58346cda-dde7-4497-9461-6f87af5e0659"  # IDxcResult
UTF8 = 65001

# Places in the tables of functions, after the three of IUnknown.
RELEASE = 2
COMPILE = 3
GET_STATUS = 3
GET_ERRORS = 5
GET_POINTER = 3
GET_SIZE = 4

pointer = ctypes.c_void_p


class Source(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char_p), ("bytes", ctypes.c_size_t), ("encoding", ctypes.c_uint)]


def guid(text):
    return (ctypes.c_char * 16).from_buffer_copy(uuid.UUID(text).bytes_le)


def call(thing, place, result, *arguments):
    """Calls the function at `place` of an object; arguments are pairs of a type and a value."""
    table = ctypes.cast(thing, ctypes.POINTER(ctypes.POINTER(pointer))).contents
    types = [kind for kind, _ in arguments]
    function = ctypes.CFUNCTYPE(result, pointer, *types)(table[place])
    return function(thing, *[value for _, value in arguments])


def compiler(library):
    made = pointer()
    create = ctypes.CDLL(library).DxcCreateInstance
    status = create(guid(COMPILER_CLASS), guid(COMPILER), ctypes.byref(made))
    assert status == 0, f"DxcCreateInstance: {status:#x}"
    return made


def compiled(dxc, text):
    """Compiles a text. Returns whether the compiler takes it, and its words."""
    model, *rest = text.split("\n", 1)[0].removeprefix("//").split()
    # DXC has no model before 6.0; what FXC is given is a part of that.
    model = "6_0" if model.startswith("5_") else model
    # As in wgpu-hal's src/dx12/shader_compilation.rs.
    words = ["-E", "main", "-T", f"cs_{model}", "-HV", "2018", "-no-warnings", "-Ges"]
    words += ["-enable-16bit-types"] if "f16" in rest else []
    data = text.encode()
    source = Source(data, len(data), UTF8)
    result = pointer()
    status = call(
        dxc,
        COMPILE,
        ctypes.c_int,
        (ctypes.POINTER(Source), ctypes.byref(source)),
        (ctypes.POINTER(ctypes.c_wchar_p), (ctypes.c_wchar_p * len(words))(*words)),
        (ctypes.c_uint, len(words)),
        (pointer, None),
        (pointer, ctypes.cast(guid(RESULT), pointer)),
        (ctypes.POINTER(pointer), ctypes.byref(result)),
    )
    assert status == 0, f"Compile: {status:#x}"
    taken = ctypes.c_int()
    call(result, GET_STATUS, ctypes.c_int, (ctypes.POINTER(ctypes.c_int), ctypes.byref(taken)))
    errors = pointer()
    call(result, GET_ERRORS, ctypes.c_int, (ctypes.POINTER(pointer), ctypes.byref(errors)))
    said = ""
    if errors:
        bytes_ = call(errors, GET_SIZE, ctypes.c_size_t)
        said = ctypes.string_at(call(errors, GET_POINTER, pointer), bytes_).decode(errors="replace").strip("\0\n ")
        call(errors, RELEASE, ctypes.c_uint)
    call(result, RELEASE, ctypes.c_uint)
    return taken.value == 0, said


def begin(library):
    global dxc
    dxc = compiler(library)


def look(file):
    text = file.read_text()
    taken, said = compiled(dxc, text)
    return file, text, taken, said


def main(library, folder):
    begin(library)
    refused = "// 6_0\n[numthreads(1, 1, 1)] void main() { uint x = y; }"
    taken, said = compiled(dxc, refused)
    assert not taken and "undeclared" in said, f"the compiler takes what is wrong: {said}"
    files = sorted(pathlib.Path(folder).glob("*.hlsl"))
    assert files, f"no *.hlsl in {folder}"
    failed = 0
    with multiprocessing.get_context("spawn").Pool(2, begin, (library,)) as pool:
        for file, text, taken, said in pool.imap_unordered(look, files, 4):
            if not taken:
                failed += 1
                plan = text.split("\n", 2)[1].removeprefix("// ")
                print(f"{file.name}: {plan}\n{said}\n", flush=True)
    print(f"{len(files) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
